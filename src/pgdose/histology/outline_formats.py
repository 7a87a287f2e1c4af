"""Parsers of the files that viewers write: QuPath, ASAP, Aperio ImageScope, tables of rectangles.

Each adds its outlines to a `Drawing`: (word, polygon) pairs in pixels of level 0.
"""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import shapely
from shapely.affinity import scale, translate
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.class_words import UNNAMED

FORMATS = (
    "GeoJSON of QuPath (.geojson, .json), XML of ASAP or Aperio ImageScope (.xml), rectangles "
    "(.csv) or a mask (.png, .bmp, .tif, .tiff)"
)
EMPTY = Polygon()
# QuPath's ids of objects that are no annotations, from before it wrote their objectType.
OLD_OBJECT_IDS = ("PathDetectionObject", "PathCellObject", "PathTileObject", "TMACoreObject")
ASAP_AREAS = ("Polygon", "Rectangle", "Spline")
LARGEST_FILE = 2**29  # bytes; a sparse one may be a few kilobytes on disk
PAIRS_AT_ONCE = 10**6
NEIGHBOURS = 20  # edges that an edge of an ordinary outline may lie close to
MOST_TANGLES = 300_000  # pairs of edges, beyond those, of the outlines that must be mended
FREEHAND, RECTANGLE, ELLIPSE = "0", "1", "2"  # types of ImageScope's regions


class Drawing:
    """The outlines of a file, and how many were mended or dropped."""

    def __init__(self) -> None:
        self.outlines: list[tuple[str, BaseGeometry]] = []  # word, valid polygon
        self.private_words: set[str] = set()  # free text, which no message may quote
        self.mended = 0
        self.dropped = 0
        self._tangles = 0

    def add(self, word: str, shape: BaseGeometry) -> None:
        if shape.area == 0:
            self.dropped += 1
        else:
            self.outlines.append((word, shape))

    def polygon(self, rings: Sequence[Iterable[Sequence[float]]]) -> BaseGeometry:
        """A shell and its holes as a valid polygon; empty if there is none."""
        if not rings:
            return EMPTY
        shell, *holes = (_points(ring) for ring in rings)
        if len(shell) < 3:
            return EMPTY
        shape = Polygon(shell, [hole for hole in holes if len(hole) >= 3])
        if shape.is_valid:
            return shape
        self._tangles += _tangles(shape)
        if self._tangles > MOST_TANGLES:
            raise Rejected(
                "invalid_outline",
                "outlines cross themselves at too many places to be mended; draw them again",
            )
        # By structure: if the pen crossed its own line, the inside of the loop stays inside.
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
        self.mended += not mended.is_empty
        return mended

    def move(self, x: float, y: float) -> None:
        self.outlines = [(word, translate(shape, x, y)) for word, shape in self.outlines]


def read_drawing(path: Path, origin: tuple[int, int]) -> Drawing:
    """The outlines of a vector file; `origin` (x, y) is where QuPath's coordinates begin.

    Rejects unknown_outlines, invalid_outline and absurd_size; any other exception means that the
    file is not what it claims to be.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise Rejected("absurd_size", f"the outlines have over {LARGEST_FILE} bytes; export fewer")
    drawing = Drawing()
    suffix = path.suffix.lower()
    if suffix in (".geojson", ".json"):
        _read_geojson(json.loads(path.read_text("utf-8-sig")), drawing)
        drawing.move(*origin)
    elif suffix == ".xml":
        parser = ElementTree.XMLParser(target=_NoDocumentType())
        _read_xml(ElementTree.fromstring(path.read_bytes(), parser), drawing)
    elif suffix == ".csv":
        _read_rectangles(path.read_text("utf-8-sig").splitlines(), drawing)
    else:
        raise Rejected("unknown_outlines", f"save the outlines as {FORMATS}")
    return drawing


def _tangles(shape: Polygon) -> int:
    """How many pairs of a polygon's edges could cross, beyond those of an ordinary outline.

    Mending takes time and memory in proportion: 2000 points at random are two million pairs,
    18 seconds and a gigabyte. Counts no further than MOST_TANGLES.
    """
    rings = (shapely.get_coordinates(ring) for ring in (shape.exterior, *shape.interiors))
    ends = np.concatenate([np.hstack([ring[:-1], ring[1:]]) for ring in rings])
    edges = shapely.box(
        np.minimum(ends[:, 0], ends[:, 2]),
        np.minimum(ends[:, 1], ends[:, 3]),
        np.maximum(ends[:, 0], ends[:, 2]),
        np.maximum(ends[:, 1], ends[:, 3]),
    )
    tree = shapely.STRtree(edges)
    step = max(1, PAIRS_AT_ONCE // len(edges))
    pairs = -NEIGHBOURS * len(edges)
    for first in range(0, len(edges), step):
        pairs += tree.query(edges[first : first + step]).shape[1]
        if pairs > MOST_TANGLES:
            break
    return max(pairs, 0)


def _points(ring: Iterable[Sequence[float]]) -> np.ndarray:
    points = np.array([point[:2] for point in ring], np.float64)
    if not np.isfinite(points).all():
        raise Rejected("invalid_outline", "a coordinate is not a finite number; correct it")
    return points


def _read_geojson(content: Any, drawing: Drawing) -> None:
    """QuPath's: a collection of features, a bare list of them, or one."""
    features = content if isinstance(content, list) else content.get("features", [content])
    for feature in features:
        if "geometry" not in feature and "coordinates" in feature:  # not wrapped in a feature
            feature = {"geometry": feature}
        properties = feature.get("properties") or {}
        word = properties.get("classification") or {}
        if isinstance(word, dict):  # since 0.4 several names make a derived class
            word = word.get("name") or ": ".join(word.get("names") or ())
        kind = properties.get("objectType") or "annotation"
        if kind != "annotation" or feature.get("id") in OLD_OBJECT_IDS:
            drawing.add(word, EMPTY)
            continue
        polygons = [drawing.polygon(rings) for rings in _rings(feature["geometry"] or {})]
        drawing.add(word or UNNAMED, shapely.union_all(polygons))


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


class _NoDocumentType(ElementTree.TreeBuilder):
    """XML without a document type, and so without entities that grow or name other files."""

    def doctype(self, *_: object) -> None:
        raise Rejected(
            "unreadable_outlines",
            "the XML has a DOCTYPE, which is refused; export it from the viewer again",
        )


def _read_xml(root: ElementTree.Element, drawing: Drawing) -> None:
    if root.tag == "ASAP_Annotations":
        _read_asap(root, drawing)
    elif root.tag == "Annotations":
        _read_imagescope(root, drawing)
    else:
        raise Rejected(
            "unknown_outlines",
            f"the XML is neither ASAP's nor ImageScope's; save the outlines as {FORMATS}",
        )


def _read_asap(root: ElementTree.Element, drawing: Drawing) -> None:
    for outline in root.iter("Annotation"):
        group = outline.get("PartOfGroup", "")
        points = sorted(outline.iter("Coordinate"), key=lambda point: _number(point, "Order"))
        has_area = outline.get("Type") in ASAP_AREAS
        shape = drawing.polygon([_vertices(points)]) if has_area else EMPTY
        drawing.add(UNNAMED if group in ("", "None") else group, shape)


def _read_imagescope(root: ElementTree.Element, drawing: Drawing) -> None:
    """Aperio's. A region's Text is ignored: it may say something about the patient."""
    for layer in root.iter("Annotation"):
        shapes: list[BaseGeometry] = []
        holes: list[BaseGeometry] = []
        for region in layer.iter("Region"):
            negative = region.get("NegativeROA") == "1"
            (holes if negative else shapes).append(_region(region, drawing))
        drawing.dropped += sum(hole.is_empty for hole in holes)
        all_holes = shapely.union_all(holes)
        word = _layer_word(layer, drawing)
        for shape in shapes:
            drawing.add(word, shape.difference(all_holes))


def _layer_word(layer: ElementTree.Element, drawing: Drawing) -> str:
    description = layer.find("Attributes/Attribute[@Name='Description']")
    text = "" if description is None else description.get("Value", "").strip()
    drawing.private_words.add(text)  # it may say something about the patient
    return layer.get("Name", "").strip() or text or f"layer {layer.get('Id')}"


def _region(region: ElementTree.Element, drawing: Drawing) -> BaseGeometry:
    kind = region.get("Type", FREEHAND)
    points = _vertices(region.iter("Vertex"))
    if kind not in (FREEHAND, RECTANGLE, ELLIPSE):
        return EMPTY
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
    """An attribute as a number; some locales write a decimal comma."""
    return float(element.attrib[name].replace(",", "."))


def _read_rectangles(lines: list[str], drawing: Drawing) -> None:
    """A table with the header x, y, w, h and maybe class, or x, y, w, h alone as in TUPAC16."""
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
        raise Rejected(
            "unreadable_outlines", "a table of rectangles needs the columns x, y, w and h; add them"
        )
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        x, y, width, height = (float(cells[name]) for name in "xywh")
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        shape = EMPTY if min(width, height) <= 0 else drawing.polygon([corners])
        drawing.add(cells.get("class", "").strip() or UNNAMED, shape)
