"""The candidates of all slides of a table, and the slides that are rejected."""

from pathlib import Path

import pandas as pd
import pytest
from helpers.image_tables import list_slide_rows
from helpers.slide_files import write_slide
from helpers.slide_surveys import settings, tissue_image

from pgdose.histology.candidates import survey_shard
from pgdose.histology.slides.slide_table import slide_folders
from pgdose.tables.keyed import SourceIds

IDS = SourceIds(b"k" * 32, "breast", "breast")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slide(tmp_path_factory.mktemp("slide") / "s.svs", tissue_image())


def table(*rows: dict[str, str]) -> pd.DataFrame:
    columns = ["slide", "patient", "outlines", "class", "mpp"]
    return pd.DataFrame([{**dict.fromkeys(columns, ""), **row} for row in rows])


def survey_all(rows: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Candidates of all slides of a table, and the reasons of the rejected ones by file."""
    slides = list_slide_rows(rows, root).slides
    result = survey_shard(
        slides.to_dict("records"), slide_folders(root), settings(), seed=1, ids=IDS
    )
    assert result.slides["record_id"].tolist() == slides["record_id"].tolist()
    reasons = {}
    if "reason" in result.slides:
        rejected = result.slides[result.slides["reason"].notna()].set_index("record_id")["reason"]
        names = slides.set_index("record_id")["slide"]
        reasons |= {names[record_id]: reason for record_id, reason in rejected.items()}
    return result.candidates, reasons


def test_slides_that_cannot_be_used_are_rejected_and_the_rest_goes_on(
    plain: Path, tmp_path: Path
) -> None:
    content = plain.read_bytes()
    (tmp_path / "good.svs").write_bytes(content)
    (tmp_path / "text.svs").write_text("no slide")
    (tmp_path / "empty.svs").touch()
    for percent in (5, 50, 90):
        (tmp_path / f"cut{percent}.svs").write_bytes(content[: len(content) * percent // 100])
    (tmp_path / "bad.geojson").write_text("no outlines")
    (tmp_path / "bad.doc").write_text("no outlines")
    good = {"patient": "Ivanova", "class": "norm"}
    rows = table(
        {**good, "slide": "good.svs"},
        {**good, "slide": "good.svs"},
        {**good, "slide": "text.svs"},
        {**good, "slide": "empty.svs"},
        *({**good, "slide": f"cut{percent}.svs"} for percent in (5, 50, 90)),
        {**good, "slide": "gone.svs"},
        {**good, "slide": "../gone.svs"},
    )
    result, reasons = survey_all(rows, tmp_path)
    assert result["parent"].nunique() == 1
    assert sorted(reasons.values()) == sorted(
        [*["unreadable_slide"] * 5, "file_missing", "outside_root"]
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"patient": ""}, "no_patient"),
        ({"class": ""}, "no_outlines"),
        ({"outlines": "bad.geojson"}, "unreadable_outlines"),
        ({"outlines": "bad.doc"}, "unknown_outlines"),
        ({"outlines": "gone.geojson"}, "file_missing"),
        ({"class": "stroma"}, "unmapped_class"),
        ({"mpp": "half"}, "wrong_mpp"),
    ],
)
def test_a_row_of_the_table_that_is_not_in_order_rejects_its_slide(
    plain: Path, row: dict[str, str], expected: str
) -> None:
    for name in ("bad.geojson", "bad.doc"):
        plain.with_name(name).write_text("no outlines")
    good = {"slide": plain.name, "patient": "Ivanova", "class": "norm"}
    assert survey_all(table({**good, **row}), plain.parent)[1] == {plain.name: expected}


def test_nothing_tells_a_name_of_the_table(plain: Path) -> None:
    result, _ = survey_all(
        table({"slide": plain.name, "patient": "Ivanova", "class": "norm"}), plain.parent
    )
    assert plain.stem not in set(result["parent"]) and "Ivanova" not in result.to_csv()
