"""Whole slides: scale, tissue, classes, the choice, and reading."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
import pytest
import shapely
import tifffile
from helpers.slide_files import write_scn, write_slide
from helpers.workflow import PROJECT
from PIL import Image
from shapely.geometry import Polygon, box, mapping, shape

from pgdose.errors import Rejected, UserError
from pgdose.histology import slides, tissue
from pgdose.images import stores
from pgdose.study.sources import Slides
from pgdose_phantom.outlines import FORMATS
from pgdose_phantom.slides import write_slides

KEY = b"k" * 32
PINK, GLASS, WHITE, BLACK = (210, 120, 170), (242, 241, 243), (255, 255, 255), (0, 0, 0)
GREEN, BLUE, RED, MARKER = (40, 140, 80), (30, 70, 170), (200, 25, 35), (45, 45, 50)


def settings(**given: Any) -> dict[str, Any]:
    """A source of slides as the rules hand it over; tiles of 128."""
    known = {"kind": "slides", "root": "r", "table": "t", "tiles_per_class": 4, "tile": 128}
    return Slides.model_validate(known | given).to_dict()


def reason(call: Callable, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(Rejected) as caught:
        call(*args, **kwargs)
    return caught.value.reason


def picture(side: int = 1024) -> np.ndarray:
    """Pink tissue on the right half and the lower left quarter, else glass."""
    half = side // 2
    found = np.full((side, side, 3), GLASS, np.uint8)
    found[:, half:] = found[half:, :half] = PINK
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slide") / "s.svs"
    write_slide(path, picture())
    return path


def geojson(path: Path, *outlines: tuple[Any, str]) -> Path:
    features = [
        {"type": "Feature", "geometry": mapping(shape),
         "properties": {"objectType": "annotation", "classification": {"name": name}}}
        for shape, name in outlines
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def classes(found: slides.Survey) -> dict[tuple[int, int], str]:
    tiles = found.tiles
    return {(x, y): c for x, y, c in zip(tiles["x"], tiles["y"], tiles["class"], strict=True)}


def look(
    path: Path, outlines: Path | None, word: str = "", told: str = "", **given: Any
) -> slides.Survey:
    return slides.survey(path, outlines, word, told, settings(**given))


# --- scale ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "given", "expected"),
    [
        ({"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.25"}, "", (0.25, "mpp")),
        ({"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.27"}, "", (0.26, "mpp")),
        ({"openslide.objective-power": "40"}, "", (0.25, "objective")),
        ({"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.25"}, "0,5", (0.5, "table")),
        ({"openslide.mpp-x": "nan", "openslide.mpp-y": "0"}, "", (None, None)),
        ({"openslide.mpp-x": "0", "openslide.objective-power": "40"}, "", (0.25, "objective")),
        ({}, "", (None, None)),
    ],
)
def test_the_scale_is_told_by_the_table_the_mpp_or_the_objective(
    properties: dict[str, str], given: str, expected: tuple[float | None, str | None]
) -> None:
    assert slides.micrometres(properties, given) == expected


def test_a_scale_in_the_table_is_a_positive_number() -> None:
    for text in ("0", "-1", "1e-320", "inf", "nan", "half"):
        assert reason(slides.micrometres, {}, text) == "wrong_mpp"


def test_a_slide_without_a_scale_is_rejected_only_where_one_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "s.svs"
    write_slide(path, picture(), mpp=None, power=None)
    assert look(path, None, "norm").grid.um_per_px is None
    assert reason(look, path, None, "norm", mpp=0.5) == "no_scale"
    grid = look(path, None, "norm", "0.25", mpp=0.5).grid
    assert (grid.um_per_px, grid.scale_from, grid.extent) == (0.5, "table", 256)


@pytest.mark.parametrize(
    ("given", "level", "extent", "um_per_px"),
    [
        ({}, 0, 128, 0.25),
        ({"level": 1}, 1, 512, 1.0),
        ({"mpp": 0.25}, 0, 128, 0.25),
        ({"mpp": 0.5}, 0, 256, 0.5),
        ({"mpp": 1.0}, 1, 512, 1.0),
        ({"mpp": 0.23}, 0, 128 * 0.92, 0.23),
    ],
)
def test_tiles_are_read_from_the_best_level(
    tmp_path: Path, given: dict[str, float], level: int, extent: float, um_per_px: float
) -> None:
    write_slide(tmp_path / "s.svs", picture(), mpp=0.25, power=40)
    grid = look(tmp_path / "s.svs", None, "norm", **given).grid
    assert (grid.level, grid.um_per_px, grid.scale_from) == (level, um_per_px, "mpp")
    assert grid.extent == pytest.approx(extent) and extent <= grid.step < extent + 1


def test_a_slide_that_is_too_coarse_or_lacks_the_level_is_rejected(plain: Path) -> None:
    assert reason(look, plain, None, "norm", mpp=0.4) == "too_coarse"
    assert reason(look, plain, None, "norm", level=2) == "no_level"


def test_a_tile_at_half_the_scale_is_the_mean_of_the_finer_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rough = rng.integers(60, 250, (1024, 1024, 3)).astype(np.uint8)
    write_slide(tmp_path / "s.svs", rough, downsamples=(1,), mpp=0.25, power=40)
    with openslide.OpenSlide(tmp_path / "s.svs") as slide:
        full = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"), float)
    place = pd.DataFrame({"x": [128], "y": [256], "level": [0], "extent": [256.0]})
    got = read(tmp_path / "s.svs", place, 128)[0]
    mean = full[256:512, 128:384].reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(got - mean).max() <= 1


# --- the grid ---------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", [0.0, 0.5])
@pytest.mark.parametrize("extent", [128.0, 100.5])
def test_tiles_fill_the_bounds_and_never_leave_them(overlap: float, extent: float) -> None:
    step = int(np.ceil(extent * (1 - overlap)))
    x, y = slides.Grid(0, extent, step, None, None).corners((30, 50, 700, 500))
    assert x.min() == 30 and y.min() == 50
    assert x.max() + extent <= 730 < x.max() + step + np.ceil(extent)
    assert y.max() + extent <= 550 < y.max() + step + np.ceil(extent)
    assert len(set(zip(x, y, strict=True))) == len(x)
    if not overlap:
        boxes = shapely.box(x, y, x + extent, y + extent)
        assert shapely.union_all(boxes).area == pytest.approx(len(x) * extent**2)


def test_a_slide_smaller_than_a_tile_is_rejected(plain: Path) -> None:
    assert reason(look, plain, None, "norm", tile=1025) == "too_small"


# --- tissue -----------------------------------------------------------------------------------


def found_tissue(pixels: np.ndarray, **given: Any) -> tissue.Tissue:
    """Of a picture whose pixels are cells."""
    return tissue.find_tissue(tissue.Overview(pixels, 16.0, 0, 0), settings(tissue=given)["tissue"])


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
def test_what_is_stained_is_tissue(method: str) -> None:
    found = found_tissue(picture(64), method=method)
    assert np.array_equal(found.cells.covered > 0, picture(64)[..., 1] == PINK[1])
    assert found.share == 0.75


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
@pytest.mark.parametrize("colour", [GLASS, WHITE, BLACK])
def test_a_slide_of_glass_or_of_nothing_has_no_tissue(
    method: str, colour: tuple[int, int, int]
) -> None:
    grain = np.random.default_rng(0).normal(0, 2, (64, 64, 3))
    blank = np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)
    assert reason(found_tissue, blank, method=method) == "no_tissue"


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
def test_a_slide_without_glass_is_all_tissue(method: str) -> None:
    grain = np.random.default_rng(0).normal(0, 15, (64, 64, 1))
    full = np.clip(np.array(PINK) + grain, 0, 255).astype(np.uint8)
    assert found_tissue(full, method=method).share == 1


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
@pytest.mark.parametrize("colour", [GREEN, BLUE, RED, MARKER, BLACK, WHITE])
def test_ink_and_what_was_not_scanned_is_no_tissue(
    method: str, colour: tuple[int, int, int]
) -> None:
    marked = picture(64)
    marked[40:52, 20:60] = colour
    found = found_tissue(marked, method=method)
    assert not found.cells.covered[40:52, 20:60].any()
    assert found.cells.covered[:38, 32:].all() and found.cells.covered[54:].all()
    assert bool(found.ink.covered.any()) == (colour in (GREEN, BLUE, RED, MARKER))
    if colour in (GREEN, BLUE, RED):
        assert found_tissue(marked, method=method, pen=False).cells.covered[40:52, 20:60].all()


def test_the_soft_edge_of_ink_is_no_tissue() -> None:
    marked = picture(64)
    marked[39:53, 19:61] = (3 * np.array(PINK) + GREEN) // 4
    marked[40:52, 20:60] = GREEN
    assert not found_tissue(marked).cells.covered[39:53, 19:61].any()


@pytest.mark.parametrize("method", ["saturation", "optical_density"])
@pytest.mark.parametrize("colour", [BLACK, WHITE])
def test_what_was_not_scanned_does_not_move_the_threshold(
    method: str, colour: tuple[int, int, int]
) -> None:
    grain = np.random.default_rng(0).normal(0, 12, (64, 64, 1))
    rough = np.clip(picture(64) + grain, 20, 245).astype(np.uint8)
    padded = np.full((64, 256, 3), colour, np.uint8)
    padded[:, :64] = rough
    given = {"method": method, "pen": False, "between": (0.001, 2.0)}
    assert found_tissue(padded, **given).threshold == found_tissue(rough, **given).threshold


def test_stains_are_not_taken_for_ink() -> None:
    """Haematoxylin and eosin, DAB, blood; each a patch on pink."""
    for colour in ((95, 65, 130), (150, 120, 185), (230, 90, 160), (140, 90, 60), (190, 80, 95)):
        stained = picture(64)
        stained[40:52, 20:60] = colour
        assert not found_tissue(stained).ink.covered.any(), colour


def test_small_islands_and_holes_are_smoothed_away() -> None:
    spotted = picture(64)
    spotted[5:9, 5:9] = PINK  # 16 of the 64 cells of a tile
    spotted[40:44, 40:44] = GLASS
    found = found_tissue(spotted).cells.covered
    assert np.array_equal(found > 0, picture(64)[..., 1] == PINK[1])
    exact = found_tissue(spotted, smallest_island=0, smallest_hole=0).cells.covered
    assert exact[5:9, 5:9].all() and not exact[40:44, 40:44].any()


def test_a_threshold_of_the_study_counts_as_it_stands() -> None:
    assert found_tissue(picture(64), threshold=0.2).threshold == 0.2
    assert reason(found_tissue, picture(64), threshold=0.9) == "no_tissue"


def test_the_overview_is_the_mean_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    rough = np.kron(rng.integers(0, 255, (128, 128, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    write_slide(tmp_path / "s.svs", rough, downsamples=(1,))
    with openslide.OpenSlide(tmp_path / "s.svs") as slide:
        full = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"), float)
        whole = tissue.overview(slide, (0, 0, 1024, 1024), 16.0).pixels
        monkeypatch.setattr(tissue, "BLOCK", 100)
        pieces = tissue.overview(slide, (0, 0, 1024, 1024), 16.0).pixels
    assert np.abs(whole - full.reshape(64, 16, 64, 16, 3).mean(axis=(1, 3))).max() <= 1
    assert np.array_equal(whole, pieces)


# --- classes ----------------------------------------------------------------------------------


def test_only_tiles_with_tissue_are_candidates(plain: Path, tmp_path: Path) -> None:
    drawn = geojson(tmp_path / "o.geojson", (box(512, 0, 1024, 512), "Tumor"))
    found = look(plain, drawn, tile=256)
    quarter = [(0, 0), (256, 0), (0, 256), (256, 256)]
    expected = {(x + 512, y): "tumour" for x, y in quarter}
    expected |= {(x + 512, y + 512): "norm" for x, y in quarter}
    expected |= {(x, y + 512): "norm" for x, y in quarter}
    assert classes(found) == expected
    assert np.allclose(found.tiles["tissue_share"], 1) and (found.tiles["class_share"] == 1).all()


def test_tiles_between_the_classes_are_left_out(plain: Path, tmp_path: Path) -> None:
    drawn = geojson(tmp_path / "o.geojson", (box(640, 0, 1024, 1024), "tumour"))
    found = classes(look(plain, drawn, tile=256))
    assert {x for (x, _), name in found.items() if name == "tumour"} == {768}
    assert not any(x == 512 for x, _ in found)
    some = classes(look(plain, drawn, tile=256, class_share=0.51))
    assert not any(x == 512 for x, _ in some)  # half and half
    drawn = geojson(tmp_path / "o.geojson", (box(600, 0, 1024, 1024), "tumour"))
    most = classes(look(plain, drawn, tile=256, class_share=0.6))
    assert {name for (x, _), name in most.items() if x == 512} == {"tumour"}


def test_the_class_named_first_counts_where_two_overlap(plain: Path, tmp_path: Path) -> None:
    half, quarter = box(512, 0, 1024, 1024), box(512, 0, 1024, 512)
    both = geojson(tmp_path / "o.geojson", (half, "Tumor"), (quarter, "Necrosis"))
    words = {"tumour": ["tumor"], "ignore": ["necrosis"], "norm": []}
    first = classes(look(plain, both, tile=256, classes=words))
    assert {n for (x, _), n in first.items() if x >= 512} == {"tumour"}
    words = {"ignore": ["necrosis"], "tumour": ["tumor"], "norm": []}
    second = classes(look(plain, both, tile=256, classes=words))
    assert not any(x >= 512 and y < 512 for x, y in second)
    assert second[512, 512] == "tumour" and second[0, 512] == "norm"


def test_what_lies_outside_the_outlines_is_what_the_study_or_the_table_says(
    plain: Path, tmp_path: Path
) -> None:
    drawn = geojson(tmp_path / "o.geojson", (box(512, 0, 1024, 1024), "Tumor"))
    assert set(classes(look(plain, drawn)).values()) == {"tumour", "norm"}
    assert set(classes(look(plain, drawn, rest="ignore")).values()) == {"tumour"}
    assert set(classes(look(plain, drawn, "Tumour")).values()) == {"tumour"}
    assert set(classes(look(plain, None, "Normal", rest="tumour")).values()) == {"norm"}
    assert classes(look(plain, None, "ignore")) == {}
    assert reason(look, plain, None, "stroma") == "unmapped_class"


def test_an_outline_of_the_class_that_the_rest_has_changes_nothing(
    plain: Path, tmp_path: Path
) -> None:
    drawn = geojson(tmp_path / "o.geojson", (box(600, 40, 900, 900), "Norm"))
    assert classes(look(plain, drawn)) == classes(look(plain, None, "norm"))


def test_a_slide_that_was_scanned_in_part_is_looked_at_where_it_was(tmp_path: Path) -> None:
    """Leica's: bounds within a larger slide, from which QuPath counts."""
    path = write_scn(tmp_path / "s.scn", picture(), 3000, 1500, (5000, 4000))
    drawn = geojson(tmp_path / "o.geojson", (box(512, 0, 1024, 512), "Tumor"))
    whole = write_slide(tmp_path / "w.svs", picture())
    expected = classes(look(whole, drawn, tile=256))
    found = look(path, drawn, tile=256)
    assert classes(found) == {(x + 3000, y + 1500): name for (x, y), name in expected.items()}
    tiles = read(path, found.tiles.assign(level=0, extent=256.0), 256)
    assert all(abs(tile.mean() - np.mean(PINK)) < 3 for tile in tiles)


def test_outlines_that_enclose_glass_alone_are_rejected(plain: Path, tmp_path: Path) -> None:
    glass = geojson(tmp_path / "o.geojson", (box(10, 10, 400, 400), "Tumor"))
    assert reason(look, plain, glass) == "outlines_on_glass"
    some = geojson(tmp_path / "p.geojson", (box(10, 10, 700, 700), "Tumor"))
    assert "tumour" in set(classes(look(plain, some)).values())
    ignored = geojson(tmp_path / "q.geojson", (box(10, 10, 400, 400), "Ignore*"))
    assert set(classes(look(plain, ignored)).values()) == {"norm"}


def test_the_outlines_of_another_slide_are_rejected(plain: Path, tmp_path: Path) -> None:
    other = geojson(tmp_path / "o.geojson", (box(2000, 3000, 2600, 3500), "Tumor"))
    assert reason(look, plain, other) == "outlines_outside"


def test_an_outline_that_crosses_itself_is_mended_and_counted(plain: Path, tmp_path: Path) -> None:
    bow = Polygon([(512, 0), (1024, 1024), (1024, 0), (512, 1024)])
    found = look(plain, geojson(tmp_path / "o.geojson", (bow, "Tumor")))
    assert found.state["mended"] == 1
    assert {x for (x, _), name in classes(found).items() if name == "tumour"}


def test_outlines_that_draw_nothing_do_not_make_a_slide_norm(plain: Path, tmp_path: Path) -> None:
    nothing = geojson(tmp_path / "o.geojson")
    assert reason(look, plain, nothing) == "nothing_drawn"
    assert set(classes(look(plain, nothing, "norm")).values()) == {"norm"}


def test_shares_that_are_all_but_the_one_asked_for_are_enough(tmp_path: Path) -> None:
    full = write_slide(tmp_path / "s.svs", np.full((768, 768, 3), PINK, np.uint8), mpp=0.25)
    for mpp in (0.25, 0.3, 0.37, 0.499, 0.61):
        found = look(full, None, "norm", mpp=mpp, class_share=1, tissue={"share": 1})
        assert len(found.tiles) == len(found.grid.corners(found.bounds)[0])


def test_a_class_that_the_study_does_not_map_is_named(plain: Path, tmp_path: Path) -> None:
    drawn = geojson(tmp_path / "o.geojson", (box(512, 0, 1024, 1024), "Necrosis"))
    with pytest.raises(Rejected) as caught:
        look(plain, drawn)
    assert caught.value.reason == "unmapped_class"
    assert "'Necrosis' is in none of the study's classes" in caught.value.detail


def test_a_mask_of_another_shape_is_rejected(plain: Path, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 1
    Image.fromarray(mask).save(tmp_path / "m.png")
    words = {"tumour": ["1"], "norm": []}
    found = classes(look(plain, tmp_path / "m.png", classes=words))
    assert {name for (x, _), name in found.items() if x >= 512} == {"tumour"}
    Image.fromarray(mask[:50]).save(tmp_path / "m.png")
    assert reason(look, plain, tmp_path / "m.png", classes=words) == "wrong_aspect"


# --- the table and the choice -----------------------------------------------------------------


def table(*rows: dict[str, str]) -> pd.DataFrame:
    columns = ["slide", "patient", "outlines", "class", "mpp"]
    return pd.DataFrame([{**dict.fromkeys(columns, ""), **row} for row in rows])


def look_all(rows: pd.DataFrame, root: Path, **given: Any) -> tuple[pd.DataFrame, dict[str, str]]:
    """Candidates of all slides of a table, and the reasons of those that were rejected."""
    listed, _, rejects = slides.listed(rows, root, key=KEY, source="breast", patients="breast")
    found, reasons = [], {r[0]: r[2] for r in rejects}
    for row in listed.to_dict("records"):
        try:
            survey = slides.look(row, root, settings(**given))
            found.append(slides.candidates(survey, row["record_id"], 1))
        except Rejected as r:
            reasons[row["slide"]] = r.reason
    return pd.concat(found) if found else pd.DataFrame(), reasons


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
    found, reasons = look_all(rows, tmp_path)
    assert found["parent"].nunique() == 1
    assert sorted(reasons.values()) == sorted(
        ["duplicate_row", *["unreadable_slide"] * 5, "file_missing", "outside_root"]
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
    assert look_all(table({**good, **row}), plain.parent)[1] == {plain.name: expected}


def test_nothing_tells_a_name_of_the_table(plain: Path) -> None:
    found, _ = look_all(
        table({"slide": plain.name, "patient": "Ivanova", "class": "norm"}), plain.parent
    )
    assert plain.stem not in set(found["parent"]) and "Ivanova" not in found.to_csv()


def test_a_tile_that_claims_more_than_its_file_is_rejected(plain: Path, tmp_path: Path) -> None:
    """OpenSlide would end the process: it cannot be asked."""
    for tag, value in (("TileWidth", 2**31 - 16), ("TileByteCounts", None)):
        path = tmp_path / f"{tag}.svs"
        path.write_bytes(plain.read_bytes())
        with tifffile.TiffFile(path, mode="r+") as file:
            entry = file.pages[0].tags[tag]
            entry.overwrite(value or [2**31] * entry.count)
        with pytest.raises(Rejected, match="larger than the file"):
            look(path, None, "norm")


@pytest.mark.parametrize("bounds", [(0, 0, 10**7, 10**7), (0, 0, 2**31 - 1, 2**31 - 1)])
def test_a_slide_of_absurd_size_is_rejected(bounds: tuple[int, int, int, int]) -> None:
    assert reason(slides.Grid(0, 256.0, 256, None, None).corners, bounds) == "absurd_size"


def test_a_level_that_is_gone_costs_its_tiles(plain: Path) -> None:
    got: dict[int, np.ndarray] = {}
    places = at((0, 0), (256, 256)).assign(level=[0, 7])
    assert list(slides.read_tiles(plain, places, 256, got.__setitem__)) == [1] and list(got) == [0]


def test_a_pyramid_without_its_middle_level_gives_the_same_tiles(tmp_path: Path) -> None:
    for name, downsamples in (("a.svs", (1, 4, 16)), ("b.svs", (1, 16)), ("c.svs", (1,))):
        write_slide(tmp_path / name, picture(2048), downsamples=downsamples)
    found = [classes(look(tmp_path / f"{name}.svs", None, "norm")) for name in "abc"]
    assert found[0] == found[1] == found[2] and len(found[0]) > 100


def found_tiles(slides_of: dict[str, dict[str, tuple[int, int]]]) -> pd.DataFrame:
    """Candidates: patient -> slide -> so many of tumour and of norm."""
    rows = [
        (patient, slide, name, i)
        for patient, own in slides_of.items()
        for slide, numbers in own.items()
        for name, n in zip(("tumour", "norm"), numbers, strict=True)
        for i in range(n)
    ]
    found = pd.DataFrame(rows, columns=["patient", "parent", "class", "x"])
    ids = found["parent"] + found["class"] + found["x"].astype(str)
    return found.assign(y=0, draw=slides.draw(1, "test", ids))


def choose(found: pd.DataFrame, n: int) -> pd.DataFrame:
    states = found[["parent", "patient"]].drop_duplicates().rename(columns={"parent": "record_id"})
    states.loc[len(states) + 1000] = ["z", "Z"]
    states["reason"] = np.where(states["record_id"] == "z", "no_tissue", None)
    found = found.drop(columns="patient").astype({"parent": "category", "class": "category"})
    chosen = slides.choose(found.reset_index(drop=True), states, n, ["tumour", "norm"], "breast")
    return chosen.merge(states, left_on="parent", right_on="record_id")


def test_tiles_are_chosen_evenly_over_patients_and_their_slides() -> None:
    found = found_tiles(
        {
            "P": {"a": (50, 50), "b": (50, 2), "c": (50, 50)},
            "Q": {"d": (50, 50)},
            "R": {"e": (3, 9)},
        }
    )
    chosen = choose(found, 33)
    by_patient = chosen.groupby(["class", "patient"]).size()
    assert by_patient["tumour"].to_dict() == {"P": 15, "Q": 15, "R": 3}
    assert by_patient["norm"].to_dict() == {"P": 12, "Q": 12, "R": 9}
    by_slide = chosen.groupby(["class", "parent"]).size()
    assert by_slide["tumour"][["a", "b", "c"]].tolist() == [5, 5, 5]
    assert by_slide["norm"][["a", "b", "c"]].tolist() == [5, 2, 5]
    assert not chosen.duplicated(["parent", "class", "x"]).any()


def test_the_choice_goes_neither_by_order_nor_by_other_slides() -> None:
    found = found_tiles({"P": {"a": (50, 50)}, "Q": {"b": (50, 50)}})

    def ids(table: pd.DataFrame) -> set[tuple]:
        return set(choose(table, 20)[["parent", "class", "x"]].itertuples(index=False, name=None))

    first = ids(found)
    assert ids(found.sample(frac=1, random_state=0)) == first
    assert ids(found.assign(draw=slides.draw(2, "t", map(str, range(200))))) != first
    more = pd.concat([found, found_tiles({"R": {"c": (1, 1)}})])
    assert len(first - ids(more)) == 2  # one of each class


def test_too_few_tiles_tell_what_there_is() -> None:
    with pytest.raises(UserError) as caught:
        choose(found_tiles({"P": {"a": (5, 50)}, "Q": {"b": (7, 40)}}), 20)
    message = str(caught.value)
    assert "sources.breast.tiles_per_class: 20, but the slides hold 12 tiles of tumour" in message
    lines = [line.split() for line in message.splitlines()]
    assert ["a", "5", "50"] in lines and ["b", "7", "40"] in lines
    assert ["z", "0", "0", "no_tissue"] in lines


def test_a_class_of_which_there_is_nothing_is_told_too() -> None:
    with pytest.raises(UserError, match="hold 0 tiles of tumour"):
        choose(found_tiles({"P": {"a": (0, 50)}}), 5)


# --- reading ----------------------------------------------------------------------------------


def read(path: Path, places: pd.DataFrame, tile: int, threads: int = 1) -> list[np.ndarray]:
    got: dict[int, np.ndarray] = {}
    assert slides.read_tiles(path, places, tile, got.__setitem__, threads) == {}
    return [got[i] for i in range(len(places))]


def at(*corners: tuple[int, int], extent: float = 256.0) -> pd.DataFrame:
    return pd.DataFrame(corners, columns=["x", "y"]).assign(level=0, extent=extent)


def test_tiles_of_a_slide_are_its_pixels(plain: Path) -> None:
    tiles = read(plain, at((0, 0), (512, 512), (384, 0)), 256)
    assert all(t.shape == (256, 256, 3) and t.dtype == np.uint8 for t in tiles)
    for tile, colour in zip(tiles, (GLASS, PINK), strict=False):
        off = np.abs(tile.astype(int) - colour)
        assert off.mean() < 1 and off.max() < 15  # JPEG rings where a tile meets another colour
    assert tiles[2][:, :120, 1].min() > 230 and tiles[2][:, 136:, 1].max() < 130


def test_what_was_not_scanned_is_white(plain: Path) -> None:
    tile = read(plain, at((896, 896)), 256)[0]
    assert (tile[128:] == 255).all() and (tile[:, 128:] == 255).all()
    assert (tile[:128, :128, 1] < 140).all()


def test_stores_are_equal_whatever_the_threads_and_the_shards(plain: Path, tmp_path: Path) -> None:
    places = at(*((x, y) for y in range(0, 1024, 128) for x in range(0, 1024, 128)), extent=128.0)

    def store(name: str, places: pd.DataFrame, threads: int) -> bytes:
        with stores.new_store(tmp_path / name, len(places), 128, 3) as new:
            slides.read_tiles(plain, places, 128, new.put, threads)
        return (tmp_path / name).read_bytes()

    one = store("1.npy", places, 1)
    assert store("2.npy", places, 4) == one
    half = [store(f"{i}.npy", places.iloc[i : i + 32], 2) for i in (0, 32)]
    split = np.concatenate([np.load(tmp_path / "0.npy"), np.load(tmp_path / "32.npy")])
    assert np.array_equal(split, np.load(tmp_path / "1.npy"))
    marks = [part[part.index(stores.MARK) + len(stores.MARK) :] for part in (*half, one)]
    assert marks[0] + marks[1] == marks[2]


def test_a_damaged_place_costs_its_tiles_alone(plain: Path, tmp_path: Path) -> None:
    """After an error OpenSlide's handle is of no use: the rest is read through a new one."""
    content = bytearray(plain.read_bytes())
    starts = [i for i in range(len(content)) if content[i : i + 3] == b"\xff\xd8\xff"]
    content[starts[5] : starts[5] + 200] = bytes(200)  # one JPEG tile of level 0
    (tmp_path / "s.svs").write_bytes(content)
    places = at(*((x, y) for y in range(0, 1024, 128) for x in range(0, 1024, 128)), extent=128.0)
    for threads in (1, 3):
        got: dict[int, np.ndarray] = {}
        failed = slides.read_tiles(tmp_path / "s.svs", places, 128, got.__setitem__, threads)
        assert 1 <= len(failed) <= 9 and len(got) == 64 - len(failed)
        assert {r.reason for r in failed.values()} == {"unreadable_tile"}
        whole = read(plain, places, 128)
        assert all(np.array_equal(tile, whole[i]) for i, tile in got.items())


def test_a_slide_that_vanished_is_rejected(tmp_path: Path) -> None:
    assert reason(read, tmp_path / "gone.svs", at((0, 0)), 256) == "unreadable_slide"


# --- the synthetic slides against their truth ---------------------------------------------------

TILE = 80
WORDS = {"tumour": ["Tumor", "1"], "norm": []}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Seven slides, each way of outlining once, and three broken ones; with the truth."""
    root = tmp_path_factory.mktemp("hospital")
    truth = root / "truth" / "slides.csv"
    write_slides(root / "slides", root / "slides.csv", truth, seed=3, slides=7, side=1024, broken=3)
    return root, pd.read_csv(truth, dtype=str).fillna("")


def of_slide(hospital: tuple[Path, pd.DataFrame], row: Mapping[str, str], **given: Any) -> Any:
    entry = {"mpp": "", **row}
    wanted = settings(tile=TILE, classes=WORDS, **given)
    return slides.look(entry, hospital[0] / "slides", wanted)


def regions(hospital: tuple[Path, pd.DataFrame], row: Mapping[str, str]) -> dict[str, Any]:
    """Tissue, Tumor and Pen of a slide as it was drawn."""
    content = json.loads((hospital[0] / "truth" / row["regions"]).read_text())
    found: dict[str, Any] = {"Tumor": Polygon(), "Pen": Polygon()}
    for feature in content["features"]:
        name = feature["properties"]["classification"]["name"]
        found[name] = found.get(name, Polygon()).union(shape(feature["geometry"]))
    return found


def test_outlines_in_every_format_give_the_same_tiles(hospital: tuple[Path, pd.DataFrame]) -> None:
    truth = hospital[1]
    rows = truth[(truth["expected"] == "") & (truth["normal"] == "False")].to_dict("records")
    assert {row["outlines_kind"] for row in rows} == set(FORMATS)
    for row in rows:
        found = []
        for kind, (ending, _) in FORMATS.items():
            outlines = f"outlines/{kind}/{Path(row['slide']).stem}{ending}"
            found.append(of_slide(hospital, {**row, "outlines": outlines}).tiles)
        assert set(found[0]["class"]) == {"tumour", "norm"}
        for other in found[1:]:
            pd.testing.assert_frame_equal(found[0], other, atol=1e-9)


def test_every_tile_of_the_synthetic_slides_is_what_it_says(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    root, truth = hospital
    counts: dict[str, int] = {}
    for row in truth[truth["expected"] == ""].to_dict("records"):
        tiles = of_slide(hospital, row).tiles
        drawn = regions(hospital, row)
        squares = shapely.box(tiles["x"], tiles["y"], tiles["x"] + TILE, tiles["y"] + TILE)

        def share(region: Any, squares: np.ndarray = squares) -> np.ndarray:
            return shapely.area(shapely.intersection(squares, region)) / TILE**2

        sick = share(drawn["Tumor"])
        named = np.where(sick >= 0.9, "tumour", np.where(sick <= 0.1, "norm", ""))
        assert (tiles["class"] == named).all() and (named != "").all()
        expected = np.where(tiles["class"] == "tumour", sick, 1 - sick)
        assert np.allclose(tiles["class_share"], expected)
        assert shapely.covers(box(0, 0, 1024, 1024), squares).all()
        assert shapely.union_all(squares).area == pytest.approx(len(tiles) * TILE**2)
        assert share(drawn["Pen"]).max() < 0.01
        tissue_there = share(drawn["Tissue"])
        assert (tiles["tissue_share"] - tissue_there).max() < 0.12
        # Fat and ducts are clear: only where there is none is all of the tissue stained.
        with openslide.OpenSlide(root / "slides" / row["slide"]) as slide:
            full = np.asarray(slide.read_region((0, 0), 0, (1024, 1024)).convert("RGB"))
        clear = (full.min(axis=2) > 215).astype(float)
        for tile, there in zip(tiles.to_dict("records"), tissue_there, strict=True):
            square = np.s_[tile["y"] : tile["y"] + TILE, tile["x"] : tile["x"] + TILE]
            lumen = clear[square].mean() - (1 - there)
            assert tile["tissue_share"] > there - lumen - 0.12
        for name, n in tiles["class"].value_counts().items():
            counts[str(name)] = counts.get(str(name), 0) + n
    assert counts["tumour"] > 100 and counts["norm"] > 200


def test_the_broken_slides_of_the_hospital_get_their_reasons(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    broken = hospital[1][hospital[1]["expected"] != ""]
    assert len(broken) == 3
    for row in broken.to_dict("records"):
        assert reason(of_slide, hospital, row) == row["expected"]


def test_slides_of_the_hospital_tell_their_scale_or_do_not(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    good = hospital[1][hospital[1]["expected"] == ""].to_dict("records")
    grids = [of_slide(hospital, row).grid for row in good]
    assert [grid.scale_from for grid in grids] == ["mpp"] * 3 + ["objective", None] + ["mpp"] * 2
    assert reason(of_slide, hospital, good[4], mpp=0.5) == "no_scale"
    assert of_slide(hospital, good[3], mpp=0.5).grid.extent == TILE


# --- real slides ------------------------------------------------------------------------------

REAL = PROJECT.parent / "shared" / "real" / "slides"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real slides are not beside pgdose")


@needs_real
@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_a_real_slide_that_was_cut_off_is_rejected_or_read_in_part(
    tmp_path: Path, name: str
) -> None:
    content = (REAL / name).read_bytes()
    for percent in (1, 20, 50, 80, 95, 99):
        path = tmp_path / f"{percent}.svs"
        path.write_bytes(content[: len(content) * percent // 100])
        try:
            tiles = look(path, None, "norm", tile=256).tiles.assign(level=0, extent=256.0)
        except Rejected as r:
            assert r.reason == "unreadable_slide"
            continue
        got: dict[int, np.ndarray] = {}
        failed = slides.read_tiles(path, tiles, 256, got.__setitem__)
        assert len(failed) + len(got) == len(tiles)
        assert {r.reason for r in failed.values()} <= {"unreadable_tile"}


# By hand on a picture of each slide, in pixels of level 0; a hole in the second.
DRAWN = {
    "cmu-1-small-region.svs": [[(900, 700), (1500, 800), (1600, 2000), (800, 2000)]],
    "tcga-cr-7395-01a-01-ts1.svs": [
        [(1100, 700), (3000, 600), (3400, 1800), (2500, 2900), (1000, 2300)],
        [(1900, 1300), (2500, 1300), (2500, 1900), (1900, 1900)],
    ],
}


def imagescope(path: Path, rings: list[list[tuple[int, int]]]) -> Path:
    regions = "".join(
        f'<Region Id="{i + 1}" Type="0" NegativeROA="{int(i > 0)}"><Vertices>'
        + "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in ring)
        + "</Vertices></Region>"
        for i, ring in enumerate(rings)
    )
    path.write_text(
        '<Annotations><Annotation Id="1" Name="Tumor"><Regions>'
        f"{regions}</Regions></Annotation></Annotations>"
    )
    return path


@needs_real
@pytest.mark.parametrize("name", sorted(DRAWN))
def test_tiles_of_real_slides_lie_where_they_should(tmp_path: Path, name: str) -> None:
    """Point by point and pixel by pixel, by other means than those of the library."""
    shell, *holes = DRAWN[name]
    region = Polygon(shell, holes)
    both = [
        geojson(tmp_path / "o.geojson", (region, "Tumor")),
        imagescope(tmp_path / "o.xml", DRAWN[name]),
    ]
    exact = {"threshold": 0.1, "smallest_island": 0, "smallest_hole": 0}
    found = [look(REAL / name, drawn, tile=256, tissue=exact) for drawn in both]
    pd.testing.assert_frame_equal(found[0].tiles, found[1].tiles)
    tiles = found[0].tiles
    assert set(tiles["class"]) == {"tumour", "norm"}
    at = (np.arange(64) + 0.5) * 4
    with openslide.OpenSlide(REAL / name) as slide:
        for tile in tiles.to_dict("records"):
            x, y = tile["x"], tile["y"]
            px, py = np.meshgrid(x + at, y + at)
            covered = shapely.contains_xy(region, px.ravel(), py.ravel()).mean()
            assert covered > 0.88 if tile["class"] == "tumour" else covered < 0.12
            assert x + 256 <= slide.dimensions[0] and y + 256 <= slide.dimensions[1]
            pixels = slide.read_region((x, y), 0, (256, 256)).convert("RGB")
            small = np.asarray(pixels.resize((8, 8), Image.Resampling.BOX).convert("HSV"))
            stained = (small[..., 1] > 0.1 * 255).mean()
            assert tile["tissue_share"] >= 0.5 and abs(stained - tile["tissue_share"]) < 0.1
