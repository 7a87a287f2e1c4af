"""No table of results comes in the order of file names, or of the rows of a person's table."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
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
SHUFFLES = [random.Random(n).sample(range(12), 12) for n in range(20)]


class Output:
    def __init__(self, folder: Path) -> None:
        self.records, self.rejects = folder / "records.parquet", folder / "rejects.parquet"
        self.paths = folder / "private/paths.parquet"


def ids(rejects: pd.DataFrame) -> list[str]:
    return rejects["record_id"].tolist()


@pytest.mark.parametrize("order", SHUFFLES, ids=range(20))
def test_rejects_of_an_index_are_sorted_by_id(order: list[int], tmp_path: Path) -> None:
    table = pd.DataFrame({"image": [NAMES[n] for n in order], "patient": ""})
    index = index_images(table, tmp_path, SourceIds(KEY, "s"))
    assert len(index.rejects) == 12
    source_index.write_index(pd.DataFrame(), index.rejects, [], Output(tmp_path), RECORDS, {})
    written = parquet.read_table(tmp_path / "rejects.parquet")
    assert ids(written) == sorted(opaque(KEY, "s", name) for name in NAMES)


@pytest.mark.parametrize("order", SHUFFLES, ids=range(20))
def test_rejects_of_fields_slides_headers_and_groups_too(order: list[int], tmp_path: Path) -> None:
    names = [NAMES[n] for n in order]
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "good.png")
    table = pd.DataFrame({"file": [*names, "good.png"], "patient": "1", "class": "norm"})
    fields = index_fields(
        table, tmp_path, key=KEY, source="s", tile=16, margin="error", patients="s"
    )
    slides = list_slides(
        pd.DataFrame({"slide": names * 2, "patient": "1"}),
        tmp_path,
        key=KEY,
        source="s",
        patients="s",
    )
    for rejects in (fields.rejects, slides.rejects):
        assert len(rejects) == 12
        assert ids(reject_table(rejects)) == sorted(reject.record_id for reject in rejects)
    assert slides.slides["record_id"].is_monotonic_increasing
    headers = pd.DataFrame({"record_id": [f"{n:02}" for n in order], "reason": "r", "detail": ""})
    assert ids(header_rejects(headers)) == [f"{n:02}" for n in range(12)]
    candidates = headers.assign(usable=False)
    assert ids(left_out(candidates)) == [f"{n:02}" for n in range(12)]


@pytest.mark.parametrize("order", SHUFFLES, ids=range(20))
def test_errors_of_the_labeller_are_sorted_by_id(order: list[int]) -> None:
    errors = pd.DataFrame({"label": "norm", "id": list("abcdefghijkl"), "hand": "", "found": ""})
    headers = pd.DataFrame(
        {"record_id": [f"{n:02}" for n in range(24)], "link": [*"abcdefghijkl"] * 2}
    )
    expected = errors_by_record(errors, headers)
    assert expected["record_id"].is_monotonic_increasing
    shuffled = errors_by_record(errors.iloc[order], headers.sample(frac=1, random_state=order[0]))
    pd.testing.assert_frame_equal(shuffled.reset_index(drop=True), expected.reset_index(drop=True))
