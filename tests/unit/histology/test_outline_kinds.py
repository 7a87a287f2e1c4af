"""Outlines are read as meant, or refused: lost shapes, words, colours, units, other files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.outline_files import (
    CLASSES,
    NDPI,
    SIZE,
    asap,
    feature,
    geojson,
    halo,
    halo_region,
    imagescope,
    nanometres,
    ndpa,
    ndpa_annotation,
    ndpa_points,
    points,
    read,
    reason,
    region,
    shares_of,
)
from shapely.geometry import LineString, MultiPoint, Point, Polygon, box, mapping

from pgdose.errors import Rejected
from pgdose.histology.outlines.reading import read_outlines
from pgdose.histology.slides.geometry import SlideGeometry

NORM = feature(box(0, 0, 100, 100), {"name": "Normal"})
TUMOUR = feature(box(700, 700, 1200, 1000), {"name": "Tumor"})
OPEN = LineString([(200, 200), (600, 200), (600, 600), (200, 600), (200, 260)])


def place(path: Path, rest: str, tile: float = 256) -> Any:
    return read_outlines(path, CLASSES, SlideGeometry(SIZE), tile, rest)


# -- shapes without an area --------------------------------------------------------------------


@pytest.mark.parametrize("shape", [Point(500, 500), MultiPoint([(1, 1), (9, 9)]), OPEN])
def test_a_class_that_only_shapes_without_an_area_name_is_refused(
    shape: Any, tmp_path: Path
) -> None:
    path = geojson(tmp_path / "a.geojson", NORM, feature(shape, {"name": "Tumor"}))
    for rest in ("norm", "ignore"):
        with pytest.raises(Rejected) as caught:
            place(path, rest)
        assert caught.value.reason == "undrawn_class" and "class tumour" in caught.value.detail
    assert place(path, "tumour").dropped == 1  # it is what the tissue there becomes anyway
    many = [feature(box(0, 0, 9, 9), {"name": "Tumor"}, objectType="detection")] * 5
    assert place(geojson(path, NORM, *many), "norm").dropped == 5


def test_points_and_rulers_beside_an_outline_of_their_class_are_counted(tmp_path: Path) -> None:
    ruler = LineString([(0, 0), (1200, 1000)])
    marks = [feature(shape, {"name": "Tumor"}) for shape in (Point(3, 3), ruler)]
    path = geojson(
        tmp_path / "a.geojson", TUMOUR, *marks, feature(Point(4, 4), {"name": "Mitosis"})
    )
    assert place(path, "norm").dropped == 3
    square = points("Vertex", box(0, 0, 300, 300).exterior)
    arrow = region('<Vertex X="9" Y="9"/><Vertex X="900" Y="900"/>', kind=3)
    path = imagescope(tmp_path / "a.xml", ("Tumor", "", region(square) + arrow))
    assert place(path, "norm").dropped == 1
    path = imagescope(tmp_path / "b.xml", ("Normal", "", region(square)), ("Tumor", "", arrow))
    with pytest.raises(Rejected, match="undrawn_class"):
        place(path, "norm")


def test_an_open_line_round_tissue_is_refused_unless_it_is_outlined(tmp_path: Path) -> None:
    line = feature(OPEN, {"name": "Tumor"})
    path = geojson(tmp_path / "a.geojson", TUMOUR, line)
    with pytest.raises(Rejected) as caught:
        place(path, "norm")
    assert caught.value.reason == "open_outline" and "close it" in caught.value.detail
    assert place(path, "norm", tile=500).dropped == 1  # smaller than a tile
    closed = feature(box(150, 150, 650, 650), {"name": "Tumor"})
    assert place(geojson(path, closed, line), "norm").dropped == 1
    assert place(geojson(path, TUMOUR, feature(OPEN, None)), "norm").dropped == 1
    with pytest.raises(Rejected, match="unmapped_class"):
        place(geojson(path, TUMOUR, feature(OPEN, {"name": "Necrosis"})), "norm")


def test_a_negative_region_that_cuts_nothing_is_counted(tmp_path: Path) -> None:
    square, far = (points("Vertex", box(*b).exterior) for b in ((0, 0, 99, 99), (500, 0, 600, 9)))
    path = imagescope(tmp_path / "a.xml", ("Tumor", "", region(square) + region(far, negative=1)))
    assert read(path, CLASSES, SIZE).dropped == 1


# -- areas that a reader must not lose beside other outlines of their class ----------------------

FAR = [(700, 0), (1000, 0), (1000, 300), (700, 300)]
CORNERS = [(500, 500), (100, 100)]  # the lower right one first
Z_SHAPED = [(100, 100), (500, 100), (100, 500), (500, 500)]


def coordinates(ring: Any) -> str:
    return "".join(f'<Coordinate X="{x}" Y="{y}"/>' for x, y in ring)


def with_far(kind: str, ring: Any, path: Path) -> Path:
    """A tumour far away, and another one that is a shape of some kind."""
    tool, _, shape = kind.partition(" ")
    if tool == "halo":
        regions = halo_region(FAR) + halo_region(ring, shape)
        return halo(path.with_suffix(".annotations"), ("Tumor", regions))
    if tool == "asap":
        both = [("Polygon", FAR), (shape, ring)]
        entries = [(name, "Tumor", coordinates(ring)) for name, ring in both]
        return asap(path.with_suffix(".xml"), *entries)
    special = f"<specialtype>{shape}</specialtype>" if shape == "rectangle" else ""
    other = ndpa_annotation("Tumor", special + ndpa_points(ring), "freehand" if special else shape)
    return ndpa(path.with_suffix(".ndpa"), ndpa_annotation("Tumor", ndpa_points(FAR)), other)


@pytest.mark.parametrize("ring", [CORNERS, CORNERS[::-1], Z_SHAPED, [*Z_SHAPED, Z_SHAPED[0]]])
@pytest.mark.parametrize("kind", ["halo Rectangle", "asap Rectangle", "ndpa rectangle"])
def test_rectangles_by_two_corners_or_four_in_any_order(
    kind: str, ring: Any, tmp_path: Path
) -> None:
    areas = shares_of(read(with_far(kind, ring, tmp_path / "a"), CLASSES, SIZE))
    assert areas["tumour"] == pytest.approx(300**2 + 400**2, rel=1e-6)


def test_an_ellipse_with_a_closing_vertex_is_one(tmp_path: Path) -> None:
    ring = [(100, 100), (500, 100), (500, 500), (100, 500), (100, 100)]
    areas = shares_of(read(with_far("halo Ellipse", ring, tmp_path / "a"), CLASSES, SIZE))
    assert areas["tumour"] == pytest.approx(300**2 + np.pi * 200**2, rel=1e-3)


@pytest.mark.parametrize("ring", [CORNERS, Z_SHAPED])
@pytest.mark.parametrize("kind", ["halo Circle", "asap Oval", "ndpa ellipse"])
def test_shapes_of_an_unknown_type_are_measured_by_their_corners(
    kind: str, ring: Any, tmp_path: Path
) -> None:
    path = with_far(kind, ring, tmp_path / "a")
    assert reason(path, CLASSES, SIZE)[0] == "open_outline"
    assert read(path, CLASSES, SIZE, tile=500).dropped == 1
    single = with_far(kind, ring[:1], tmp_path / "a")
    assert read(single, CLASSES, SIZE).dropped == 1


def test_an_unknown_type_without_points_may_be_anywhere(tmp_path: Path) -> None:
    body = "<x>5</x><y>5</y><radius>90000</radius><radius2>50000</radius2>"
    drawn = ndpa_annotation("Tumor", ndpa_points(FAR))
    path = ndpa(tmp_path / "a.ndpa", drawn, ndpa_annotation("Tumor", body, "ellipse"))
    assert reason(path, CLASSES, SIZE)[0] == "open_outline"
    assert read_outlines(path, CLASSES, NDPI, 256, "tumour").dropped == 1


def test_a_region_inside_of_a_negative_one_is_not_lost(tmp_path: Path) -> None:
    rings = [box(0, 0, 900, 900), box(100, 100, 800, 800), box(200, 200, 700, 700)]
    regions = [
        halo_region(ring.exterior.coords, negative=negative)
        for ring, negative in zip(rings, ("0", "1", "0"), strict=True)
    ]
    path = halo(tmp_path / "a.annotations", ("Tumor", "".join(regions)))
    assert reason(path, CLASSES, SIZE)[0] == "open_outline"
    assert read(path, CLASSES, SIZE, tile=600).dropped == 1


def test_a_negative_region_of_an_unknown_type_is_refused(tmp_path: Path) -> None:
    regions = halo_region(FAR) + halo_region(FAR, "Circle", negative="1")
    code, detail = reason(halo(tmp_path / "a.annotations", ("Tumor", regions)), CLASSES, SIZE)
    assert code == "unreadable_outlines" and "negative region is of an unknown type" in detail


def test_rectangles_of_a_table_from_another_corner(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y,w,h,class\n0,0,50,50,tumor\n900,900,-600,-600,tumor\n")
    assert reason(path, CLASSES, SIZE)[0] == "open_outline"
    path.write_text('x,y,w,h,label\n"1,000",0,50,50,tumor\n')
    assert reason(path, CLASSES, SIZE)[0] == "unreadable_outlines"
    path.write_text("x;y;w;h;label\n100,125;0;50;50;tumor\n")
    classes = CLASSES | {"norm": ["unnamed"]}
    assert shares_of(read(path, classes, SIZE)) == {"tumour": 50 * 50}


@pytest.mark.parametrize("key", ["objectType", "object_type"])
@pytest.mark.parametrize("kind", ["detection", "cell", "root", "tma_core", "PathDetectionObject"])
def test_objects_of_qupath_are_no_outlines(kind: str, key: str, tmp_path: Path) -> None:
    found = feature(box(0, 0, 99, 99), {"name": "Tumor"}, objectType=None) | {"id": "a1"}
    found["properties"][key] = kind
    drawn = feature(box(200, 200, 300, 300), {"name": "Tumor"}, objectType="PathAnnotationObject")
    result = read(geojson(tmp_path / "a.geojson", found, drawn), CLASSES, SIZE)
    assert shares_of(result) == {"tumour": 100**2} and result.dropped == 1
    found["properties"] |= {key: "annotation"}
    result = read(geojson(tmp_path / "a.geojson", found, drawn), CLASSES, SIZE)
    assert result.dropped == 0 and shares_of(result) == {"tumour": 100**2 + 99**2}


def test_numbers_of_classes_may_be_written_as_fractions(tmp_path: Path) -> None:
    of_frame = {
        "type": "Feature",
        "geometry": mapping(box(0, 0, 99, 99)),
        "properties": {"label": 1.0},
    }
    assert shares_of(read(geojson(tmp_path / "a.geojson", of_frame), CLASSES, SIZE)) == {
        "tumour": 99**2
    }


# -- HALO, NDP.view2 -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["annotations", "xml"])
def test_halo(suffix: str, tmp_path: Path) -> None:
    corners = [(600, 100), (400, 0)]
    regions = [
        halo_region([(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]),
        halo_region([(50, 50), (150, 150)], "Rectangle", negative="TRUE"),
        halo_region(corners, "Rectangle"),
        halo_region([(700, 0), (900, 100)], "Ellipse"),
        halo_region([(0, 0), (1000, 1000)], "Ruler"),
        halo_region([(5, 5)], "Pin"),
    ]
    path = halo(tmp_path / f"a.{suffix}", ("Tumor", "".join(regions)))
    result = read(path, CLASSES, SIZE)
    expected = 200**2 - 100**2 + 200 * 100 + np.pi * 100 * 50
    assert shares_of(result)["tumour"] == pytest.approx(expected, rel=1e-3)
    assert result.dropped == 2
    # The decimal 5634047 is blue 0x55, green 0xf7, red 0xff.
    path = halo(tmp_path / f"a.{suffix}", ("Layer 1", regions[0]))
    assert list(read(path, {"tumour": ["#FFF755"]}, SIZE).regions) == ["tumour"]
    assert "with the colour #fff755" in reason(path, CLASSES, SIZE)[1]


def test_ndpa(tmp_path: Path) -> None:
    square = [(300, 100), (500, 100), (500, 300), (300, 300)]
    circle = "<x>{}</x><y>{}</y><radius>25000</radius>".format(*nanometres(1000, 500))
    path = ndpa(
        tmp_path / "a.ndpi.ndpa",
        ndpa_annotation(" tumor ", ndpa_points(square)),
        ndpa_annotation("", circle, "circle", details="normal"),
        ndpa_annotation("J. Doe", "<x1>1</x1>", "linearmeasure"),
        ndpa_annotation("J. Doe", "<x>1</x><y>2</y>", "pin"),
        ndpa_annotation("tumor", ndpa_points(square[:2], closed="0")),
    )
    result = read(path, CLASSES, SIZE)
    areas = shares_of(result)
    assert areas["tumour"] == pytest.approx(200 * 200, rel=1e-6) and result.dropped == 3
    # 25 um are 100 pixels of 0.25 um across and 50 of 0.5 um down.
    assert areas["norm"] == pytest.approx(np.pi * 100 * 50, rel=1e-3)
    tumour = result.regions["tumour"]
    assert tumour.coverage(np.array([300]), np.array([100]), 200)[0] == pytest.approx(1)
    assert list(read(path, {"x": ["#ff0000"]}, SIZE).regions) == ["x"]


def test_ndpa_is_refused_without_the_slide_s_place_on_the_glass(tmp_path: Path) -> None:
    square = ndpa_points([(0, 0), (100, 0), (100, 100)])
    path = ndpa(tmp_path / "a.ndpa", ndpa_annotation("tumor", square))
    for slide in (
        SlideGeometry(SIZE),
        SlideGeometry(SIZE, mpp=NDPI.mpp),
        SlideGeometry(SIZE, offsets=NDPI.offsets),
    ):
        with pytest.raises(Rejected, match="no_scale"):
            read_outlines(path, CLASSES, slide, 256)
    ndpa(path, ndpa_annotation("J. Doe", square))
    code, detail = reason(path, CLASSES, SIZE)
    assert code == "unmapped_class" and "Doe" not in detail and "#ff0000" in detail
    path.write_text(path.read_text().replace("nanometers", "pixels"))
    assert reason(path, CLASSES, SIZE)[0] == "unreadable_outlines"


def test_an_open_line_of_ndp_view_is_no_area(tmp_path: Path) -> None:
    line = ndpa_annotation("tumor", ndpa_points(OPEN.coords, closed="0"))
    assert reason(ndpa(tmp_path / "a.ndpa", line), CLASSES, SIZE)[0] == "undrawn_class"


# -- words and colours ---------------------------------------------------------------------------


def layer(path: Path, name: str, text: str = "", colour: str = "", description: str = "") -> Path:
    square = region(points("Vertex", box(0, 0, 100, 100).exterior), text=text)
    imagescope(path, (name, description, square))
    if colour:
        path.write_text(
            path.read_text().replace('<Annotation Id="1"', f'<Annotation Id="1" {colour}')
        )
    return path


@pytest.mark.parametrize(
    ("name", "text", "words", "expected"),
    [
        ("Layer 1", "tumor", {"tumour": ["tumor"]}, "tumour"),
        ("Normal", " TUMOR ", {"tumour": ["tumor"], "norm": ["normal"]}, "tumour"),
        # A pattern that matches a text goes behind the layer's name.
        ("Normal", "tumor-free", {"tumour": ["tumor*"], "norm": ["normal"]}, "norm"),
        ("Layer 1", "tumor 2", {"tumour": ["tumor*"]}, "tumour"),
        ("Tumor", "J. Doe", {"tumour": ["tumor"]}, "tumour"),
        ("Tumor bed", "", {"ignore": ["tumor bed"], "tumour": ["tumor*"]}, "ignore"),
        ("Tumor bed", "", {"tumour": ["tumor*"], "ignore": ["tumor bed"]}, "ignore"),
        ("Tumor bed", "", {"a": ["*bed"], "b": ["tumor*"]}, "a"),
        ("Ignore*", "", {"a": ["ignore*"], "b": ["ignore"]}, "a"),
        ("Ｔｕｍｏｒ\u00a0 é", "", {"a": ["tumor e\u0301"]}, "a"),
    ],
)
def test_which_word_of_a_region_counts(
    name: str, text: str, words: dict, expected: str, tmp_path: Path
) -> None:
    assert list(read(layer(tmp_path / "a.xml", name, text), words, SIZE).regions) == [expected]


def test_colours_stand_for_classes_behind_words(tmp_path: Path) -> None:
    green = {"tumour": ["#00FF00"]}
    blue, name = 'LineColor="16711680"', "Layer 1"
    path = layer(tmp_path / "a.xml", name, colour='LineColor="65280"')
    assert list(read(path, green, SIZE).regions) == ["tumour"]
    assert list(read(path, {"norm": ["layer 1"]} | green, SIZE).regions) == ["norm"]
    path = layer(tmp_path / "a.xml", name, colour=blue)
    assert reason(path, green, SIZE)[1].startswith("'Layer 1' with the colour #0000ff")
    square = box(0, 0, 100, 100)
    for properties in (
        {"classification": {"name": "X", "color": [0, 255, 0]}, "color": [1, 1, 1]},
        {"classification": {"name": "X", "colorRGB": -16711936}},
        {"color": [0, 255, 0]},
    ):
        one = feature(square, None) | {"properties": properties}
        path = geojson(tmp_path / "a.geojson", one)
        assert list(read(path, green | {"norm": ["unnamed"]}, SIZE).regions) == ["tumour"]
    marks = points("Coordinate", square.exterior)
    path = asap(tmp_path / "a.xml", ("Polygon", "None", marks))
    path.write_text(path.read_text().replace('Type="P', 'Color="#00ff00" Type="P'))
    assert list(read(path, green, SIZE).regions) == ["tumour"]
    path = asap(tmp_path / "a.xml", ("Polygon", "G", marks))
    group = '<AnnotationGroups><Group Name="G" Color="#00FF00"/></AnnotationGroups></ASAP'
    path.write_text(path.read_text().replace("</ASAP", group))
    assert list(read(path, green, SIZE).regions) == ["tumour"]


@pytest.mark.parametrize("negative", ["1", "true", "True", "yes", " TRUE ", "-1", "1.0"])
def test_negative_regions_in_every_spelling(negative: str, tmp_path: Path) -> None:
    square, hole = (points("Vertex", box(*b).exterior) for b in ((0, 0, 99, 99), (0, 0, 50, 50)))
    path = imagescope(tmp_path / "a.xml", ("Tumor", "", region(square) + region(hole, negative=7)))
    text = path.read_text()
    assert reason(path, CLASSES, SIZE)[0] == "unreadable_outlines"
    path.write_text(text.replace('"7"', f'"{negative}"'))
    assert shares_of(read(path, CLASSES, SIZE)) == {"tumour": 99**2 - 50**2}
    path.write_text(text.replace('"7"', '"0.0"'))
    assert shares_of(read(path, CLASSES, SIZE)) == {"tumour": 99**2}


def test_an_unnamed_outline_needs_the_word_itself(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(0, 0, 100, 100), None))
    assert reason(path, {"tumour": ["*"]}, SIZE)[0] == "unmapped_class"


# -- JSON and XML of others, encodings ------------------------------------------------------------

POINTS = [[0, 0], [100, 0], [100, 100]]
OTHER_JSON = {
    "COCO": {"images": [], "annotations": [{"segmentation": [[0, 0, 9, 9]]}], "categories": []},
    "LabelMe": {"version": "5", "shapes": [{"label": "tumor", "points": POINTS}], "imagePath": "a"},
    "VIA": {"_via_img_metadata": {"a": {"regions": []}}},
    "Label Studio": [{"id": 1, "annotations": [{"result": []}], "data": {}}],
    "Cytomine": [{"location": "POLYGON ((0 0, 9 9, 9 0))", "term": [1]}],
    "HistomicsUI": {"name": "a", "elements": [{"type": "polyline", "points": POINTS}]},
    "TopoJSON": {"type": "Topology", "objects": {}, "arcs": []},
    "array": [[1, 2], [3, 4]],
    "polygons": {"tumor": [POINTS]},
    "empty": {},
    "number": 3,
    "null": None,
    "text": "tumor",
    "true": True,
    "numbers": [1, 2],
    "ESRI": {"features": [{"attributes": {"class": "tumor"}, "geometry": {"rings": [POINTS]}}]},
    "WKT": [{"geometry": "POLYGON ((0 0, 9 9, 9 0))", "class": "tumor"}],
    "features of no kind": {"features": [{"properties": 3}]},
    "features of no list": {"type": "FeatureCollection", "features": {"a": 1}},
}


@pytest.mark.parametrize("kind", OTHER_JSON)
def test_json_of_other_tools_is_told_what_can_be_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(OTHER_JSON[kind]))
    code, detail = reason(tmp_path / "a.json", CLASSES, SIZE)
    assert code == "unknown_outlines"
    assert all(word in detail for word in ("QuPath", "HALO", "NDP.view2", ".csv", ".tif"))


def test_several_documents_in_one_file_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("\n".join([json.dumps(NORM)] * 2))
    code, detail = reason(tmp_path / "a.json", CLASSES, SIZE)
    assert code == "unknown_outlines" and "several JSON documents" in detail


@pytest.mark.parametrize(
    "text",
    [
        "<annotations><version>1.1</version><image/></annotations>",
        "<svg/>",
        "<Annotations><a/></Annotations>",
        "<annotation><object/></annotation>",
    ],
)
def test_xml_of_other_tools_is_told_what_can_be_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(text)
    assert reason(tmp_path / "a.xml", CLASSES, SIZE)[0] == "unknown_outlines"


def test_broken_text_says_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"type":\n  nothing}')
    assert "line 2, column 3" in reason(tmp_path / "a.json", CLASSES, SIZE)[1]
    (tmp_path / "a.xml").write_text("<Annotations>\n</Annotation>")
    assert "line 2, column 3" in reason(tmp_path / "a.xml", CLASSES, SIZE)[1]
    (tmp_path / "a.csv").write_text("x,y,w,h\n1,2,3,4\n1,2,three,4")
    assert "shape 2" in reason(tmp_path / "a.csv", CLASSES, SIZE)[1]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Polygone"},
        {"coordinates": "0 0 9 9"},
        {"coordinates": [[[True, 1], [2, 2], [5, 1]]]},
        {"coordinates": [[["1", "1"], ["20", "2"], ["5", "90"]]]},
        {"coordinates": [[[1], [2], [5]]]},
        {"coordinates": [[1, 2, 3, 4, 5, 6]]},
        {"coordinates": [[[1, 2], None, [3, 9]]]},
    ],
)
def test_geometry_that_is_none_is_refused_with_its_number(change: dict, tmp_path: Path) -> None:
    wrong = NORM | {"geometry": mapping(box(0, 0, 9, 9)) | change}
    code, detail = reason(geojson(tmp_path / "a.geojson", NORM, wrong), CLASSES, SIZE)
    assert code == "unreadable_outlines" and detail.startswith("shape 2 is damaged")


def test_types_of_objects_that_qupath_does_not_have_are_refused(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "a.geojson", feature(box(0, 0, 99, 99), "Tumor", objectType="annotatiom")
    )
    assert reason(path, CLASSES, SIZE)[0] == "unreadable_outlines"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_text_in_each_encoding_of_unicode(encoding: str, tmp_path: Path) -> None:
    words = {"tumour": ["опухоль"]}
    one = feature(box(0, 0, 100, 100), {"name": "Опухоль"})
    text = json.dumps([one], ensure_ascii=False)
    (tmp_path / "a.json").write_text(text, encoding=encoding)
    assert list(read(tmp_path / "a.json", words, SIZE).regions) == ["tumour"]
    (tmp_path / "a.csv").write_text("x;y;w;h;class\n0;0;10,5;10;опухоль", encoding=encoding)
    if encoding not in ("utf-16-le", "utf-16-be"):
        assert shares_of(read(tmp_path / "a.csv", words, SIZE)) == {"tumour": 105}
    path = layer(tmp_path / "a.xml", "Опухоль")
    for declared in ("", 'encoding="utf-16"', 'encoding="utf-8"'):
        text = path.read_text().replace('version="1.0"?', f'version="1.0" {declared}?')
        (tmp_path / "b.xml").write_text(text, encoding=encoding)
        assert list(read(tmp_path / "b.xml", words, SIZE).regions) == ["tumour"], declared


def test_xml_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    for encoding, word in (("iso-8859-1", "Tumörchen"), ("windows-1251", "Опухоль")):
        text = layer(tmp_path / "a.xml", word).read_text()
        text = text.replace('"1.0"?', f'"1.0" encoding="{encoding}"?')
        (tmp_path / "b.xml").write_text(text, encoding=encoding)
        assert list(read(tmp_path / "b.xml", {"a": [word]}, SIZE).regions) == ["a"]
    for wrong in ("ebcdic-9", "utf-8"):
        (tmp_path / "b.xml").write_bytes(
            f'<?xml version="1.0" encoding="{wrong}"?><a>'.encode() + b"\xff\xf0"
        )
        assert reason(tmp_path / "b.xml", CLASSES, SIZE)[0] == "unreadable_outlines"
    for name in ("a.json", "a.csv"):
        (tmp_path / name).write_bytes("опухоль".encode("cp1251"))
        assert "save it as UTF-8" in reason(tmp_path / name, CLASSES, SIZE)[1]


# -- units ---------------------------------------------------------------------------------------


def test_coordinates_of_a_map_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    content = {"type": "FeatureCollection", "crs": {"type": "name"}, "features": [NORM]}
    path.write_text(json.dumps(content))
    assert reason(path, CLASSES, SIZE)[0] == "not_in_pixels"
    path.write_text(json.dumps(content | {"crs": None}))
    assert read(path, CLASSES, SIZE).regions


@pytest.mark.parametrize("ends", [(27.5, 53.8, 27.6, 53.9), (0.1, 0.2, 0.3, 0.4), (10, 20, 90, 99)])
def test_degrees_shares_and_percent_are_refused(ends: Any, tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(box(*ends), {"name": "Tumor"}))
    large = (40_000, 30_000)
    assert reason(path, CLASSES, large)[0] == "not_in_pixels"
    two = feature(box(3000, 3000, 3100, 3100), {"name": "Normal"})
    path = geojson(path, feature(box(*ends), {"name": "Tumor"}), two)
    assert list(read(path, CLASSES, large).regions) == ["tumour", "norm"]


def test_geojson_of_another_tool_is_noted_where_its_corner_is_not_sure(tmp_path: Path) -> None:
    one = {
        "type": "Feature",
        "geometry": mapping(box(0, 0, 99, 99)),
        "properties": {"class": "Tumor"},
    }
    path = geojson(tmp_path / "a.geojson", one)
    assert read(path, CLASSES, SIZE).notes == ()
    bounds = (100, 100, 500, 500)
    assert "QuPath" in read(path, CLASSES, SIZE, bounds).notes[0]
    assert read(geojson(path, NORM), CLASSES, SIZE, bounds).notes == ()


def test_a_line_beside_a_polygon_in_a_collection_is_counted(tmp_path: Path) -> None:
    line = LineString([(0, 0), (9, 9)])
    shape = {"type": "GeometryCollection", "geometries": [mapping(Polygon(POINTS)), mapping(line)]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(NORM | {"geometry": shape}))
    result = read(path, CLASSES, SIZE)
    assert shares_of(result) == {"norm": 5000} and result.dropped == 1
