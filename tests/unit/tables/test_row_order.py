"""No table of results comes in the order of file names, or of the rows of a person's table."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgdose.analysis.agreement import errors_by_record
from pgdose.cohort.usability import left_out
from pgdose.histology.fields import index_fields
from pgdose.histology.slide_table import list_slides
from pgdose.imagetable.index import index_images
from pgdose.tables import parquet, source_index
from pgdose.tables.keyed import SourceIds, opaque
from pgdose.tables.record_schemas import RECORDS
from pgdose.tables.rejects import reject_table
from pgdose.xray.archive_index import header_rejects

KEY = b"k" * 32
NAMES = [f"{name}.png" for name in "abcdefghijkl"]
shuffled = given(order=st.permutations(range(12)))


class Output:
    def __init__(self, folder: Path) -> None:
        self.records, self.rejects = folder / "records.parquet", folder / "rejects.parquet"
        self.paths = folder / "private/paths.parquet"


def ids(rejects: pd.DataFrame) -> list[str]:
    return rejects["record_id"].tolist()


@shuffled
def test_rejects_of_an_index_are_sorted_by_id(order: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = pd.DataFrame({"image": [NAMES[n] for n in order], "patient": ""})
        index = index_images(table, folder, SourceIds(KEY, "s"))
        assert len(index.rejects) == 12
        source_index.write_index(pd.DataFrame(), index.rejects, [], Output(folder), RECORDS, {})
        written = parquet.read_table(folder / "rejects.parquet")
    assert ids(written) == sorted(opaque(KEY, "s", name) for name in NAMES)


@shuffled
def test_rejects_of_fields_slides_headers_and_groups_too(order: list[int]) -> None:
    names = [NAMES[n] for n in order]
    of_fields = pd.DataFrame({"file": [*names, "good.png"], "patient": "1", "class": "norm"})
    of_slides = pd.DataFrame({"slide": names * 2, "patient": "1"})
    how = {"key": KEY, "source": "s", "patients": "s"}
    with tempfile.TemporaryDirectory() as name:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(Path(name, "good.png"))
        fields = index_fields(of_fields, Path(name), tile=16, margin="error", **how)
        slides = list_slides(of_slides, Path(name), **how)
    for rejects in (fields.rejects, slides.rejects):
        assert len(rejects) == 12
        assert ids(reject_table(rejects)) == sorted(reject.record_id for reject in rejects)
    assert slides.slides["record_id"].is_monotonic_increasing
    headers = pd.DataFrame({"record_id": [f"{n:02}" for n in order], "reason": "r", "detail": ""})
    assert ids(header_rejects(headers)) == [f"{n:02}" for n in range(12)]
    candidates = headers.assign(usable=False, stage="group")
    assert ids(left_out(candidates)) == [f"{n:02}" for n in range(12)]


@shuffled
def test_errors_of_the_labeller_are_sorted_by_id(order: list[int]) -> None:
    errors = pd.DataFrame({"label": "norm", "id": list("abcdefghijkl"), "hand": "", "found": ""})
    headers = pd.DataFrame(
        {"record_id": [f"{n:02}" for n in range(24)], "link": [*"abcdefghijkl"] * 2}
    )
    expected = errors_by_record(errors, headers)
    assert expected["record_id"].is_monotonic_increasing
    other = errors_by_record(errors.iloc[order], headers.sample(frac=1, random_state=order[0]))
    pd.testing.assert_frame_equal(other.reset_index(drop=True), expected.reset_index(drop=True))
