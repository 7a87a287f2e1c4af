"""No table of results comes in the order of file names, or of the rows of a person's table."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from helpers.image_tables import KEY, index_field_rows, index_rows, list_slide_rows
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pgdose.analysis.agreement import errors_by_record
from pgdose.cohort.usability import left_out
from pgdose.tables import parquet, source_index
from pgdose.tables.keyed import opaque
from pgdose.tables.record_schemas import RECORDS
from pgdose.tables.rejects import reject_table
from pgdose.xray.archive_index import header_rejects

NAMES = [f"{name}.png" for name in "abcdefghijkl"]
shuffled = given(order=st.permutations(range(12)))


class Output:
    def __init__(self, folder: Path) -> None:
        self.records, self.rejects = folder / "records.parquet", folder / "rejects.parquet"
        self.repeated = folder / "repeated.parquet"
        self.paths = folder / "private/paths.parquet"


def ids(rejects: pd.DataFrame) -> list[str]:
    return rejects["record_id"].tolist()


@shuffled
def test_rejects_of_an_index_are_sorted_by_id(order: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "good.png").touch()
        table = pd.DataFrame({"image": [NAMES[n] for n in order] + ["good.png"], "patient": ""})
        index = index_rows(table, folder)
        assert len(index.rejects) == 13
        index = index._replace(paths=[])
        source_index.write_index(pd.DataFrame(), index, Output(folder), RECORDS, {})
        written = parquet.read_table(folder / "rejects.parquet")
    assert ids(written) == sorted(opaque(KEY, "nih", name) for name in [*NAMES, "good.png"])


@shuffled
def test_rejects_of_fields_slides_headers_and_groups_too(order: list[int]) -> None:
    names = [NAMES[n] for n in order]
    of_fields = pd.DataFrame({"file": [*names, "good.png"], "patient": "1", "class": "norm"})
    with tempfile.TemporaryDirectory() as name:
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(Path(name, "good.png"))
        fields = index_field_rows(of_fields, Path(name), tile=16).tiles
        of_slides = pd.DataFrame({"slide": [*names, "good.png"], "patient": "1"})
        slides = list_slide_rows(of_slides, Path(name))
    assert len(fields.rejects) == 12
    assert ids(reject_table(fields.rejects)) == sorted(r.record_id for r in fields.rejects)
    assert slides.slides["record_id"].is_monotonic_increasing
    headers = pd.DataFrame({"record_id": [f"{n:02}" for n in order], "reason": "r", "detail": ""})
    assert ids(header_rejects(headers)) == [f"{n:02}" for n in range(12)]
    candidates = headers.assign(usable=False)
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
