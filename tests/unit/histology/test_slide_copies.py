"""Slides that stand in a table under several names are one slide."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
import pytest
import tifffile
from helpers.image_tables import KEY, list_slide_rows
from helpers.slide_files import write_dicom, write_mirax, write_slide
from helpers.slide_surveys import settings, tissue_image, write_outlines
from shapely.geometry import box

from pgdose.analysis.slide_outcomes import slide_outcomes
from pgdose.errors import UserError
from pgdose.histology.candidates import survey_shard
from pgdose.histology.slides.slide_table import SlideList, slide_folders
from pgdose.histology.tile_selection import TileIndex, index_tiles
from pgdose.tables.keyed import SourceIds
from pgdose.tables.rejects import with_rejects
from pgdose.tables.slide_schemas import SLIDES


def write_raw(path: Path, picture: np.ndarray) -> Path:
    """A slide of one level of over 5 MB, which has no quickhash."""
    tifffile.imwrite(path, picture, photometric="rgb", tile=(256, 256), metadata=None)
    with openslide.OpenSlide(path) as slide:
        assert "openslide.quickhash-1" not in slide.properties
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two slides, and one of them by all kinds of names."""
    root = tmp_path_factory.mktemp("slides")
    write_slide(root / "a.svs", tissue_image())
    write_slide(root / "b.svs", np.flip(tissue_image(), axis=0))
    (root / "copies").mkdir()
    shutil.copy(root / "a.svs", root / "copies" / "copy.svs")
    os.link(root / "a.svs", root / "hard.svs")
    (root / "soft.svs").symlink_to("a.svs")
    (root / "series").mkdir()
    write_dicom(root / "series", np.flip(tissue_image(), axis=1))
    write_mirax(root / "m.mrxs", tissue_image())
    shutil.copy(root / "m.mrxs", root / "m2.mrxs")
    shutil.copytree(root / "m", root / "m2")
    for name in ("o.geojson", "same.geojson"):
        write_outlines(root / name, (box(512, 0, 1024, 512), "tumour"))
    write_outlines(root / "other.geojson", (box(512, 0, 1024, 1024), "tumour"))
    write_raw(root / "raw.tif", tissue_image(2048))
    shutil.copy(root / "raw.tif", root / "raw2.tif")
    return root


def index(
    root: Path, rows: list[dict[str, str]], **keys: Any
) -> tuple[TileIndex, SlideList, pd.DataFrame]:
    columns = ["slide", "patient", "outlines", "class", "mpp"]
    table = pd.DataFrame([{**dict.fromkeys(columns, ""), "class": "norm", **row} for row in rows])
    slides = list_slide_rows(table, root, **keys)
    ids = SourceIds(KEY, "breast", keys.get("patients") or "breast")
    entry = settings(tile=256)
    surveyed = survey_shard(
        slides.slides.to_dict("records"), slide_folders(root), entry, seed=1, ids=ids
    )
    facts = surveyed.slides.reindex(columns=SLIDES.names)
    selection: Any = {"tiles_per_class": 4, "tile_classes": ["norm"], "tile": 256, "shards": 2}
    selection |= {"several": keys.get("several", "error"), "colour": "as_stored"}
    return index_tiles(surveyed.candidates, facts, slides, selection, ids), slides, facts


NAMES = ["copies/copy.svs", "hard.svs", "soft.svs", "./a.svs", "A.SVS", "a"]


@pytest.mark.parametrize("name", NAMES)
def test_another_name_of_a_slide_is_used_once(name: str, root: Path) -> None:
    rows = [{"slide": n, "patient": "P"} for n in ("a.svs", name)]
    tiles, slides, facts = index(root, rows)
    assert tiles.records["parent"].nunique() == 1
    assert not tiles.records.duplicated(["x", "y"]).any()
    if len(slides.slides) > 1:  # names that are no file of their own are one row already
        assert [r.reason for r in tiles.rejects] == ["duplicate_slide"]
        assert any("2 names of the table are 1 slides" in note for note in slides.notes)
        states = with_rejects(facts, tiles.rejects)
        kept = slides.slides.sort_values("line")["record_id"].iloc[0]
        assert set(tiles.records["parent"]) == {kept}
        outcome = slide_outcomes(
            *(states, pd.DataFrame({"parent": [], "class": []}), tiles.records),
            *(pd.DataFrame({"record_id": [], "usable": []}), []),
        ).set_index("record_id")["state"]
        assert Counter(outcome) == {"used": 1, "rejected": 1} and outcome[kept] == "used"


@pytest.mark.parametrize(
    "names",
    [
        ("raw.tif", "raw2.tif"),
        ("series/1.2.3.0.dcm", "series/1.2.3.1.dcm", "series"),
        ("m.mrxs", "m", "m2.mrxs"),
    ],
)
def test_slides_without_a_quickhash_and_of_several_files_are_known_too(
    names: tuple[str, ...], root: Path
) -> None:
    rows = [{"slide": name, "patient": "P"} for name in names]
    assert index(root, rows)[0].records["parent"].nunique() == 1


def test_a_folder_of_the_name_goes_before_a_file_with_an_ending(root: Path, tmp_path: Path) -> None:
    rows = pd.DataFrame([{"slide": "a", "patient": "P"}])
    for place in (tmp_path / "a.svs", tmp_path / "a" / "b.svs", tmp_path / "a" / "c.svs"):
        place.parent.mkdir(exist_ok=True)
        shutil.copy(root / "a.svs", place)
        expected = {"a.svs": "a.svs", "b.svs": "a/b.svs", "c.svs": "a"}[place.name]
        assert list_slide_rows(rows, tmp_path).slides["slide"].tolist() == [expected]
    for name in "bc":
        (tmp_path / "a" / f"{name}.svs").unlink()
    (tmp_path / "a" / "outlines.json").touch()
    assert list_slide_rows(rows, tmp_path).slides["slide"].tolist() == ["a.svs"]


def test_other_slides_are_others(root: Path) -> None:
    rows = [{"slide": n, "patient": n} for n in ("a.svs", "b.svs", "series", "raw.tif")]
    tiles, _, facts = index(root, rows)
    assert facts["content"].nunique() == 4 and tiles.rejects == []


@pytest.mark.parametrize("write", [write_slide, write_raw])
def test_slides_that_differ_in_a_corner_are_two(
    write: Callable[[Path, np.ndarray], Path], tmp_path: Path
) -> None:
    picture = tissue_image(2048)
    for name in ("a", "b"):
        write(tmp_path / f"{name}.tif", picture)
        picture[:200, :200] = 100
    rows = [{"slide": f"{name}.tif", "patient": name} for name in "ab"]
    assert index(tmp_path, rows)[2]["content"].nunique() == 2


def test_slides_with_the_same_few_pixels_in_the_coarsest_level_are_two(tmp_path: Path) -> None:
    picture = tissue_image(2048)
    for name in ("a", "b"):
        write_slide(tmp_path / f"{name}.svs", picture, (1, 64))
        picture[270:275, 270:275] = 0  # too little to be seen there
    rows = [{"slide": f"{name}.svs", "patient": name} for name in "ab"]
    assert index(tmp_path, rows)[2]["content"].nunique() == 2


def test_a_damaged_copy_is_no_other_slide_and_does_not_count(tmp_path: Path) -> None:
    whole = write_slide(tmp_path / "a.svs", tissue_image(2112), (1, 4, 33))
    content = bytearray(whole.read_bytes())
    starts = [i for i in range(len(content)) if content[i : i + 3] == b"\xff\xd8\xff"]
    for start in starts[81:90]:  # the second level, which the survey reads: 9 tiles after 81
        content[start : start + 200] = bytes(200)
    (tmp_path / "b.svs").write_bytes(content)
    rows = [{"slide": f"{name}.svs", "patient": "P"} for name in "ab"]
    for order in (rows, rows[::-1]):
        tiles, slides, facts = index(tmp_path, order)
        assert facts["content"].nunique() == 1
        assert [r.reason for r in tiles.rejects] == ["duplicate_slide"]
        of = slides.slides.set_index("slide")["record_id"]
        assert set(tiles.records["parent"]) == {of["a.svs"]}


def test_patients_who_share_a_slide_are_a_contradiction(root: Path) -> None:
    rows = [{"slide": "a.svs", "patient": "P"}, {"slide": "hard.svs", "patient": "Q"}]
    with pytest.raises(UserError, match=r"sources.breast.several: .* lines 2 and 3 \(on patient\)"):
        index(root, rows)
    rows.append({"slide": "b.svs", "patient": "R"})
    tiles, slides, _ = index(root, rows, several="union")
    assert [r.reason for r in tiles.rejects] == ["conflicting_rows"] * 2
    assert {r.detail for r in tiles.rejects} == {"the rows of its names disagree on: patient"}
    patient = slides.slides.set_index("slide")["patient_id"]
    assert set(tiles.records["patient"]) == {patient["b.svs"]}
    for several, name in (("first", "a.svs"), ("last", "hard.svs")):
        tiles, slides, _ = index(root, rows, several=several)
        of = slides.slides.set_index("slide")["record_id"]
        assert set(tiles.records["parent"]) == {of[name], of["b.svs"]}
        assert [r.reason for r in tiles.rejects] == ["duplicate_slide"]


def test_equal_outlines_are_equal_whatever_their_names(root: Path) -> None:
    rows = [
        {"slide": "a.svs", "patient": "P", "outlines": "o.geojson"},
        {"slide": "hard.svs", "patient": "P", "outlines": "same.geojson"},
    ]
    assert [r.reason for r in index(root, rows)[0].rejects] == ["duplicate_slide"]
    rows[1]["outlines"] = "other.geojson"
    with pytest.raises(UserError, match="on outlines"):
        index(root, rows)


def test_a_row_that_says_all_that_the_others_say_counts_with_union(root: Path) -> None:
    rows = [
        {"slide": "a.svs", "patient": "P"},
        {"slide": "hard.svs", "patient": "P", "outlines": "o.geojson"},
    ]
    tiles, slides, _ = index(root, rows, several="union")
    of = slides.slides.set_index("slide")["record_id"]
    assert set(tiles.records["parent"]) == {of["hard.svs"]}
    rows[1]["class"] = ""
    tiles, _, _ = index(root, [*rows, {"slide": "b.svs", "patient": "R"}], several="union")
    assert [r.reason for r in tiles.rejects] == ["conflicting_rows"] * 2


def test_a_rejected_name_contradicts_as_well(root: Path) -> None:
    rows = [
        {"slide": "a.svs", "patient": "P"},
        {"slide": "hard.svs", "patient": "Q", "outlines": "gone.geojson"},
    ]
    with pytest.raises(UserError, match="on patient, outlines"):
        index(root, rows)


def test_nobodys_slides_are_used_once(root: Path) -> None:
    rows = [{"slide": name} for name in ("a.svs", "hard.svs", "soft.svs")]
    tiles, _, _ = index(root, rows, patients="none")
    assert [r.reason for r in tiles.rejects] == ["duplicate_slide"] * 2


# --- a folder of outlines apart -----------------------------------------------------------------


def test_outlines_apart_are_found_by_the_slides_name(root: Path, tmp_path: Path) -> None:
    apart = tmp_path / "outlines"
    (apart / "deep").mkdir(parents=True)
    shutil.copy(root / "o.geojson", apart / "deep" / "a.geojson")
    shutil.copy(root / "o.geojson", apart / "b.svs.geojson")
    rows = pd.DataFrame(
        {
            "slide": ["a.svs", "b.svs", "hard.svs"],
            "patient": "P",
            "outlines": ["a.svs", "b.svs", "x"],
        }
    )
    slides = list_slide_rows(rows, root, outlines_root=apart)
    found = slides.slides.set_index("slide")["outlines"].to_dict()
    assert found == {"a.svs": "deep/a.geojson", "b.svs": "b.svs.geojson", "hard.svs": "x"}
    surveyed = survey_shard(
        slides.slides.to_dict("records"),
        slide_folders(root, apart),
        settings(tile=256),
        seed=1,
        ids=SourceIds(KEY, "breast"),
    )
    reasons = surveyed.slides["reason"].fillna("").tolist()
    assert sorted(reasons) == ["", "", "file_missing"]
    with pytest.raises(UserError, match=r"sources.breast.outlines_root: none of the files"):
        list_slide_rows(rows.iloc[2:], root, outlines_root=apart)
