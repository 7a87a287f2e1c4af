"""A pathologist's outlines, in the format of the viewer they were drawn in."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely
from shapely.affinity import scale, translate
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology import masks
from pgdose.histology.areas import Area, Polygons, surfaces

FORMATS = (
    "GeoJSON of QuPath (.geojson, .json), XML of ASAP or Aperio ImageScope (.xml), rectangles "
    "(.csv) or a mask (.png, .bmp, .tif, .tiff)"
)
UNNAMED = "unnamed"  # the word of an outline without a class
NOWHERE = Polygon()
OVERHANG = 0.01  # of the slide's longer side: so far an outline may reach beyond it,
LEAST_OVERHANG = 16  # or so many pixels
# How QuPath named objects that are no annotations before it wrote their objectType.
OLD_OBJECTS = ("PathDetectionObject", "PathCellObject", "PathTileObject", "TMACoreObject")
ASAP_AREAS = ("Polygon", "Rectangle", "Spline")
FREEHAND, RECTANGLE, ELLIPSE = "0", "1", "2"  # types of ImageScope's regions


@dataclass(frozen=True)
class Outlines:
    """What was drawn on a slide.

    `areas`: by class of the study, in order of precedence, each without what an earlier one
    covers; a class that is not drawn is absent. `mended`: polygons that crossed themselves.
    `dropped`: outlines without an area, such as points, lines, arrows, detections.
    """

    areas: dict[str, Area]
    mended: int
    dropped: int


def read(
    path: Path,
    classes: Mapping[str, Sequence[str]],
    size: tuple[int, int],
    bounds: tuple[int, int, int, int] | None = None,
    tile: float = 256,
) -> Outlines:
    """Read an outline file; the format is told by its suffix and what stands in it.

    `classes`: for each class of the study its words in the files, in order of precedence; words
    are compared stripped and without case. An outline without a class has the word "unnamed", a
    mask's pixel its value or "#rrggbb". `size`: width, height of level 0. `bounds`: the slide's
    openslide.bounds-x, -y, -width, -height, from which QuPath counts and which a mask may cover
    instead of the whole. `tile`: side of a tile in pixels of level 0, of which a mask is reduced
    to cells of about 1/32.

    Rejects unknown_outlines, unreadable_outlines, invalid_outline (a coordinate is not finite),
    unmapped_class, outlines_outside (they are another slide's), wrong_aspect (so is the mask) and
    absurd_size (a mask too large to be read in one go).
    """
    try:
        if path.suffix.lower() in (*masks.TIFFS, *masks.PICTURES):
            return Outlines(masks.read(path, classes, size, bounds, tile), 0, 0)
        drawing = _Drawing()
        if path.suffix.lower() in (".geojson", ".json"):
            _read_geojson(json.loads(path.read_text("utf-8-sig")), drawing)
            drawing.move(*(bounds or (0, 0))[:2])
        elif path.suffix.lower() == ".xml":
            parser = ElementTree.XMLParser(target=_Plain())
            _read_xml(ElementTree.fromstring(path.read_bytes(), parser), drawing)
        elif path.suffix.lower() == ".csv":
            _read_rectangles(path.read_text("utf-8-sig").splitlines(), drawing)
        else:
            raise Rejected("unknown_outlines", f"there are {FORMATS}")
        return Outlines(_areas(drawing, classes, size), drawing.mended, drawing.dropped)
    except Rejected:
        raise
    except Exception as error:
        raise Rejected("unreadable_outlines", type(error).__name__) from None


class _Plain(ElementTree.TreeBuilder):
    """XML without a document type, and so without entities that grow or name other files."""

    def doctype(self, *_: object) -> None:
        raise Rejected("unreadable_outlines", "a document type, which no viewer writes")


class _Drawing:
    """The outlines of a file, (word, valid area) each, and how many were not quite one."""

    def __init__(self) -> None:
        self.outlines: list[tuple[str, BaseGeometry]] = []
        self.untold: set[str] = set()  # words that no message may hold
        self.mended = 0
        self.dropped = 0

    def add(self, word: str, shape: BaseGeometry) -> None:
        if shape.area == 0:
            self.dropped += 1
        else:
            self.outlines.append((word, shape))

    def polygon(self, rings: Sequence[Iterable[Sequence[float]]]) -> BaseGeometry:
        """A shell and its holes as a valid area, empty if there is none."""
        if not rings:
            return NOWHERE
        shell, *holes = (_points(ring) for ring in rings)
        if len(shell) < 3:
            return NOWHERE
        shape = Polygon(shell, [hole for hole in holes if len(hole) >= 3])
        if shape.is_valid:
            return shape
        # By structure: where the pen crossed its own line, what it went round stays inside.
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
        self.mended += not mended.is_empty
        return mended

    def move(self, x: float, y: float) -> None:
        self.outlines = [(word, translate(shape, x, y)) for word, shape in self.outlines]


def _points(ring: Iterable[Sequence[float]]) -> np.ndarray:
    points = np.array([point[:2] for point in ring], np.float64)
    if not np.isfinite(points).all():
        raise Rejected("invalid_outline", "a coordinate is not a finite number")
    return points


def _areas(
    drawing: _Drawing, classes: Mapping[str, Sequence[str]], size: tuple[int, int]
) -> dict[str, Area]:
    """Outlines by class, cut at the slide's edge, each without what an earlier class covers."""
    names = {
        word.strip().casefold(): name
        for name, words in reversed(list(classes.items()))
        for word in words
    }
    drawn: dict[str, list[BaseGeometry]] = {name: [] for name in classes}
    for word, shape in drawing.outlines:
        if (name := names.get(word.strip().casefold())) is None:
            told = "" if word in drawing.untold else word.strip()
            raise masks.unmapped(_shown(told), classes)
        drawn[name].append(shape)
    _check_inside([shape for _, shape in drawing.outlines], size)
    areas: dict[str, Area] = {}
    taken: BaseGeometry = NOWHERE
    for name, shapes in drawn.items():
        whole = surfaces(shapely.union_all(shapes).intersection(box(0, 0, *size)))
        own = surfaces(whole.difference(taken))
        taken = taken.union(whole)
        if not own.is_empty:
            areas[name] = Polygons(own)
    return areas


# What classes are usually called. Other words are not told: one may be a patient's name.
USUAL = """
annotation area artefact artifact background benign blood breast cancer carcinoma cell cells class
duct epithelium exclude exclusion fat fibrosis gland glands group ignore immune in inflammation
invasive layer lymph lymphocytes malignant metastases metastasis mucosa muscle necrosis negative
node none norm normal nuclei other outline ovary pen positive region roi situ skin stroma thyroid
tissue tumor tumors tumour tumours vessel vessels воспаление жир железа метастаз мышца некроз норма
область опухоль рак сосуд строма ткань фон
"""


def _shown(word: str) -> str:
    """A class's word for a message, if it is made of usual ones."""
    if word == UNNAMED:
        return f"an outline without a class (word: {UNNAMED})"
    parts = re.findall(r"[^\W\d_]+", word.casefold())
    plain = re.fullmatch(r"[\w*#:/() -]{1,40}", word) and not re.search(r"\d\d", word)
    return f"'{word}'" if plain and set(parts) <= set(USUAL.split()) else "a word not shown here"


def _check_inside(shapes: list[BaseGeometry], size: tuple[int, int]) -> None:
    left, top, right, bottom = shapely.GeometryCollection(shapes).bounds
    beyond = max(OVERHANG * max(size), LEAST_OVERHANG)
    if min(left, top) < -beyond or right > size[0] + beyond or bottom > size[1] + beyond:
        x = left if left < -beyond else right
        y = top if top < -beyond else bottom
        told = f"they reach to {x:.0f}, {y:.0f}; the slide is {size[0]}x{size[1]}"
        raise Rejected("outlines_outside", told)


# --- formats ----------------------------------------------------------------------------------


def _read_geojson(content: Any, drawing: _Drawing) -> None:
    """QuPath's: a collection of features, a bare list of them, or one."""
    features = content if isinstance(content, list) else content.get("features", [content])
    for feature in features:
        if "geometry" not in feature and "coordinates" in feature:  # not wrapped in a feature
            feature = {"geometry": feature}
        properties = feature.get("properties") or {}
        named = properties.get("classification") or {}
        if isinstance(named, dict):  # since 0.4 several names make a derived class
            named = named.get("name") or ": ".join(named.get("names") or ())
        other = properties.get("objectType") or "annotation"
        if other != "annotation" or feature.get("id") in OLD_OBJECTS:
            drawing.add(named, NOWHERE)
            continue
        polygons = [drawing.polygon(rings) for rings in _rings(feature["geometry"] or {})]
        drawing.add(named or UNNAMED, shapely.union_all(polygons))


def _rings(geometry: dict) -> list:
    """The rings of each polygon of a GeoJSON geometry; points and lines have none."""
    match geometry.get("type"):
        case "Polygon":
            return [geometry["coordinates"]]
        case "MultiPolygon":
            return geometry["coordinates"]
        case "GeometryCollection":
            return [rings for part in geometry["geometries"] for rings in _rings(part)]
    return []


def _read_xml(root: ElementTree.Element, drawing: _Drawing) -> None:
    if root.tag == "ASAP_Annotations":
        _read_asap(root, drawing)
    elif root.tag == "Annotations":
        _read_imagescope(root, drawing)
    else:
        raise Rejected(
            "unknown_outlines", f"neither ASAP's nor ImageScope's XML; there are {FORMATS}"
        )


def _read_asap(root: ElementTree.Element, drawing: _Drawing) -> None:
    for outline in root.iter("Annotation"):
        group = outline.get("PartOfGroup", "")
        points = sorted(outline.iter("Coordinate"), key=lambda point: _number(point, "Order"))
        area = outline.get("Type") in ASAP_AREAS
        shape = drawing.polygon([_vertices(points)]) if area else NOWHERE
        drawing.add(UNNAMED if group in ("", "None") else group, shape)


def _read_imagescope(root: ElementTree.Element, drawing: _Drawing) -> None:
    """Aperio's. A region's Text is left alone: it may tell about the patient."""
    for layer in root.iter("Annotation"):
        areas: list[BaseGeometry] = []
        holes: list[BaseGeometry] = []
        for region in layer.iter("Region"):
            negative = region.get("NegativeROA") == "1"
            (holes if negative else areas).append(_region(region, drawing))
        drawing.dropped += sum(hole.is_empty for hole in holes)
        cut = shapely.union_all(holes)
        word = _layer_word(layer, drawing)
        for area in areas:
            drawing.add(word, area.difference(cut))


def _layer_word(layer: ElementTree.Element, drawing: _Drawing) -> str:
    described = layer.find("Attributes/Attribute[@Name='Description']")
    value = "" if described is None else described.get("Value", "").strip()
    drawing.untold.add(value)  # free text, which may tell about the patient
    return layer.get("Name", "").strip() or value or f"layer {layer.get('Id')}"


def _region(region: ElementTree.Element, drawing: _Drawing) -> BaseGeometry:
    kind = region.get("Type", FREEHAND)
    points = _vertices(region.iter("Vertex"))
    if kind not in (FREEHAND, RECTANGLE, ELLIPSE):
        return NOWHERE
    if kind == RECTANGLE and len(points) == 2:
        return box(*_bounds(points))
    if kind == ELLIPSE and len(points) in (2, 4):  # corners of the rectangle round it
        left, top, right, bottom = _bounds(points)
        circle = Point((left + right) / 2, (top + bottom) / 2).buffer(1, quad_segs=64)
        return scale(circle, (right - left) / 2, (bottom - top) / 2)
    return drawing.polygon([points])


def _bounds(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    corners = _points(points)
    return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def _vertices(points: Iterable[ElementTree.Element]) -> list[tuple[float, float]]:
    return [(_number(point, "X"), _number(point, "Y")) for point in points]


def _number(element: ElementTree.Element, name: str) -> float:
    """An attribute as a number, which some computers write with a comma."""
    return float(element.attrib[name].replace(",", "."))


def _read_rectangles(lines: list[str], drawing: _Drawing) -> None:
    """With a header x, y, w, h and perhaps class, or x, y, w, h alone as those of TUPAC16."""
    rows = [row for row in csv.reader(lines, strict=True) if any(cell.strip() for cell in row)]
    if not rows:
        raise Rejected("unreadable_outlines", "the file is empty")
    header = [cell.strip().casefold() for cell in rows[0]]
    if re.fullmatch(r"[-+.\de]+", header[0]) and header[0] != "e":
        header = ["x", "y", "w", "h"]
    else:
        header = [{"width": "w", "height": "h"}.get(name, name) for name in header]
        rows = rows[1:]
    if not {"x", "y", "w", "h"} <= set(header):
        raise Rejected("unreadable_outlines", "rectangles need the columns x, y, w, h")
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        x, y, width, height = (float(cells[name]) for name in "xywh")
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        shape = NOWHERE if min(width, height) <= 0 else drawing.polygon([corners])
        drawing.add(cells.get("class", "").strip() or UNNAMED, shape)
