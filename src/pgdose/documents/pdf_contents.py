"""What a PDF shows beside the text of its pages: pictures, values of forms, and notes.

pypdf's text has none of it. A report of which such a part is lost would be read as a whole one.
"""

from collections.abc import Iterator
from typing import Any

import pypdf
from pypdf.generic import ArrayObject, DictionaryObject, NullObject, StreamObject

from pgdose.labelling.spelling import has_words

_FEW_WORDS = 50  # of a letterhead and the data of the patient
_SCAN = 0.5  # share of a page that pictures cover beside few words
_SCAN_WITHOUT_WORDS = 0.1  # beside none; a logo covers less
# Annotations whose text is none that a person wrote on the page.
_NO_NOTES = {"/Link", "/Widget", "/Popup", "/Screen", "/Watermark", "/FileAttachment"}
_MOST_PARENTS = 30  # of a field


def is_scan(page: pypdf.PageObject, text: str) -> bool:
    """Whether a page, whose text layer is `text`, holds its words in pictures."""
    words = sum(map(has_words, text.split()))
    if words >= _FEW_WORDS:
        return False
    share = _Pictures(page).share
    return share > (_SCAN if words else _SCAN_WITHOUT_WORDS)


def is_filled_in(reader: pypdf.PdfReader) -> bool:
    """Whether a field of a form has a value: a text, a choice, or a tick."""
    fields = (reader.get_fields() or {}).values()
    return any(map(_has_value, fields)) or any(
        _has_value(note) for note in _annotations(reader) if note.get("/Subtype") == "/Widget"
    )


def has_notes(reader: pypdf.PdfReader) -> bool:
    """Whether words were written on a page later on, or struck out there."""
    return any(
        note.get("/Subtype") == "/StrikeOut"
        or (note.get("/Subtype") not in _NO_NOTES and has_words(_resolved(note, "/Contents")))
        for note in _annotations(reader)
    )


def _annotations(reader: pypdf.PdfReader) -> Iterator[DictionaryObject]:
    for page in reader.pages:
        for annotation in _resolved(page, "/Annots") or ():
            note = annotation.get_object()
            if isinstance(note, DictionaryObject):
                yield note


def _resolved(place: DictionaryObject, key: str) -> Any:
    """An entry, which may be a reference to what it is, or to nothing."""
    entry = place.get(key)
    entry = entry.get_object() if entry is not None else None
    return None if isinstance(entry, NullObject) else entry


def _has_value(field: DictionaryObject) -> bool:
    kind, value = _inherited(field, "/FT"), _inherited(field, "/V")
    if kind == "/Btn":
        return any(state not in (None, "/Off") for state in (value, field.get("/AS")))
    if kind not in ("/Tx", "/Ch"):
        return False  # a signature
    if isinstance(value, StreamObject):
        return bool(value.get_data().strip())
    return any(map(has_words, value if isinstance(value, ArrayObject) else [value]))


def _inherited(field: DictionaryObject, key: str) -> Any:
    """An entry of a field; widgets leave theirs to the field above them."""
    for _ in range(_MOST_PARENTS):
        if key in field:
            return field[key]
        parent = field.get("/Parent")
        if parent is None:
            break
        field = parent.get_object()
    return None


class _Pictures:
    """The share of a page that its pictures cover; where they overlap they count twice."""

    def __init__(self, page: pypdf.PageObject) -> None:
        box = page.cropbox
        self._page_area = abs(float(box.width) * float(box.height)) or 1.0
        # Scale and resources of the page, and of each form (a drawing within it) that is open.
        self._open: list[tuple[float, Any]] = [(1.0, page.get("/Resources"))]
        self.share = 0.0
        page.extract_text(visitor_operand_before=self._before, visitor_operand_after=self._after)

    def _before(self, operator: bytes, operands: Any, matrix: list[float], _: object) -> None:
        scale = self._open[-1][0] * abs(matrix[0] * matrix[3] - matrix[1] * matrix[2])
        if operator == b"INLINE IMAGE":
            self.share += scale / self._page_area
        elif operator == b"Do":
            drawing = self._drawing(operands)
            if drawing.get("/Subtype") == "/Image":
                self.share += scale / self._page_area
            a, b, c, d = [float(number) for number in drawing.get("/Matrix", (1, 0, 0, 1))][:4]
            resources = drawing.get("/Resources", self._open[-1][1])
            self._open.append((scale * abs(a * d - b * c), resources))

    def _after(self, operator: bytes, *_: object) -> None:
        if operator == b"Do":
            self._open.pop()

    def _drawing(self, operands: list[Any]) -> DictionaryObject:
        """The picture or form that is drawn; an empty one where the name is of none."""
        try:
            drawing = self._open[-1][1].get_object()["/XObject"][operands[0]]
        except (AttributeError, KeyError, IndexError, TypeError):
            return DictionaryObject()
        return drawing if isinstance(drawing, DictionaryObject) else DictionaryObject()
