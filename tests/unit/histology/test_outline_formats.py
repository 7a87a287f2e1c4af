"""Outlines in each viewer's own way of writing them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
import shapely
from helpers.outline_files import (
    CLASSES,
    SIZE,
    asap,
    feature,
    geojson,
    grid,
    imagescope,
    points,
    read,
    reason,
    region,
    shares_of,
)
from helpers.slide_files import write_scn
from shapely.geometry import MultiPolygon, Point, Polygon, box

from pgdose.histology.outlines import drawing
from pgdose.histology.outlines.class_words import ADVICE


@pytest.mark.parametrize("form", ["collection", "list", "one"])
def test_geojson_may_be_a_collection_a_list_or_one_feature(form: str, tmp_path: Path) -> None:
    one = feature(box(0, 0, 100, 100), {"name": " TUMOR "})
    content = {"collection": {"type": "FeatureCollection", "features": [one]}, "list": [one]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content.get(form, one)), encoding="utf-8-sig")
    assert shares_of(read(path, CLASSES, SIZE)) == {"tumour": 100**2}


@pytest.mark.parametrize("properties", [None, {}, {"classification": None}, {"classification": {}}])
def test_an_outline_without_a_class_is_unnamed(properties: Any, tmp_path: Path) -> None:
    one = feature(box(0, 0, 100, 100), None) | {"properties": properties}
    path = geojson(tmp_path / "a.geojson", one)
    assert shares_of(read(path, {"norm": ["unnamed"]}, SIZE)) == {"norm": 100**2}
    assert reason(path, CLASSES, SIZE) == (
        "unmapped_class",
        "an outline without a class (word: unnamed) is in none of the study's classes "
        f"(ignore, tumour, norm); {ADVICE}",
    )


@pytest.mark.parametrize(
    "classification",
    ["Tumor: Positive", {"name": "Tumor: Positive"}, {"names": ["Tumor", "Positive"]}],
)
def test_derived_classes_are_matched_whole(classification: Any, tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(0, 0, 100, 100), classification))
    assert list(read(path, {"tumour": ["tumor: positive"]}, SIZE).regions) == ["tumour"]
    assert reason(path, CLASSES, SIZE)[0] == "unmapped_class"


def test_an_outline_that_crosses_itself_everywhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    drawn = [feature(Polygon(rng.integers(0, 1000, (150, 2))), {"name": "Tumor"})]
    assert read(geojson(tmp_path / "a.geojson", *drawn), CLASSES, SIZE).mended == 1
    drawn = [feature(Polygon(rng.integers(0, 1000, (1200, 2))), {"name": "Tumor"})]
    monkeypatch.setattr(shapely, "make_valid", None)
    assert reason(geojson(tmp_path / "b.geojson", *drawn), CLASSES, SIZE)[0] == "invalid_outline"


def test_the_crossings_of_all_outlines_of_a_file_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    drawn = [feature(Polygon(rng.integers(0, 1000, (60, 2))), {"name": "Tumor"}) for _ in range(9)]
    monkeypatch.setattr(drawing, "MOST_TANGLES", 2000)
    assert read(geojson(tmp_path / "a.geojson", *drawn[:1]), CLASSES, SIZE).mended == 1
    assert reason(geojson(tmp_path / "b.geojson", *drawn), CLASSES, SIZE)[0] == "invalid_outline"


def test_a_long_outline_with_a_few_crossings_is_mended(tmp_path: Path) -> None:
    angles = np.linspace(0, 2 * np.pi, 30_000, endpoint=False)
    ring = 500 + 300 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for at in range(100, 30_000, 1000):
        ring[[at, at + 1]] = ring[[at + 1, at]]
    path = geojson(tmp_path / "a.geojson", feature(Polygon(ring), {"name": "Tumor"}))
    outlines = read(path, CLASSES, SIZE)
    assert outlines.mended == 1
    assert shares_of(outlines)["tumour"] == pytest.approx(np.pi * 300**2, rel=1e-3)


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
    result = read(path, CLASSES, SIZE)
    assert shares_of(result) == {"tumour": 3 * 100**2}
    assert (result.dropped, result.mended) == (10, 0)


def test_qupath_counts_from_where_the_scan_begins(tmp_path: Path) -> None:
    slide = np.full((512, 768, 3), 240, np.uint8)
    slide[128:256, 256:512] = (160, 40, 110)
    path = write_scn(tmp_path / "s.scn", slide, left=333, top=207, size=(1280, 1024))
    with openslide.OpenSlide(path) as opened:
        properties = opened.properties
        bounds = [int(properties[f"openslide.bounds-{n}"]) for n in ("x", "y", "width", "height")]
        size = opened.dimensions
        pixels = np.asarray(opened.read_region((0, 0), 0, size).convert("RGBA"))
    assert (size, bounds) == ((1280, 1024), [333, 207, 768, 512])
    region = box(256, 128, 512, 256)  # as the viewer shows it
    path = geojson(tmp_path / "a.geojson", feature(region, {"name": "Tumor"}))
    area = read(path, CLASSES, size, tuple(bounds)).regions["tumour"]
    x, y = grid(64)
    pink = (pixels[..., 1] < 140) & (pixels[..., 3] > 0)
    expected = [pink[b : b + 64, a : a + 64].mean() for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(area.coverage(x, y, 64), expected, atol=0.02)
    # Only QuPath does.
    (tmp_path / "a.csv").write_text("0,0,64,64")
    kept = read(tmp_path / "a.csv", {"norm": ["unnamed"]}, size, tuple(bounds)).regions["norm"]
    assert kept.coverage(x, y, 64)[0] == 1


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
    result = read(path, CLASSES | {"ignore": ["unnamed"]}, SIZE)
    assert shares_of(result) == {"ignore": 1e4, "tumour": 1e4, "norm": 1e4}
    assert (result.mended, result.dropped) == (0, 3)


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
    result = read(path, CLASSES | {"other": ["layer 4"]}, SIZE)
    areas = shares_of(result)
    assert areas["tumour"] == 100**2 - 40**2 + 100**2 + 60**2
    assert areas["norm"] == pytest.approx(np.pi * 50 * 30, rel=1e-3)
    assert areas["other"] > 0 and result.dropped == 2


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
    result = read(path, {"norm": ["normal"], "tumour": ["tumor"]}, SIZE)
    assert shares_of(result) == {"norm": 5000, "tumour": 5000} and result.dropped == 1


def test_what_stands_at_a_region_is_never_told(tmp_path: Path) -> None:
    square = points("Vertex", box(0, 0, 100, 100).exterior)
    path = imagescope(tmp_path / "a.xml", ("Tumor", "", region(square, text="J. Doe")))
    assert list(read(path, CLASSES, SIZE).regions) == ["tumour"]
    assert "Doe" not in reason(path, {"norm": ["normal"]}, SIZE)[1]


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
    result = read(path, CLASSES | {"norm": ["unnamed"]}, SIZE)
    assert shares_of(result) == {"tumour": 81, "norm": 100} and result.dropped == 2


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


@pytest.mark.parametrize("name", ["a.txt", "a.svs", "outlines", "a.docx"])
def test_other_formats_are_told_what_there_is(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    code, detail = reason(tmp_path / name, CLASSES, SIZE)
    assert code == "unknown_outlines"
    assert all(word in detail for word in (".geojson", "ASAP", "ImageScope", ".csv", ".tif"))


def test_other_xml_is_told_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<svg/>")
    assert reason(tmp_path / "a.xml", CLASSES, SIZE)[0] == "unknown_outlines"


@pytest.mark.parametrize(
    "content", ["", "{", '{"geometry": {"type": 3}, "properties": 3}', "[" * 10**5, "9" * 5000]
)
def test_geojson_that_cannot_be_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text(content)
    assert reason(tmp_path / "a.geojson", CLASSES, SIZE)[0] == "unreadable_outlines"
