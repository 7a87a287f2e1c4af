"""The synthetic slides, their outlines and their truth."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openslide
import pandas as pd
import pytest
import shapely
import tifffile
from helpers.phantom_files import file_hashes
from PIL import Image
from shapely.geometry import Polygon, box, shape
from shapely.geometry.base import BaseGeometry

from pgdose.tables.keyed import generator
from pgdose_phantom import svs
from pgdose_phantom.outlines import FORMATS, GRID, polygons
from pgdose_phantom.slide_regions import draw_regions
from pgdose_phantom.slides import SlideAmounts, write_slides
from pgdose_phantom.svs import TIFF_LIMIT, TILE, Mosaic, pyramid, write_svs

SIDE, SLIDES = 1024, 9
USUAL = 0.499, "20"  # of every slide but those that say less
SCALES = {3: (None, "20"), 4: (None, None)}


def laboratory(folder: Path, slides: int, broken: int = 0) -> Path:
    write_slides(
        folder / "slides",
        folder / "slides.csv",
        folder / "truth" / "slides.csv",
        seed=5,
        amounts=SlideAmounts(slides, SIDE, broken),
    )
    return folder


@pytest.fixture(scope="module")
def pathology(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laboratory(tmp_path_factory.mktemp("pathology"), SLIDES, broken=4)


@pytest.fixture(scope="module")
def slide_truth(pathology: Path) -> pd.DataFrame:
    return read_slide_truth(pathology)


def read_slide_truth(folder: Path) -> pd.DataFrame:
    text = ["outlines", "class", "outlines_kind", "expected", "regions"]
    types = dict.fromkeys(text, str)
    return pd.read_csv(folder / "truth" / "slides.csv", dtype=types).fillna(dict.fromkeys(text, ""))


def true_shapes(folder: Path, regions: str, name: str) -> list[Polygon]:
    features = json.loads((folder / "truth" / regions).read_text())["features"]
    return [
        shape(feature["geometry"])
        for feature in features
        if feature["properties"]["classification"]["name"] == name
    ]


def pixels_of(path: Path, level: int = 0) -> np.ndarray:
    with openslide.OpenSlide(path) as slide:
        size = slide.level_dimensions[level]
        return np.asarray(slide.read_region((0, 0), level, size).convert("RGB")).astype(int)


def inside(region: BaseGeometry, step: int = 1) -> np.ndarray:
    """Which pixels' centres lie in a region, for every `step`-th pixel."""
    centres = np.arange(0, SIDE, step) + 0.5
    shapely.prepare(region)
    return shapely.contains_xy(region, *np.meshgrid(centres, centres))


def test_slides_repeat_byte_for_byte(
    pathology: Path, slide_truth: pd.DataFrame, tmp_path: Path
) -> None:
    first = file_hashes(laboratory(tmp_path, 3, broken=3))
    few = read_slide_truth(tmp_path)
    assert file_hashes(laboratory(tmp_path, 3, broken=3)) == first  # over what is there, too
    tables = {"slides.csv", "truth/slides.csv"}
    all_of_them = file_hashes(pathology)
    assert {file: all_of_them[file] for file in first if file not in tables} == {
        file: digest for file, digest in first.items() if file not in tables
    }
    names = set(few["slide"])
    more = slide_truth[slide_truth["slide"].isin(names)].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, more)


def test_table_of_slides(pathology: Path, slide_truth: pd.DataFrame) -> None:
    table = pd.read_csv(pathology / "slides.csv", dtype=str).fillna("")
    assert list(table) == ["slide", "patient", "outlines", "class"]
    assert table.equals(slide_truth[list(table)])
    assert table["slide"].is_unique and len(table) == SLIDES + 4
    files = {str(f.relative_to(pathology / "slides")) for f in pathology.rglob("*.svs")}
    assert files == set(table["slide"])
    good = table[:SLIDES]
    assert good["patient"].nunique() == SLIDES - 1
    assert good["patient"].iloc[-1] == good["patient"].iloc[-2]
    kinds = ["geojson", "asap", "imagescope", "mask", "pyramid", "rectangles", "", "asap"]
    assert list(slide_truth["outlines_kind"][:8]) == kinds
    for row in slide_truth.itertuples():
        normal = row.Index == 6
        assert row.normal == normal and (row.outlines == "") == normal
        assert row[slide_truth.columns.get_loc("class") + 1] == ("norm" if normal else "")
        assert normal or row.outlines.split("/")[:2] == ["outlines", row.outlines_kind]
        assert (pathology / "slides" / row.outlines).exists()


def test_good_slides_open(pathology: Path, slide_truth: pd.DataFrame) -> None:
    for number, name in enumerate(slide_truth["slide"][:SLIDES]):
        path = pathology / "slides" / name
        with openslide.OpenSlide(path) as slide:
            assert slide.properties["openslide.vendor"] == "aperio"
            mpp, power = SCALES.get(number, USUAL)
            mpp_property = slide.properties.get("openslide.mpp-x")
            assert (mpp_property and float(mpp_property)) == mpp
            assert slide.properties.get("openslide.objective-power") == power
            assert slide.level_dimensions == ((1024, 1024), (256, 256), (64, 64))
        full = pixels_of(path).reshape(256, 4, 256, 4, 3).mean(axis=(1, 3))
        assert np.abs(full - pixels_of(path, 1)).mean() < 4


def test_truth_of_slides_is_what_is_drawn(pathology: Path, slide_truth: pd.DataFrame) -> None:
    islands = 0
    for row in slide_truth[:SLIDES].itertuples():
        picture = pixels_of(pathology / "slides" / row.slide)[::4, ::4]
        (tissue,) = true_shapes(pathology, row.regions, "Tissue")
        tumour = true_shapes(pathology, row.regions, "Tumor")
        marks = true_shapes(pathology, row.regions, "Pen")
        ink = inside(shapely.union_all(marks).buffer(4), 4)
        glass = ~inside(tissue.buffer(30), 4) & ~ink
        assert picture[glass].mean() > 225
        sick = shapely.union_all(tumour)
        assert (sick - tissue).is_empty
        assert row.tissue_share == pytest.approx(tissue.area / SIDE**2, abs=1e-4)
        assert row.tumour_share == pytest.approx(sick.area / tissue.area, abs=1e-4)
        assert (row.tumour_share == 0) == row.normal
        holes = [Polygon(ring) for polygon in tumour for ring in polygon.interiors]
        islands += len(holes)
        if tumour:  # crowded with nuclei, which take red away
            dark = (picture[..., 0] < 130) & ~ink
            normal = dark[inside(tissue - sick, 4)].mean()
            crowded = dark[inside(sick, 4)].mean()
            assert crowded > 1.5 * normal
            assert all(dark[inside(hole, 4)].mean() < 0.6 * crowded for hole in holes)
    assert islands == 4


def test_pens(pathology: Path, slide_truth: pd.DataFrame) -> None:
    inks = {1: [(30, 130, 70)], 4: [(25, 70, 170), (35, 35, 40)]}
    for number, row in enumerate(slide_truth[:SLIDES].itertuples()):
        marks = true_shapes(pathology, row.regions, "Pen")
        assert len(marks) == len(inks.get(number, []))
        (tissue,) = true_shapes(pathology, row.regions, "Tissue")
        picture = pixels_of(pathology / "slides" / row.slide)
        for stroke, ink in zip(marks, inks.get(number, []), strict=True):
            under = picture[inside(stroke.buffer(-3))]
            assert np.abs(under.mean(axis=0) - ink).max() < 15 and under.std(axis=0).max() < 10
            # Two pixels beyond the stroke there is none of it.
            assert np.abs(picture[inside(stroke.buffer(9) - stroke.buffer(5))] - ink).mean() > 50
            assert 0.3 < stroke.intersection(tissue).area / stroke.area < 0.7
            width = 2 * stroke.area / stroke.length
            assert 50 / 4096 * SIDE < width < 125 / 4096 * SIDE


def read_outlines(path: Path, kind: str) -> BaseGeometry:
    """The tumour as the format of the file says it, read with as little as it takes."""
    if kind == "geojson":
        content = json.loads(path.read_text())
        assert content["type"] == "FeatureCollection"
        parts = []
        for feature in content["features"]:
            assert feature["properties"]["objectType"] == "annotation"
            assert feature["properties"]["classification"]["name"] == "Tumor"
            parts.append(shape(feature["geometry"]))
        return shapely.union_all(parts)
    if kind == "asap":
        parts = []
        for annotation in ElementTree.parse(path).iter("Annotation"):
            assert annotation.attrib["Type"] == "Polygon"
            assert annotation.attrib["PartOfGroup"] == "Tumor"
            corners = sorted(annotation.iter("Coordinate"), key=lambda c: int(c.attrib["Order"]))
            parts.append(Polygon([(float(c.attrib["X"]), float(c.attrib["Y"])) for c in corners]))
        assert all(part.is_valid for part in parts)
        return shapely.union_all(parts)
    if kind == "imagescope":
        (layer,) = ElementTree.parse(path).iter("Annotation")
        assert layer.attrib["Name"] == "Tumor"
        rings: dict[str, list[Polygon]] = {"0": [], "1": []}
        for region in layer.iterfind("Regions/Region"):
            corners = region.iterfind("Vertices/Vertex")
            ring = Polygon([(float(c.attrib["X"]), float(c.attrib["Y"])) for c in corners])
            rings[region.attrib["NegativeROA"]].append(ring)
        return shapely.union_all(rings["0"]) - shapely.union_all(rings["1"])
    if kind == "rectangles":
        table = pd.read_csv(path)
        assert list(table) == ["x", "y", "w", "h", "class"] and set(table["class"]) == {"Tumor"}
        return shapely.union_all(
            [box(x, y, x + w, y + h) for x, y, w, h in table[["x", "y", "w", "h"]].to_numpy()]
        )
    if kind == "mask":
        with Image.open(path) as image:
            assert image.mode == "L"
            return region_of(np.asarray(image))
    large, small = (page.asarray() for page in tifffile.TiffFile(path).pages)
    assert np.array_equal(large, small.repeat(4, 0).repeat(4, 1))
    with openslide.OpenSlide(path) as slide:
        assert slide.level_dimensions == ((SIDE // 4,) * 2, (SIDE // 16,) * 2)
    return region_of(small)


def region_of(mask: np.ndarray) -> BaseGeometry:
    assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 1}
    size = SIDE / len(mask)
    ys, xs = np.nonzero(mask)
    return shapely.union_all(shapely.box(xs * size, ys * size, (xs + 1) * size, (ys + 1) * size))


def test_every_format_of_outlines_says_the_truth(
    pathology: Path, slide_truth: pd.DataFrame
) -> None:
    for row in slide_truth[:SLIDES].itertuples():
        truth = shapely.union_all(true_shapes(pathology, row.regions, "Tumor"))
        stem = row.slide.removesuffix(".svs")
        files = {f.parent.name: f for f in (pathology / "slides").glob(f"outlines/*/{stem}.*")}
        assert set(files) == (set() if row.normal else set(FORMATS))
        for kind, file in files.items():
            assert read_outlines(file, kind).equals(truth), f"{row.slide} {kind}"


def test_broken_slides(pathology: Path, slide_truth: pd.DataFrame) -> None:
    broken = slide_truth[SLIDES:]
    kinds = ["unreadable_slide", "unreadable_slide", "outlines_outside", "unreadable_slide"]
    assert list(broken["expected"]) == kinds and (slide_truth["expected"][:SLIDES] == "").all()
    for row in broken.itertuples():
        path = pathology / "slides" / row.slide
        region = read_outlines(pathology / "slides" / row.outlines, row.outlines_kind)
        if row.expected == "unreadable_slide":
            with pytest.raises(openslide.OpenSlideError):
                openslide.OpenSlide(path)
        else:
            with openslide.OpenSlide(path) as slide:
                glass = box(0, 0, *slide.dimensions)
                assert slide.properties["openslide.mpp-x"] == "0.499"
            assert region.intersection(glass).area < 0.3 * region.area
            assert max(region.bounds) > 2 * max(glass.bounds)


def test_regions() -> None:
    for i in range(12):
        island = i % 2 == 1
        tissue, mask = draw_regions(generator(i, "test", ""), 4096, island=island)
        assert mask.shape == (256, 256) and mask.dtype == bool
        tumour = polygons(mask)
        area = sum(t.area for t in tumour)
        assert area == mask.sum() * GRID**2
        holes = [Polygon(ring).area for t in tumour for ring in t.interiors]
        assert len(holes) == island
        assert all(0.02 <= hole / 4096**2 <= 0.05 for hole in holes)
        assert 0.55 <= tissue.area / 4096**2 <= 0.65
        assert 0.38 < (area + sum(holes)) / tissue.area < 0.48
        assert 1 <= len(tumour) <= 2 and all(tissue.contains(t) for t in tumour)


# --- outlines and slide files -----------------------------------------------------------------


def test_outlines_of_any_mask(tmp_path: Path) -> None:
    rng = generator(5, "test", "mask")
    mask = rng.random((SIDE // GRID, SIDE // GRID)) < 0.6  # holes in plenty, corners that touch
    truth = region_of(mask.astype(np.uint8))
    assert sum(len(polygon.interiors) for polygon in polygons(mask)) > 50
    for kind, (ending, write) in FORMATS.items():
        write(mask, tmp_path / f"a{ending}")
        if kind != "imagescope":  # whose holes can hold no islands
            assert read_outlines(tmp_path / f"a{ending}", kind).equals(truth), kind


class Watched(Mosaic):
    """A level that lets nobody read more than a tile at once."""

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        read = super().__getitem__(part)
        assert max(read.shape) <= TILE
        return read


@pytest.mark.parametrize("limit", [TIFF_LIMIT, 1])
def test_a_slide_is_written_from_what_makes_its_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(svs, "TIFF_LIMIT", limit)
    ys, xs = np.mgrid[:90, :70]
    picture = np.stack([60 + 2 * ys, 250 - 2 * xs, ys + xs], axis=2).astype(np.uint8)
    levels = [Watched(picture, 700, 530), Watched(picture, 233, 176)]  # no exact factor
    write_svs(levels, tmp_path / "s.svs", mpp=None, power=None)
    assert (tmp_path / "s.svs").read_bytes()[2] == (42 if limit > 1 else 43)  # TIFF, BigTIFF
    with openslide.OpenSlide(tmp_path / "s.svs") as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.level_dimensions == ((530, 700), (176, 233))
        assert "openslide.mpp-x" not in slide.properties
        assert "openslide.objective-power" not in slide.properties
    for number, (rows, columns) in enumerate([(700, 530), (233, 176)]):
        whole = np.tile(picture, (10, 10, 1))[:rows, :columns].astype(int)
        assert np.abs(pixels_of(tmp_path / "s.svs", number) - whole).mean() < 2


def test_a_pyramid_is_made_of_averages() -> None:
    picture = np.arange(10 * 9 * 3).reshape(10, 9, 3).astype(np.uint8)
    full, half, quarter = pyramid(picture, (1, 2, 4))
    assert np.array_equal(full, picture)
    assert half.shape == (5, 5, 3) and quarter.shape == (3, 3, 3)
    assert np.abs(half[0, 0] - picture[:2, :2].mean(axis=(0, 1))).max() <= 0.5
