"""XML of Hamamatsu's NDP.view2, which lies beside a slide as NAME.ndpi.ndpa.

    <annotations><ndpviewstate id="1"><title>..</title><coordformat>nanometers</coordformat>
      <annotation type="freehand" displayname="AnnotateFreehand" color="#ff0000">
        <closed>1</closed><pointlist><point><x>..</x><y>..</y></point>...

Hamamatsu publishes no description; this is how E. Zindy and C. Fernandez Moro's scripts for QuPath
and V. Popovici's qpath read and write it. Types: freehand (closed or a line, a rectangle where
specialtype says so), circle (x, y, radius), pin, pointer, linearmeasure.
"""

from xml.etree.ElementTree import Element

from shapely.geometry.base import BaseGeometry

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Label, hex_colour
from pgdose.histology.outlines.drawing import LINE, MARK, UNKNOWN, Drawing, ellipse, number, reading
from pgdose.histology.slides.geometry import Frame

MARKS = {"pin", "pointer", "linearmeasure", "text"}
YES, NO = {"1", "true", "yes"}, {"0", "false", "no"}
OPEN = {"annotatefreehandline"}  # names of tools whose lines are not closed


def read_ndpa(root: Element, drawing: Drawing) -> None:
    """Add the annotations of all view states. Their titles and details are private."""
    drawing.frame = Frame.NANOMETRES
    for count, state in enumerate(root.iter("ndpviewstate"), 1):
        with reading(count):
            for annotation in state.iter("annotation"):
                _read_annotation(state, annotation, drawing)


def _read_annotation(state: Element, annotation: Element, drawing: Drawing) -> None:
    title = (state.findtext("title") or "").strip()
    details = "" if title else (state.findtext("details") or "").strip()
    label = Label(title, details, hex_colour(annotation.get("color")), is_private=True)
    unit = (state.findtext("coordformat") or "").strip().casefold()
    if unit not in ("nanometers", "nanometres"):
        raise Rejected(
            "unreadable_outlines", "its coordformat is not nanometers; save it from NDP.view2 again"
        )
    kind = annotation.attrib["type"].strip().casefold()
    if kind in MARKS:
        drawing.lose(label, MARK)
    elif kind == "circle":
        drawing.add(label, _circle(annotation))
    else:
        points = [(_number(p, "x"), _number(p, "y")) for p in annotation.iter("point")]
        if kind != "freehand":
            drawing.lose(label, UNKNOWN, points)
        elif _is_rectangle(annotation):
            drawing.add(label, drawing.rectangle(points), points)
        elif _is_closed(annotation):
            drawing.add(label, drawing.polygon([points]), points)
        else:
            drawing.lose(label, LINE, points)


def _is_rectangle(annotation: Element) -> bool:
    kind = annotation.findtext("specialtype") or annotation.get("specialtype") or ""
    return kind.strip().casefold() == "rectangle"


def _is_closed(annotation: Element) -> bool:
    stated = (annotation.findtext("closed") or annotation.get("closed") or "").strip().casefold()
    if stated:
        if stated not in YES | NO:
            raise ValueError
        return stated in YES
    return annotation.get("displayname", "").strip().casefold() not in OPEN


def _circle(annotation: Element) -> BaseGeometry:
    x, y, radius = (_number(annotation, name) for name in ("x", "y", "radius"))
    if radius < 0:
        raise ValueError
    return ellipse([(x - radius, y - radius), (x + radius, y + radius)])


def _number(element: Element, name: str) -> float:
    return number(element.findtext(name) or "")
