"""XML of ASAP (Computation Pathology Group), as its class XmlRepository writes it."""

from xml.etree.ElementTree import Element

from pgdose.histology.outlines.class_words import Label, hex_colour
from pgdose.histology.outlines.drawing import EMPTY, MARK, UNKNOWN, Drawing, number, reading

AREAS = {"polygon", "spline"}
MARKS = {"dot", "pointset", "measurement"}


def read_asap(root: Element, drawing: Drawing) -> None:
    """Add the annotations of a file; the group of each is its class."""
    colours = {group.get("Name"): group.get("Color") for group in root.iter("Group")}
    for count, outline in enumerate(root.iter("Annotation"), 1):
        with reading(count):
            kind = outline.attrib["Type"].strip().casefold()
            group = outline.get("PartOfGroup", "").strip()
            word = "" if group == "None" else group
            colour = hex_colour(colours.get(group)) or hex_colour(outline.get("Color"))
            label = Label(word, "" if word else outline.get("Name", ""), colour)
            if kind in MARKS:
                drawing.lose(label, MARK)
                continue
            points = _points(outline)
            if kind == "rectangle":
                drawing.add(label, drawing.rectangle(points), points)
            elif kind in AREAS:
                drawing.add(label, drawing.polygon([points]) if points else EMPTY, points)
            else:
                drawing.lose(label, UNKNOWN, points)


def _points(outline: Element) -> list[tuple[float, float]]:
    points = list(outline.iter("Coordinate"))
    if any("Order" in point.attrib for point in points):
        points.sort(key=lambda point: number(point.attrib["Order"]))
    return [(number(point.attrib["X"]), number(point.attrib["Y"])) for point in points]
