"""Tables of rectangles: x, y, w, h in pixels of level 0, and maybe a class."""

import csv
import re

from pgdose.errors import Rejected
from pgdose.histology.outlines.class_words import Label
from pgdose.histology.outlines.drawing import LINE, NUMBER, Drawing, number, reading, rectangle

NAMES = {"width": "w", "height": "h"}
THOUSANDS = re.compile(r"[-+]?[0-9]{1,3},[0-9]{3}")  # 1,000 in a table with commas may be 1000


def read_rectangles(text: str, drawing: Drawing) -> None:
    """A table with the header x, y, w, h and maybe class, or x, y, w, h alone as in TUPAC16.

    Its cells are separated by commas, semicolons or tabs. Rejects unreadable_outlines.
    """
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    separator = next((mark for mark in ";\t" if mark in first), ",")
    try:
        rows = list(csv.reader(lines, strict=True, delimiter=separator))
    except csv.Error:
        raise Rejected(
            "unreadable_outlines", "the table has a stray quote or is no text; correct it"
        ) from None
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise Rejected("unreadable_outlines", "the file is empty; export the outlines again")
    header = [cell.strip().casefold() for cell in rows[0]]
    if NUMBER.fullmatch(header[0]):
        header = ["x", "y", "w", "h"]
    else:
        header = [NAMES.get(name, name) for name in header]
        rows = rows[1:]
    if not {"x", "y", "w", "h"} <= set(header) or len(set(header)) < len(header):
        raise Rejected(
            "unreadable_outlines",
            "a table of rectangles needs the columns x, y, w and h, each once; correct its header",
        )
    for count, row in enumerate(rows, 1):
        with reading(count):
            cells = dict(zip(header, row, strict=True))
            numbers = [cells[name].strip() for name in "xywh"]
            if separator == "," and any(map(THOUSANDS.fullmatch, numbers)):
                raise ValueError
            x, y, width, height = map(number, numbers)
            label = Label((cells.get("class") or cells.get("label") or "").strip())
            corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
            if min(width, height) <= 0:
                drawing.lose(label, LINE, corners)
            else:
                drawing.add(label, rectangle(corners), corners)
