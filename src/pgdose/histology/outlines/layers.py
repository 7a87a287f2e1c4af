"""XML of layers with regions: Aperio ImageScope's, and HALO's (.annotations), which resembles it.

    ImageScope  <Annotation Name= LineColor=><Regions><Region Type="0"><Vertices><Vertex X= Y=>
    HALO        <Annotation Name= LineColor=><Regions><Region Type="Polygon"><Vertices><V X= Y=>

ImageScope's types are numbers; HALO's words are in "Indica Labs Annotation format", a document
that the package pyhaloxml carries. Both count in pixels of level 0, their colours are decimal BGR,
and regions that are negative are holes in those of their layer.
"""

from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Label, bgr_colour
from pgdose.histology.outlines.drawing import (
    EMPTY,
    LINE,
    MARK,
    UNKNOWN,
    Drawing,
    ellipse,
    number,
    reading,
)

POLYGON, RECTANGLE, ELLIPSE = "polygon", "rectangle", "ellipse"
TYPES = {
    "0": POLYGON, "1": RECTANGLE, "2": ELLIPSE, "3": MARK, "4": MARK, "5": MARK,
    "polygon": POLYGON, "rectangle": RECTANGLE, "ellipse": ELLIPSE, "ruler": MARK, "pin": MARK,
    "arrow": MARK, "line": LINE,
}  # fmt: skip
# A script that exports from QuPath as ImageScope's says the shape in an attribute of its own.
WITHOUT_AREA = (MARK, LINE, UNKNOWN)
SHAPES_WITHOUT_AREA = {"points": MARK, "point": MARK, "line": MARK, "polyline": LINE}
UNKNOWN_HOLE = "a negative region is of an unknown type; draw it as a polygon"
YES, NO = {"1", "1.0", "-1", "true", "yes"}, {"0", "0.0", "false", "no", ""}


class Region(NamedTuple):
    """One region: its kind, points and shape, and what somebody wrote at it."""

    kind: str
    points: list[tuple[float, float]]
    shape: BaseGeometry
    text: str


def read_layers(root: Element, drawing: Drawing) -> None:
    """Add the regions of all layers, each less the negative ones of its layer."""
    count = 0
    for layer in root.iter("Annotation"):
        regions: list[Region] = []
        holes: list[Region] = []
        for element in layer.iter("Region"):
            count += 1
            with reading(count):
                is_hole = _is_negative(element.get("NegativeROA", ""))
                region = _region(element, drawing)
                if is_hole and region.kind == UNKNOWN:
                    raise Rejected("unreadable_outlines", UNKNOWN_HOLE)
                (holes if is_hole else regions).append(region)
        all_holes = shapely.union_all([hole.shape for hole in holes])
        all_shapes = shapely.union_all([region.shape for region in regions])
        shapely.prepare(all_shapes)
        cutting = shapely.intersects([hole.shape for hole in holes], all_shapes)
        drawing.useless_holes += len(holes) - int(np.sum(cutting))
        label = _layer_label(layer)
        for region in regions:
            own = label._replace(text=region.text)
            rest = region.shape.difference(all_holes)
            if region.kind in WITHOUT_AREA:
                drawing.lose(own, region.kind, region.points)
            elif region.shape.area and not rest.area:  # all of it is a hole
                drawing.lose(own, LINE, region.points)
            else:
                drawing.add(own, rest, region.points)


def _layer_label(layer: Element) -> Label:
    """The layer's name, else its description, else `layer 1`."""
    name = layer.get("Name", "").strip()
    description = layer.find("Attributes/Attribute[@Name='Description']")
    text = "" if description is None else description.get("Value", "").strip()
    word = name or text or f"layer {layer.get('Id', '')}".strip()
    return Label(word, "", bgr_colour(layer.get("LineColor")), is_private=not name and bool(text))


def _is_negative(value: str) -> bool:
    word = value.strip().casefold()
    if word not in YES | NO:
        raise ValueError
    return word in YES


def _region(element: Element, drawing: Drawing) -> Region:
    kind = TYPES.get(element.get("Type", "").strip().casefold() or "0", UNKNOWN)
    kind = SHAPES_WITHOUT_AREA.get(element.get("GeoShape", "").strip().casefold(), kind)
    vertices = [*element.iter("Vertex"), *element.iter("V")]
    points = [(number(v.attrib["X"]), number(v.attrib["Y"])) for v in vertices]
    text = element.get("Text", "").strip()
    if kind in WITHOUT_AREA or len(points) < 2:
        return Region(kind, points, EMPTY, text)
    if kind == RECTANGLE:
        shape = drawing.rectangle(points)
    elif kind == ELLIPSE and len(set(points)) <= 4:  # corners of the rectangle round it
        shape = ellipse(points)
    else:
        shape = drawing.polygon([points])
    return Region(kind, points, shape, text)
