"""A pathologist's outlines: the same region says the same in every format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import openslide
import pytest
import shapely
import tifffile
from helpers.slide_files import write_scn, write_slide
from PIL import Image, ImageDraw
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Point, Polygon, box, mapping, shape
from shapely.geometry.polygon import orient

from pgdose.errors import Rejected
from pgdose.histology import masks
from pgdose.histology.areas import Area, Cells, Polygons
from pgdose.histology.outlines import Outlines, read
from pgdose.images import codecs

SIZE = (1280, 1024)
CLASSES = {"ignore": ["ignore*", "3"], "tumour": ["Tumor", "1"], "norm": ["Normal", "2"]}
WORDS = {"tumour": "Tumor", "norm": "Normal"}


def stairs() -> dict[str, Polygon]:
    """A staircase with a hole, and a block beside it; all corners lie on a grid of 16 pixels."""
    steps = [(64, 64), (576, 64), (576, 192), (704, 192), (704, 400), (800, 400), (800, 720)]
    hole = [(208, 208), (400, 208), (400, 416), (208, 416)]
    tumour = Polygon([*steps, (64, 720)], [hole])
    return {"tumour": tumour, "norm": box(832, 112, 1232, 944)}


def grid(tile: int = 96) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(0, SIZE[0], tile), np.arange(0, SIZE[1], tile))
    return x.ravel(), y.ravel()


def reason(*arguments: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(Rejected) as caught:
        read(*arguments, **options)
    return caught.value.reason, caught.value.detail


# --- writers of each format -------------------------------------------------------------------


def feature(region: Any, classification: Any, **properties: Any) -> dict:
    properties = {"objectType": "annotation", "classification": classification} | properties
    return {"type": "Feature", "geometry": mapping(region), "properties": properties}


def geojson(path: Path, *features: dict) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def points(tag: str, ring: Any) -> str:
    return "".join(
        f'<{tag} Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(list(ring.coords)[:-1])
    )


def asap(path: Path, *outlines: tuple[str, str, str]) -> Path:
    """Of (type, group, coordinates)."""
    text = "".join(
        f'<Annotation Name="A" Type="{kind}" PartOfGroup={quoteattr(group)}>'
        f"<Coordinates>{coordinates}</Coordinates></Annotation>"
        for kind, group, coordinates in outlines
    )
    path.write_text(f"<ASAP_Annotations><Annotations>{text}</Annotations></ASAP_Annotations>")
    return path


def region(vertices: str, kind: int = 0, negative: int = 0, text: str = "") -> str:
    return (
        f'<Region Id="1" Type="{kind}" NegativeROA="{negative}" Text="{text}">'
        f"<Vertices>{vertices}</Vertices></Region>"
    )


def imagescope(path: Path, *layers: tuple[str, str, str]) -> Path:
    """Of (name, description, regions)."""
    text = "".join(
        f'<Annotation Id="{n + 1}" Name={quoteattr(name)}><Attributes><Attribute '
        f'Name="Description" Value={quoteattr(description)}/></Attributes>'
        f"<Regions>{regions}</Regions></Annotation>"
        for n, (name, description, regions) in enumerate(layers)
    )
    path.write_text(f'<?xml version="1.0"?><Annotations>{text}</Annotations>')
    return path


def picture(scale: int = 1, size: tuple[int, int] = SIZE) -> np.ndarray:
    """The stairs as 0, 1 and 2, uint8; drawn by hand for each corner is whole."""
    image = np.zeros((size[1] // scale, size[0] // scale), np.uint8)
    y, x = np.mgrid[0 : size[1] : scale, 0 : size[0] : scale] + scale / 2
    for value, polygon in enumerate(stairs().values(), 1):
        image[shapely.contains_xy(polygon, x, y)] = value
    return image


def colours(values: np.ndarray) -> np.ndarray:
    return np.array([(0, 0, 0), (255, 0, 0), (0, 128, 255), (9, 9, 9)], np.uint8)[values]


def write_geojson(path: Path) -> Path:
    features = [feature(area, {"name": WORDS[name]}) for name, area in stairs().items()]
    return geojson(path.with_suffix(".geojson"), *features)


def write_asap(path: Path) -> Path:
    """ASAP has no holes: the outline runs through a slit to the hole and back."""
    outlines = []
    for name, area in stairs().items():
        area = orient(area)  # a pen that does not cross its line goes round a hole the other way
        shell = list(area.exterior.coords)
        for hole in area.interiors:
            shell += [*hole.coords, shell[0]]
        marks = "".join(
            f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(shell)
        )
        outlines.append(("Polygon", WORDS[name], marks))
    return asap(path.with_suffix(".xml"), *outlines)


def write_imagescope(path: Path) -> Path:
    layers = []
    for name, area in stairs().items():
        regions = region(points("Vertex", area.exterior))
        regions += "".join(region(points("Vertex", h), negative=1) for h in area.interiors)
        layers.append((WORDS[name], "", regions))
    return imagescope(path.with_suffix(".xml"), *layers)


def write_csv(path: Path) -> Path:
    """Rectangles of 16 pixels, for rows of the grid."""
    lines = ["x,y,w,h,class"]
    coarse = picture(16)
    for value, word in ((1, "Tumor"), (2, "Normal")):
        lines += [f"{c * 16},{r * 16},16,16,{word}" for r, c in np.argwhere(coarse == value)]
    path.with_suffix(".csv").write_text("\n".join(lines))
    return path.with_suffix(".csv")


def write_png(scale: int, mode: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        values = picture(scale)
        image = Image.fromarray(values)
        if mode == "P":
            image.putpalette([5, 5, 5, 250, 0, 0, 0, 250, 0])
        elif mode == "RGB":
            image = Image.fromarray(colours(values))
        elif mode == "RGBA":  # not drawn on is transparent, whatever its colour
            seen = (values[..., None] > 0) * np.uint8(255)
            image = Image.fromarray(np.concatenate([colours(values) | (255 - seen), seen], axis=2))
        elif mode == "grey":  # three equal channels
            image = Image.fromarray(np.stack([values] * 3, axis=2))
        elif mode == "I;16":
            image = Image.fromarray(values.astype(np.uint16))
        image.save(path.with_suffix(".png"))
        return path.with_suffix(".png")

    return write


def write_bmp(path: Path) -> Path:
    Image.fromarray(picture(4)).save(path.with_suffix(".bmp"))
    return path.with_suffix(".bmp")


def write_tiff(*scales: int, subifds: bool = False, **options: Any) -> Callable[[Path], Path]:
    """Several scales make a pyramid."""

    def write(path: Path) -> Path:
        path = path.with_suffix(".tif")
        with tifffile.TiffWriter(path) as file:
            for n, scale in enumerate(scales):
                values = picture(scale)
                if options.get("photometric") == "rgb":
                    values = colours(values)
                linked = {"subifds": len(scales) - 1} if subifds and n == 0 else {}
                file.write(values, metadata=None, **linked, **options)
        return path

    return write


def write_palette_tiff(path: Path) -> Path:
    image = Image.fromarray(picture())
    image.putpalette([5, 5, 5, 250, 0, 0, 0, 250, 0])
    image.save(path.with_suffix(".tif"))
    return path.with_suffix(".tif")


TILED = {"tile": (256, 256)}
WRITERS = {
    "geojson": write_geojson,
    "asap": write_asap,
    "imagescope": write_imagescope,
    "csv": write_csv,
    "png": write_png(1, "L"),
    "png/4": write_png(4, "L"),
    "png/16": write_png(16, "L"),
    "palette": write_png(4, "P"),
    "rgb": write_png(4, "RGB"),
    "rgba": write_png(4, "RGBA"),
    "equal channels": write_png(4, "grey"),
    "16 bit": write_png(4, "I;16"),
    "bmp": write_bmp,
    "striped": write_tiff(1, rowsperstrip=7, compression="zlib"),
    "one strip": write_tiff(1, rowsperstrip=1024),
    "tiled": write_tiff(1, **TILED),
    "deflate": write_tiff(1, **TILED, compression="zlib"),
    "lzw": write_tiff(1, **TILED, compression="lzw", predictor=True),
    "tiled/16": write_tiff(16, **TILED, compression="lzw"),
    "pyramid": write_tiff(1, 4, 16, **TILED, compression="zlib"),
    "hung pyramid": write_tiff(1, 4, 16, subifds=True, **TILED),
    "tiff rgb": write_tiff(4, **TILED, photometric="rgb"),
    "tiff palette": write_palette_tiff,
}
SEEN = {**CLASSES, "tumour": ["Tumor", "1", "#FF0000"], "norm": ["Normal", "2", "#0080ff"]}


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_region_covers_the_same_in_every_format(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "outlines")
    x, y = grid()
    for tile in (256, 512):  # 512 takes the coarser levels of a pyramid
        found = read(path, SEEN, SIZE, tile=tile)
        assert list(found.areas) == ["tumour", "norm"] and found.dropped == 0
        for name, area in stairs().items():
            squares = shapely.box(x, y, x + 96, y + 96)
            expected = shapely.area(shapely.intersection(squares, area)) / 96**2
            got = found.areas[name].shares(x, y, 96)
            assert got.dtype == np.float64 and got.shape == x.shape
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
            assert np.count_nonzero((expected > 0) & (expected < 1)) > 0


@pytest.mark.parametrize("kind", ["geojson", "imagescope", "png", "png/16"])
def test_rings_run_round_what_is_covered(kind: str, tmp_path: Path) -> None:
    found = read(WRITERS[kind](tmp_path / "outlines"), SEEN, SIZE)
    for name, area in stairs().items():
        rings = found.areas[name].rings()
        assert len(rings) == 1 + len(area.interiors)
        corners = np.concatenate(rings)
        ends = [*corners.min(axis=0), *corners.max(axis=0)]
        np.testing.assert_allclose(ends, area.bounds, atol=1e-6)
        canvas = Image.new("1", SIZE)
        for ring in sorted(rings, key=lambda r: -np.ptp(r[:, 0])):
            assert (ring[0] == ring[-1]).all()
            hole = canvas.getpixel(tuple(ring.mean(axis=0).astype(int).tolist()))
            corners = [(x, y) for x, y in ring.tolist()]
            ImageDraw.Draw(canvas).polygon(corners, fill=not hole)
        assert np.count_nonzero(canvas) == pytest.approx(area.area, rel=0.02)


# --- shares of squares ------------------------------------------------------------------------


def test_shares_of_cells_are_those_of_adding_up_pixels() -> None:
    rng = np.random.default_rng(1)
    covered = rng.random((13, 17)).astype(np.float32)
    cells = Cells(covered, width=4, height=6, left=10, top=20, right=76, bottom=95)
    fine = np.zeros((200, 200))  # level 0, pixel by pixel
    fine[20 : 20 + 78, 10 : 10 + 68] = covered.astype(np.float64).repeat(6, 0).repeat(4, 1)
    fine[95:], fine[:, 76:] = 0, 0
    x, y = rng.integers(-40, 190, (2, 300))
    padded = np.pad(fine, 60)
    expected = [padded[b + 60 : b + 93, a + 60 : a + 93].mean() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(cells.shares(x, y, 33), expected, rtol=0, atol=1e-12)
    # Between whole pixels it is linear.
    halves = (cells.shares(x, y, 33) + cells.shares(x + 1, y, 33)) / 2
    np.testing.assert_allclose(cells.shares(x + 0.5, y, 33), halves, rtol=0, atol=1e-12)


def test_shares_of_polygons_are_those_of_counting_points() -> None:
    rng = np.random.default_rng(2)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    reach = 350 + rng.normal(0, 8, 400).cumsum()
    blob = Polygon(500 + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1))
    blob = shapely.make_valid(blob, method="structure").difference(Point(500, 500).buffer(90))
    areas: list[tuple[Any, Area]] = [
        (a, Polygons(a)) for a in (blob, MultiPolygon([box(0, 0, 250, 90)]))
    ]
    x, y = rng.uniform(-100, 1000, (2, 200))
    inner = (np.arange(50) + 0.5) / 50 * 120
    for polygon, area in areas:
        for a, b, share in zip(x, y, area.shares(x, y, 120.0), strict=True):
            px, py = np.meshgrid(a + inner, b + inner)
            assert share == pytest.approx(shapely.contains_xy(polygon, px, py).mean(), abs=0.03)
        squares = shapely.box(x, y, x + 120, y + 120)
        exact = shapely.area(shapely.intersection(polygon, squares)) / 120**2
        np.testing.assert_allclose(area.shares(x, y, 120.0), exact, rtol=0, atol=1e-12)


def test_no_squares_have_no_shares() -> None:
    none = np.zeros(0)
    for area in (Polygons(box(0, 0, 9, 9)), Cells(np.ones((3, 3), np.float32), 4, 4)):
        assert area.shares(none, none, 16.0).shape == (0,)


# --- GeoJSON ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["collection", "list", "one"])
def test_geojson_may_be_a_collection_a_list_or_one_feature(form: str, tmp_path: Path) -> None:
    one = feature(box(0, 0, 100, 100), {"name": " TUMOR "})
    content = {"collection": {"type": "FeatureCollection", "features": [one]}, "list": [one]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content.get(form, one)), encoding="utf-8-sig")
    assert shares_of(read(path, CLASSES, SIZE)) == {"tumour": 100**2}


def shares_of(found: Outlines) -> dict[str, float]:
    """The area of each class in pixels of level 0, rounded."""
    x, y = grid(64)
    return {name: round(a.shares(x, y, 64).sum() * 64**2, 3) for name, a in found.areas.items()}


@pytest.mark.parametrize("properties", [None, {}, {"classification": None}, {"classification": {}}])
def test_an_outline_without_a_class_is_unnamed(properties: Any, tmp_path: Path) -> None:
    one = feature(box(0, 0, 100, 100), None) | {"properties": properties}
    path = geojson(tmp_path / "a.geojson", one)
    assert shares_of(read(path, {"norm": ["unnamed"]}, SIZE)) == {"norm": 100**2}
    assert reason(path, CLASSES, SIZE) == (
        "unmapped_class",
        "an outline without a class (word: unnamed) is in none of the study's classes "
        "(ignore, tumour, norm)",
    )


@pytest.mark.parametrize(
    "classification",
    ["Tumor: Positive", {"name": "Tumor: Positive"}, {"names": ["Tumor", "Positive"]}],
)
def test_derived_classes_are_matched_whole(classification: Any, tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(0, 0, 100, 100), classification))
    assert list(read(path, {"tumour": ["tumor: positive"]}, SIZE).areas) == ["tumour"]
    assert reason(path, CLASSES, SIZE)[0] == "unmapped_class"


def test_what_has_no_area_is_dropped_and_counted(tmp_path: Path) -> None:
    area = box(0, 0, 100, 100)
    both = shapely.geometrycollections([area, Point(400, 400), box(200, 0, 300, 100)])
    line = shapely.linestrings([(0, 0), (9, 9)])
    path = geojson(
        tmp_path / "a.geojson",
        feature(both, {"name": "Tumor"}),
        feature(MultiPolygon([box(500, 0, 600, 100)]), {"name": "Tumor"}),
        feature(Point(3, 3), {"name": "of no class"}),
        feature(line, None),
        feature(Polygon([(0, 0), (50, 50), (0, 0)]), {"name": "Tumor"}),
        *(
            feature(area, None, objectType=kind)
            for kind in ("detection", "cell", "tile", "tmaCore")
        ),
        feature(area, None, objectType=None) | {"id": "PathDetectionObject"},
        feature(area, {"name": "Tumor"}) | {"geometry": None},
        feature(area, {"name": "Tumor"}) | {"geometry": {"type": "Polygon", "coordinates": []}},
        feature(area, {"name": "Tumor"}) | {"id": "PathAnnotationObject"},
        feature(area, {"name": "Tumor"})  # a hole of two points is none
        | {
            "geometry": {
                "type": "Polygon",
                "coordinates": [[*area.exterior.coords], [[1, 1], [2, 2]]],
            }
        },
    )
    found = read(path, CLASSES, SIZE)
    assert shares_of(found) == {"tumour": 3 * 100**2}
    assert (found.dropped, found.mended) == (10, 0)


def test_qupath_counts_from_where_the_scan_begins(tmp_path: Path) -> None:
    slide = np.full((512, 768, 3), 240, np.uint8)
    slide[128:256, 256:512] = (160, 40, 110)
    path = write_scn(tmp_path / "s.scn", slide, left=333, top=207, size=(1280, 1024))
    with openslide.OpenSlide(path) as opened:
        known = opened.properties
        bounds = [int(known[f"openslide.bounds-{n}"]) for n in ("x", "y", "width", "height")]
        size = opened.dimensions
        pixels = np.asarray(opened.read_region((0, 0), 0, size).convert("RGBA"))
    assert (size, bounds) == ((1280, 1024), [333, 207, 768, 512])
    region = box(256, 128, 512, 256)  # as the viewer shows it
    path = geojson(tmp_path / "a.geojson", feature(region, {"name": "Tumor"}))
    area = read(path, CLASSES, size, tuple(bounds)).areas["tumour"]
    x, y = grid(64)
    pink = (pixels[..., 1] < 140) & (pixels[..., 3] > 0)
    expected = [pink[b : b + 64, a : a + 64].mean() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(area.shares(x, y, 64), expected, atol=0.02)
    # Only QuPath does.
    (tmp_path / "a.csv").write_text("0,0,64,64")
    kept = read(tmp_path / "a.csv", {"norm": ["unnamed"]}, size, tuple(bounds)).areas["norm"]
    assert kept.shares(x, y, 64)[0] == 1


# --- ASAP and ImageScope ----------------------------------------------------------------------


def test_asap_points_follow_their_order_and_types(tmp_path: Path) -> None:
    corners = [(0, 0), (100, 0), (100, 100), (0, 100)]
    marks = [f'<Coordinate Order="{n}" X="{x}" Y="{y},0"/>' for n, (x, y) in enumerate(corners)]
    crossed = "".join(marks[n] for n in (0, 2, 1, 3))
    moved = points("Coordinate", box(200, 0, 300, 100).exterior)
    kinds = ("Dot", "PointSet", "Measurement")
    path = asap(
        tmp_path / "a.xml",
        ("Polygon", "Tumor", crossed),
        ("Spline", "None", moved),
        ("Rectangle", "normal", points("Coordinate", box(400, 0, 500, 100).exterior)),
        *((kind, "whatever", moved) for kind in kinds),
    )
    found = read(path, CLASSES | {"ignore": ["unnamed"]}, SIZE)
    assert shares_of(found) == {"ignore": 1e4, "tumour": 1e4, "norm": 1e4}
    assert (found.mended, found.dropped) == (0, 3)


def test_imagescope_regions(tmp_path: Path) -> None:
    square = points("Vertex", box(0, 0, 100, 100).exterior)
    inner = points("Vertex", box(20, 20, 60, 60).exterior)
    two = '<Vertex X="200" Y="100"/><Vertex X="300" Y="0"/>'
    path = imagescope(
        tmp_path / "a.xml",
        ("Tumor", "ignored", region(square) + region(inner, negative=1) + region(two, kind=1)),
        ("", "Normal", region(points("Vertex", box(400, 0, 500, 60).exterior), kind=2)),
        # Another layer's hole is no hole here, and an arrow is no area.
        (
            "Tumor",
            "",
            region(points("Vertex", box(0, 200, 60, 260).exterior)) + region(two, kind=3),
        ),
        ("", "", region(two.replace("00", "40"), kind=2) + region(two, kind=4)),
    )
    found = read(path, CLASSES | {"other": ["layer 4"]}, SIZE)
    areas = shares_of(found)
    assert areas["tumour"] == 100**2 - 40**2 + 100**2 + 60**2
    assert areas["norm"] == pytest.approx(np.pi * 50 * 30, rel=1e-3)
    assert areas["other"] > 0 and found.dropped == 2


def test_a_layer_s_description_is_never_told(tmp_path: Path) -> None:
    square = region(points("Vertex", box(0, 0, 100, 100).exterior))
    path = imagescope(tmp_path / "a.xml", ("", "Ivanova", square))
    code, detail = reason(path, CLASSES, SIZE)
    assert code == "unmapped_class" and detail.startswith("a word not shown here")
    path = imagescope(tmp_path / "a.xml", ("Necrosis", "Ivanova", square))
    assert reason(path, CLASSES, SIZE)[1].startswith("'Necrosis'")


def test_a_hole_is_one_of_its_layer_alone(tmp_path: Path) -> None:
    square = region(points("Vertex", box(0, 0, 100, 100).exterior))
    hole = region(points("Vertex", box(0, 0, 100, 50).exterior), negative=1)
    line = region('<Vertex X="1" Y="1"/>', negative=1)
    path = imagescope(
        tmp_path / "a.xml", ("Tumor", "", square), ("Normal", "", square + hole + line)
    )
    found = read(path, {"norm": ["normal"], "tumour": ["tumor"]}, SIZE)
    assert shares_of(found) == {"norm": 5000, "tumour": 5000} and found.dropped == 1


def test_what_stands_at_a_region_is_never_told(tmp_path: Path) -> None:
    square = points("Vertex", box(0, 0, 100, 100).exterior)
    path = imagescope(tmp_path / "a.xml", ("Tumor", "", region(square, text="J. Doe")))
    assert list(read(path, CLASSES, SIZE).areas) == ["tumour"]
    assert "Doe" not in reason(path, {"norm": ["normal"]}, SIZE)[1]


# --- rectangles -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "0,0,100,50\n200,0,10,10\n",
        "x,y,w,h\n0,0,100,50\n\n200,0,10,10",
        "\ufeffHeight,Width,Y,X\n50,100,0,0\n10,10,0,200",
    ],
)
def test_rectangles_with_and_without_a_header(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    assert shares_of(read(path, {"norm": ["unnamed"]}, SIZE)) == {"norm": 5100}


def test_rectangles_may_have_a_class_and_no_size(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y,w,h,class\n0,0,9,9,tumor\n0,0,-1,9,tumor\n5,5,0,3,\n99,0,10,10,\n")
    found = read(path, CLASSES | {"norm": ["unnamed"]}, SIZE)
    assert shares_of(found) == {"tumour": 81, "norm": 100} and found.dropped == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "a,b\n1,2",
        "x,y,w,h\n1,2,3,four",
        "1,2,3",
        "1,2,3,4,5",
        "x,y,w,h\n1,2",
        "1,2,\0,3",
    ],
)
def test_tables_that_are_none_of_rectangles(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert reason(path, CLASSES, SIZE)[0] == "unreadable_outlines"


# --- masks ------------------------------------------------------------------------------------


def png(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


def test_a_mask_may_cover_the_scanned_part_alone(tmp_path: Path) -> None:
    bounds = (333, 207, 640, 200)
    path = png(tmp_path / "a.png", np.ones((50, 160), np.uint8))
    area = read(path, CLASSES, SIZE, bounds).areas["tumour"]
    x, y = grid(32)
    expected = shapely.area(
        shapely.intersection(shapely.box(x, y, x + 32, y + 32), box(333, 207, 973, 407))
    )
    np.testing.assert_allclose(area.shares(x, y, 32) * 32**2, expected, atol=1e-6)
    # What fits the whole slide covers it.
    path = png(tmp_path / "b.png", np.ones((64, 80), np.uint8))
    assert shares_of(read(path, CLASSES, SIZE, (333, 207, 640, 512))) == {
        "tumour": SIZE[0] * SIZE[1]
    }


def test_a_mask_of_another_slide_is_rejected(tmp_path: Path) -> None:
    expected = ("wrong_aspect", "the mask is 80x60, the slide 1280x1024")
    assert reason(png(tmp_path / "a.png", np.ones((60, 80), np.uint8)), CLASSES, SIZE) == expected
    tifffile.imwrite(tmp_path / "a.tif", np.ones((60, 80), np.uint8))
    assert reason(tmp_path / "a.tif", CLASSES, SIZE, (0, 0, 500, 500)) == expected


@pytest.mark.parametrize(
    ("rows", "columns", "fits"), [(63, 80, True), (65, 81, True), (62, 80, False)]
)
def test_the_proportions_may_be_off_by_a_pixel_of_rounding(
    rows: int, columns: int, fits: bool, tmp_path: Path
) -> None:
    path = png(tmp_path / "a.png", np.ones((rows, columns), np.uint8))
    if fits:  # it is drawn out over the whole slide
        assert shares_of(read(path, CLASSES, SIZE)) == {"tumour": SIZE[0] * SIZE[1]}
    else:
        assert reason(path, CLASSES, SIZE)[0] == "wrong_aspect"


def test_cells_at_the_edge_are_covered_up_to_the_edge(tmp_path: Path) -> None:
    """Eighteen mask pixels to a cell: the last cells reach beyond the slide."""
    path = png(tmp_path / "a.png", np.ones((1024, 1280), np.uint8))
    area = read(path, CLASSES, SIZE, tile=300).areas["tumour"]
    assert isinstance(area, Cells) and area.width == 18 and 1280 % 18
    shares = area.shares(np.array([1020, 1150, 1270, 1280]), np.array([764, 0, 0, 0]), 260)
    np.testing.assert_allclose(shares, [1, 0.5, 10 / 260, 0], atol=1e-12)


def test_a_bit_is_the_word_1(tmp_path: Path) -> None:
    values = picture(4) == 1
    expected = {"tumour": stairs()["tumour"].area}
    Image.fromarray(values).save(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == "1"
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    Image.fromarray(values).save(tmp_path / "b.tif", compression="group4")
    for name in ("a.png", "a.tif", "b.tif"):
        assert shares_of(read(tmp_path / name, CLASSES, SIZE)) == expected


def test_nothing_is_drawn_where_a_mask_is_0_unless_a_class_names_it(tmp_path: Path) -> None:
    whole, (tumour, norm) = SIZE[0] * SIZE[1], (a.area for a in stairs().values())
    named = SEEN | {"ignore": ["0"]}
    for mode in ("L", "RGB", "P"):
        path = write_png(4, mode)(tmp_path / mode)
        assert shares_of(read(path, named, SIZE))["ignore"] == whole - tumour - norm
    path = write_png(4, "RGB")(tmp_path / "rgb")
    assert "ignore" in read(path, SEEN | {"ignore": ["#000000"]}, SIZE).areas


def test_what_is_transparent_is_not_drawn(tmp_path: Path) -> None:
    values = picture(4)
    image = Image.fromarray(np.where(values == 0, 7, values).astype(np.uint8))
    image.putpalette([value for _ in range(8) for value in (1, 2, 3)])
    image.save(tmp_path / "p.png", transparency=7)
    grey = np.stack([values + 9, (values > 0) * np.uint8(200)], axis=2)
    Image.fromarray(grey).save(tmp_path / "la.png")
    assert Image.open(tmp_path / "la.png").mode == "LA"
    classes = {"tumour": ["1", "10"], "norm": ["2", "11"]}
    expected = {name: area.area for name, area in stairs().items()}
    for name in ("p.png", "la.png"):
        assert shares_of(read(tmp_path / name, classes, SIZE)) == expected
    assert "ignore" in read(tmp_path / "p.png", classes | {"ignore": ["7"]}, SIZE).areas


def test_a_value_that_no_class_names(tmp_path: Path) -> None:
    values = picture(4)
    told = "is in none of the study's classes (ignore, tumour, norm)"
    values[3, 3] = 127
    path = png(tmp_path / "a.png", values)
    assert reason(path, CLASSES, SIZE) == ("unmapped_class", f"'127' {told}")
    tifffile.imwrite(tmp_path / "a.tif", values.astype(np.uint16) * 300)
    assert reason(tmp_path / "a.tif", CLASSES, SIZE) == ("unmapped_class", f"'38100' {told}")
    path = write_png(4, "RGB")(tmp_path / "b")
    assert reason(path, CLASSES, SIZE) == ("unmapped_class", f"'#ff0000' {told}")


def test_a_pyramid_that_was_averaged_is_read_where_it_was_not(tmp_path: Path) -> None:
    fine = np.roll(picture(), (3, 5), axis=(0, 1)) * 100
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for scale in (1, 4):
            coarse = fine.reshape(1024 // scale, scale, 1280 // scale, scale).mean(axis=(1, 3))
            file.write(coarse.astype(np.uint8), metadata=None)
    found = read(tmp_path / "a.tif", {"tumour": ["100"], "norm": ["200"]}, SIZE, tile=512)
    assert shares_of(found) == {name: area.area for name, area in stairs().items()}
    assert reason(tmp_path / "a.tif", {"tumour": ["100"]}, SIZE)[0] == "unmapped_class"


def test_pages_that_are_no_smaller_copies_are_left_alone(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(picture(4), metadata=None)
        file.write(np.ones((256, 320), np.uint8), metadata=None)  # another page of the same size
        file.write(np.ones((100, 300), np.uint8), metadata=None)  # a label
        file.write(np.ones((128, 160, 3), np.uint8), photometric="rgb", metadata=None)
    expected = {name: area.area for name, area in stairs().items()}
    assert shares_of(read(tmp_path / "a.tif", CLASSES, SIZE, tile=512)) == expected


def test_the_coarsest_level_with_enough_pixels_is_read(tmp_path: Path) -> None:
    path = write_tiff(1, 4, 16, **TILED)(tmp_path / "a")
    widths = {}
    for tile in (64, 128, 256, 511, 512):
        area = read(path, CLASSES, SIZE, tile=tile).areas["tumour"]
        assert isinstance(area, Cells)
        widths[tile] = area.width
    assert widths == {64: 4, 128: 8, 256: 16, 511: 28, 512: 32}


def test_cells_are_no_larger_than_asked_whatever_the_blocks(tmp_path: Path) -> None:
    """Cells of 5 pixels fall across tiles, strips and bands."""
    x, y = grid()
    paths = [write_png(1, "L")(tmp_path / "a")]
    paths += [write_tiff(1, rowsperstrip=7)(tmp_path / "b"), write_tiff(1, **TILED)(tmp_path / "c")]
    shares = [read(p, CLASSES, SIZE, tile=170).areas["tumour"].shares(x, y, 90) for p in paths]
    np.testing.assert_array_equal(shares[0], shares[1])
    np.testing.assert_array_equal(shares[0], shares[2])


def test_bands_of_a_large_picture_make_one_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "BLOCK", 1280 * 9)
    expected = {name: area.area for name, area in stairs().items()}
    for kind in ("png", "one strip", "tiled"):
        assert shares_of(read(WRITERS[kind](tmp_path / "a"), CLASSES, SIZE)) == expected


def test_a_tile_that_is_not_in_the_file_is_zeros(tmp_path: Path) -> None:
    values = np.zeros((1024, 1280), np.uint8)
    values[:256, :256] = 1
    tiles = (
        values[r : r + 256, c : c + 256] if r + c == 0 else None
        for r in range(0, 1024, 256)
        for c in range(0, 1280, 256)
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        tiles,
        shape=values.shape,
        dtype=np.uint8,
        tile=(256, 256),
        compression="zlib",
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert 0 in file.pages.first.databytecounts
    assert shares_of(read(tmp_path / "a.tif", CLASSES, SIZE)) == {"tumour": 256**2}
    whole = read(tmp_path / "a.tif", CLASSES | {"norm": ["0"]}, SIZE)
    assert shares_of(whole)["norm"] == SIZE[0] * SIZE[1] - 256**2


def test_a_picture_too_large_to_be_read_in_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "LARGEST", 300_000)
    path = write_png(1, "L")(tmp_path / "a")
    expected = "a mask of 1280x1024; save it at a smaller scale, or as a tiled TIFF"
    assert reason(path, CLASSES, SIZE) == ("absurd_size", expected)
    assert reason(write_tiff(1, rowsperstrip=1024)(tmp_path / "a"), CLASSES, SIZE)[1] == expected
    assert read(write_tiff(1, **TILED)(tmp_path / "a"), CLASSES, SIZE).areas


@pytest.mark.filterwarnings("error")
def test_pillow_has_no_word_in_how_large_a_mask_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert codecs.LARGEST > 2 * 178_956_970  # where Pillow gives up
    assert read(WRITERS["png"](tmp_path / "a"), CLASSES, SIZE).areas
    assert read(WRITERS["bmp"](tmp_path / "a"), CLASSES, SIZE).areas


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint32])
def test_masks_of_other_numbers(dtype: Any, tmp_path: Path) -> None:
    values = picture(4)
    tifffile.imwrite(tmp_path / "a.tif", values.astype(dtype))
    if dtype == np.float32:
        assert reason(tmp_path / "a.tif", CLASSES, SIZE)[0] == "unreadable_outlines"
        return
    assert read(tmp_path / "a.tif", CLASSES, SIZE).areas
    tifffile.imwrite(tmp_path / "a.tif", values.astype(dtype) - dtype(1))
    assert reason(tmp_path / "a.tif", CLASSES, SIZE)[0] == "unreadable_outlines"


def test_colours_apart_and_colours_of_16_bits_are_rejected(tmp_path: Path) -> None:
    rgb = colours(picture(4))
    tifffile.imwrite(
        tmp_path / "a.tif", rgb.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    tifffile.imwrite(tmp_path / "b.tif", rgb.astype(np.uint16), photometric="rgb")
    for name in ("a.tif", "b.tif"):
        assert reason(tmp_path / name, SEEN, SIZE)[0] == "unreadable_outlines"


# --- rules for all ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("Necrosis", "'Necrosis'"),
        ("  Некроз ", "'Некроз'"),
        ("Immune cells: CD8", "a word not shown here"),
        ("Tumor: Positive", "'Tumor: Positive'"),
        ("Ivanova", "a word not shown here"),
        ("Region 17", "a word not shown here"),
        ("n" * 41, "a word not shown here"),
        ("a\u202eb", "a word not shown here"),
        ("a\nb", "a word not shown here"),
    ],
)
def test_a_word_that_no_class_lists(word: str, told: str, tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(0, 0, 9, 9), {"name": word}))
    expected = f"{told} is in none of the study's classes (ignore, tumour, norm)"
    assert reason(path, CLASSES, SIZE) == ("unmapped_class", expected)


def test_the_first_class_that_covers_a_place_wins(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "a.geojson",
        feature(box(0, 0, 300, 100), {"name": "Normal"}),
        feature(box(100, 0, 200, 100), {"name": "Tumor"}),
        feature(box(150, 0, 250, 100), {"name": "Ignore*"}),
        feature(box(50, 0, 120, 50), {"name": "Tumor"}),
    )
    assert shares_of(read(path, CLASSES, SIZE)) == {"ignore": 1e4, "tumour": 7500, "norm": 12500}
    turned = dict(reversed(CLASSES.items()))
    assert shares_of(read(path, turned, SIZE)) == {"norm": 3e4}
    # A word of two classes is the first one's.
    both = {"a": ["normal", "tumor", "ignore*"], "b": ["normal"]}
    assert list(read(path, both, SIZE).areas) == ["a"]
    mask = png(tmp_path / "a.png", np.ones((64, 80), np.uint8))
    assert list(read(mask, {"a": ["1"], "b": ["1"]}, SIZE).areas) == ["a"]


def test_outlines_that_cross_themselves_are_mended(tmp_path: Path) -> None:
    bow = Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    loop = [
        (200, 0),
        (400, 0),
        (400, 200),
        (300, 200),
        (300, -0.0),
        (350, 50),
        (250, 50),
        (200, 50),
    ]
    spike = Polygon([(500, 0), (600, 0), (600, 100), (600, 300), (600, 100), (500, 100)])
    path = geojson(
        tmp_path / "a.geojson",
        feature(bow, {"name": "Tumor"}),
        feature(Polygon(loop), {"name": "Normal"}),
        feature(spike, {"name": "ignore*"}),
        feature(Polygon([(0, 0), (50, 50), (100, 100)]), {"name": "Tumor"}),
        feature(box(700, 0, 800, 100), {"name": "ignore*"}),
    )
    found = read(path, CLASSES, SIZE)
    assert (found.mended, found.dropped) == (3, 1)
    assert shares_of(found)["tumour"] == 5000 and shares_of(found)["ignore"] == 2e4
    assert all(shape(mapping(a.shape)).is_valid for a in found.areas.values())  # type: ignore[attr-defined]


def test_what_the_pen_went_round_twice_is_no_hole(tmp_path: Path) -> None:
    turns = np.linspace(0, 4 * np.pi, 100, endpoint=False)
    twice = 500 + np.stack([np.cos(turns), np.sin(turns)], axis=1) * (200 + 10 * turns[:, None])
    path = geojson(tmp_path / "a.geojson", feature(Polygon(twice), {"name": "Tumor"}))
    found = read(path, CLASSES, SIZE)
    assert found.mended == 1
    assert found.areas["tumour"].shares(np.array([490]), np.array([490]), 20)[0] == 1


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_coordinates_that_are_no_finite_number(value: str, tmp_path: Path) -> None:
    text = json.dumps([feature(box(0, 0, 10, 10), {"name": "Tumor"})]).replace("10.0", value)
    (tmp_path / "a.geojson").write_text(text)
    marks = points("Coordinate", box(0, 0, 10, 10).exterior).replace("10.0", value)
    asap(tmp_path / "a.xml", ("Polygon", "Tumor", marks))
    imagescope(tmp_path / "b.xml", ("Tumor", "", region(marks.replace("Coordinate", "Vertex"), 2)))
    (tmp_path / "a.csv").write_text(f"x,y,w,h\n0,0,9,9\n0,0,{value.replace('-', '')},9")
    for name in ("a.geojson", "a.xml", "b.xml", "a.csv"):
        assert (
            reason(tmp_path / name, CLASSES | {"norm": ["unnamed"]}, SIZE)[0] == "invalid_outline"
        )


def test_outlines_of_another_slide_are_rejected(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(9, 9, 2000, 99), {"name": "Tumor"}))
    expected = ("outlines_outside", "they reach to 2000, 99; the slide is 1280x1024")
    assert reason(path, CLASSES, SIZE) == expected
    # 16 pixels on a slide of 1280, 1 % of a large one.
    for side, beyond in ((1280, 16), (10_000, 100)):
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            for over in (beyond, beyond + 1):
                moved = translate(box(0, 0, side, side), dx * over, dy * over)
                geojson(path, feature(moved, {"name": "Tumor"}))
                if over > beyond:
                    assert reason(path, CLASSES, (side, side))[0] == "outlines_outside"
                    continue
                area = read(path, CLASSES, (side, side)).areas["tumour"]
                ends = np.concatenate(area.rings())
                assert ends.min() >= 0 and ends.max() <= side


@pytest.mark.parametrize("name", ["a.txt", "a.svs", "outlines", "a.annotations"])
def test_other_formats_are_told_what_there_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    code, detail = reason(tmp_path / name, CLASSES, SIZE)
    assert code == "unknown_outlines"
    assert all(word in detail for word in (".geojson", "ASAP", "ImageScope", ".csv", ".tif"))


def test_other_xml_is_told_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<svg/>")
    assert reason(tmp_path / "a.xml", CLASSES, SIZE)[0] == "unknown_outlines"


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", "3", '{"features": [{"properties": 3}]}', "[" * 10**5]
)
def test_geojson_that_cannot_be_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text(content)
    assert reason(tmp_path / "a.geojson", CLASSES, SIZE)[0] == "unreadable_outlines"


def test_no_outlines_are_no_areas(tmp_path: Path) -> None:
    assert read(geojson(tmp_path / "a.geojson"), CLASSES, SIZE) == Outlines({}, 0, 0)
    assert read(asap(tmp_path / "a.xml"), CLASSES, SIZE) == Outlines({}, 0, 0)
    assert read(imagescope(tmp_path / "a.xml"), CLASSES, SIZE) == Outlines({}, 0, 0)
    assert read(png(tmp_path / "a.png", np.zeros((64, 80), np.uint8)), CLASSES, SIZE).areas == {}


@pytest.mark.parametrize("kind", WRITERS)
def test_broken_files_are_rejected_and_nothing_else(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = WRITERS[kind](tmp_path / "name of a patient")
    whole = path.read_bytes()
    rng = np.random.default_rng(len(whole))
    broken = [whole[: int(len(whole) * share)] for share in (0, 0.01, 0.3, 0.6, 0.9, 0.999)]
    broken += [rng.bytes(1000), b"\0" * 1000, whole[:8] + rng.bytes(1000)]
    for _ in range(20):
        damaged = bytearray(whole)
        for _ in range(int(rng.integers(1, 20))):
            damaged[rng.integers(min(len(whole), 3000))] = rng.integers(256)
        broken.append(bytes(damaged))
    rejected = 0
    for content in broken:
        path.write_bytes(content)
        try:
            read(path, SEEN | {"norm": ["unnamed", "normal"]}, SIZE)
        except Rejected as error:
            rejected += 1
            assert "patient" not in error.detail
    assert rejected >= 4
    assert not caplog.records  # those of tifffile may name the file
    path.unlink()
    assert reason(path, CLASSES, SIZE) == ("unreadable_outlines", "FileNotFoundError")


# --- the slides of the tests ------------------------------------------------------------------


def test_slides_for_tests_are_what_they_say(tmp_path: Path) -> None:
    slide = np.full((700, 900, 3), 240, np.uint8)
    slide[200:400, 300:500] = (160, 40, 110)
    for vendor in ("aperio", "generic-tiff"):
        path = write_slide(tmp_path / "a.tif", slide, (1, 2, 8), mpp=0.25, vendor=vendor)
        with openslide.OpenSlide(path) as opened:
            assert opened.properties["openslide.vendor"] == vendor
            assert opened.level_dimensions == ((900, 700), (450, 350), (113, 88))
            assert float(opened.properties["openslide.mpp-x"]) == pytest.approx(0.25)
            got = np.asarray(opened.read_region((0, 0), 0, (900, 700)).convert("RGB"))
        assert np.abs(got.astype(int) - slide).mean() < 1
        with openslide.OpenSlide(
            write_slide(path, slide, mpp=None, power=None, vendor=vendor)
        ) as s:
            assert not {"openslide.mpp-x", "openslide.objective-power"} & set(s.properties)
