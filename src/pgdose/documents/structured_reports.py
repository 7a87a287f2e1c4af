"""The text of a DICOM structured report: its content tree, read from top to bottom.

    CONTAINER and TEXT   the concept's name as a heading, where it changes; then the text
    CODE, NUM            a sentence: "Cardiothoracic ratio: 0.55."
    modifiers, properties (laterality, presence)   in brackets behind what they modify

Who observed, and on which images, is no part of the text. The title is none either: it names the
examination.
"""

from collections.abc import Iterator

import pydicom
from pydicom import uid

from pgdose.documents.report import check_text
from pgdose.errors import Rejected
from pgdose.labelling.spelling import has_words
from pgdose.xray.character_sets import (
    ESCAPE,
    decode_latin_1,
    decode_text,
    is_utf8,
    reads_better_elsewhere,
)

REPORT_CLASSES = {
    uid.BasicTextSRStorage,
    uid.EnhancedSRStorage,
    uid.ComprehensiveSRStorage,
    uid.Comprehensive3DSRStorage,
    uid.ExtensibleSRStorage,
}
# Other structured reports, and why they are no report that a person reads.
OTHER_CLASSES = {
    uid.KeyObjectSelectionDocumentStorage: "key_objects",
    uid.XRayRadiationDoseSRStorage: "dose_report",
    uid.EnhancedXRayRadiationDoseSRStorage: "dose_report",
    uid.RadiopharmaceuticalRadiationDoseSRStorage: "dose_report",
    uid.PatientRadiationDoseSRStorage: "dose_report",
    uid.ProcedureLogStorage: "procedure_log",
    uid.MammographyCADSRStorage: "measurements",
    uid.ChestCADSRStorage: "measurements",
    uid.ColonCADSRStorage: "measurements",
    uid.SimplifiedAdultEchoSRStorage: "measurements",
    uid.ImplantationPlanSRStorage: "measurements",
    uid.AcquisitionContextSRStorage: "measurements",
    uid.MacularGridThicknessAndVolumeReportStorage: "measurements",
}
# Titles (codes of the scheme DCM) of documents in the classes of reports that are none.
_TITLES = {
    "113701": "dose_report",  # X-Ray Radiation Dose Report
    "113500": "dose_report",  # Radiopharmaceutical Radiation Dose Report
    "126000": "measurements",  # Imaging Measurement Report
    "126001": "measurements",  # Oncology Measurement Report
    "113000": "key_objects",  # Of Interest
    "111036": "measurements",  # Mammography CAD Report
    "112222": "measurements",  # Colon CAD Report
}
_FINDINGS = {"finding", "report text", "radiology report"}  # headings that say nothing
_OF_THE_TEXT = ("CONTAINS", "INFERRED FROM", "")
_MODIFIERS = ("HAS CONCEPT MOD", "HAS PROPERTIES")
_LANGUAGES = {"121049", "121046", "121045"}  # of the text, and country
_MOST_DEPTH = 60
_MOST_ITEMS = 100_000


def structured_text(ds: pydicom.Dataset, encoding: str | None) -> str:
    """The text of a structured report.

    encoding: of the source, for texts that declare a wrong character set. Rejected: dose_report,
    measurements, key_objects, no_text, encoding, absurd_size, unreadable_document.
    """
    title = _first(ds, "ConceptNameCodeSequence")
    other = "" if title is None else _TITLES.get(decode_text(title, "CodeValue", None), "")
    if other:
        raise Rejected(other, "by its title")
    tree = _Tree(ds, encoding)
    tree.read(ds, depth=0)
    tree.check_letters()
    if tree.numbers and not tree.texts:
        raise Rejected("measurements", "numbers and no text")
    if not tree.has_content:
        raise Rejected("no_text", "headings alone")
    return check_text("\n".join(tree.lines))


class _Tree:
    """A content tree on its way to text."""

    def __init__(self, ds: pydicom.Dataset, encoding: str | None) -> None:
        self._encoding = encoding
        self.lines: list[str] = []
        self.has_content = False  # beside headings
        self.texts = self.numbers = self._items = 0
        self._heading = ""
        self._decodings: list[tuple[str, bytes]] = []  # texts that are no ASCII and no UTF-8

    def read(self, parent: pydicom.Dataset, depth: int, flows: bool = False) -> None:
        """Add the lines below an item. flows: they are one sentence, without headings."""
        if depth > _MOST_DEPTH:
            raise Rejected("unreadable_document", "items too deep in each other")
        for item in parent.get("ContentSequence") or ():
            self._items += 1
            if self._items > _MOST_ITEMS:
                raise Rejected("absurd_size", f"over {_MOST_ITEMS} items")
            if decode_text(item, "RelationshipType", None) not in _OF_THE_TEXT:
                continue
            if decode_text(item, "ValueType", None) == "CONTAINER":
                self._container(item, depth, flows)
                continue
            if text := self._text(item, flows):
                self._add(text, flows)
            self.read(item, depth + 1, flows)

    def _container(self, item: pydicom.Dataset, depth: int, flows: bool) -> None:
        continuous = decode_text(item, "ContinuityOfContent", None) == "CONTINUOUS"
        if not flows:
            self._head(self._name(item))
        if continuous and not flows:
            self.lines.append("")
        if modifiers := self._modifiers(item):
            self._add(modifiers, flows or continuous)
        self.read(item, depth + 1, flows or continuous)

    def _text(self, item: pydicom.Dataset, flows: bool) -> str:
        """The words of one item, with those that modify it; "" for an item without words."""
        kind, name = decode_text(item, "ValueType", None), self._name(item)
        modifiers = self._modifiers(item)
        if kind == "TEXT":
            text = self._decoded(item, "TextValue")
            self.texts += bool(text)
            if text and not flows:
                self._head(name)
            return " ".join(
                filter(None, (text.replace("\r\n", "\n").replace("\r", "\n"), modifiers))
            )
        if kind == "CODE":
            value = self._value(item)
        elif kind == "NUM":
            value = self._number(item)
            self.numbers += bool(value)
        else:
            return ""
        if not value:
            return ""
        is_headed = not name or _same(name, self._heading) or _same(name, "finding")
        words = value if flows or is_headed else f"{name}: {value}"
        return " ".join(filter(None, (words, modifiers))) + ("" if flows else ".")

    def _number(self, item: pydicom.Dataset) -> str:
        measured = _first(item, "MeasuredValueSequence")
        if measured is None:
            return ""
        unit = _first(measured, "MeasurementUnitsCodeSequence")
        number = decode_text(measured, "NumericValue", None)
        word = self._meaning(unit)
        return f"{number} {'' if _is_no_unit(word) else word}".strip() if number else ""

    def _modifiers(self, item: pydicom.Dataset) -> str:
        """What modifies an item, in brackets: "(Presence: Absent)"."""
        parts = list(self._modifying(item, _MODIFIERS, 0))
        return f"({', '.join(parts)})" if parts else ""

    def _modifying(
        self, item: pydicom.Dataset, relations: tuple[str, ...], depth: int
    ) -> Iterator[str]:
        """The modifiers of an item, and what stands below them: they may have some themselves."""
        if depth > _MOST_DEPTH:
            raise Rejected("unreadable_document", "items too deep in each other")
        for child in item.get("ContentSequence") or ():
            if decode_text(child, "RelationshipType", None) not in relations:
                continue
            concept = _first(child, "ConceptNameCodeSequence")
            if concept is not None and decode_text(concept, "CodeValue", None) in _LANGUAGES:
                continue
            kind = decode_text(child, "ValueType", None)
            if kind == "CODE":
                value = self._value(child)
            elif kind == "NUM":
                value = self._number(child)
            else:
                value = self._decoded(child, "TextValue") if kind == "TEXT" else ""
            if value:
                yield ": ".join(filter(None, (self._name(child), value)))
            yield from self._modifying(child, _MODIFIERS + _OF_THE_TEXT, depth + 1)

    def _head(self, name: str) -> None:
        """Begin a section, unless it is the one that goes on, or the first and nothing but text."""
        if not name or _same(name, self._heading):
            return
        says_nothing = any(_same(name, word) for word in _FINDINGS)
        if not (says_nothing and not self.lines):
            self.lines += ["", f"{name}:"]
        self._heading = name

    def _add(self, text: str, flows: bool) -> None:
        self.has_content = self.has_content or has_words(text)
        if flows and self.lines:
            self.lines[-1] = f"{self.lines[-1]} {text}".strip()
        else:
            self.lines.append(text)

    def _name(self, item: pydicom.Dataset) -> str:
        return self._meaning(_first(item, "ConceptNameCodeSequence")).rstrip(": ")

    def _value(self, item: pydicom.Dataset) -> str:
        """The meaning of a CODE item, or the code itself where it names none."""
        code = _first(item, "ConceptCodeSequence")
        if code is None:
            return ""
        keywords = ("CodeMeaning", "CodeValue", "LongCodeValue", "URNCodeValue")
        return next(filter(None, (self._decoded(code, keyword) for keyword in keywords)), "")

    def _meaning(self, code: pydicom.Dataset | None) -> str:
        return "" if code is None else self._decoded(code, "CodeMeaning")

    def _decoded(self, item: pydicom.Dataset, keyword: str) -> str:
        """A text of the tree. Rejected (encoding) where it is none in its character set."""
        if keyword not in item:
            return ""
        raw = item.get_item(keyword).value
        text = decode_text(item, keyword, self._encoding)
        if "\ufffd" in text:
            raise Rejected("encoding", "a text that is not in the declared character set")
        if isinstance(raw, bytes) and ESCAPE not in raw and not is_utf8(raw):
            self._check(raw)
            self._decodings.append((text, raw))
        is_sure = text.isascii() or (isinstance(raw, bytes) and is_utf8(raw))
        return text if self._encoding or is_sure else self._as_latin_1(text)

    def _check(self, raw: bytes) -> None:
        """Rejected (encoding) where bytes are no text in the study's encoding."""
        try:
            raw.decode(self._encoding or "latin-1")
        except UnicodeDecodeError:
            raise Rejected("encoding", "a text that is not in the study's encoding") from None

    @staticmethod
    def _as_latin_1(text: str) -> str:
        """A text, where it was read as Latin-1: in its superset. Rejected (encoding)."""
        try:
            content = text.encode("latin-1")
        except UnicodeEncodeError:
            return text
        mended = decode_latin_1(content)
        if mended is None:
            raise Rejected("encoding", "a text that is read as Latin-1 and looks like another set")
        return mended

    def check_letters(self) -> None:
        """Rejected (encoding) where all texts together are better Cyrillic in another set."""
        text = "".join(text for text, _ in self._decodings)
        if reads_better_elsewhere(text, b"".join(raw for _, raw in self._decodings)):
            raise Rejected("encoding", "Cyrillic, but not in the character set that counts")


def _first(item: pydicom.Dataset, keyword: str) -> pydicom.Dataset | None:
    sequence = item.get(keyword)
    return sequence[0] if sequence else None


def _same(name: str, other: str) -> bool:
    """Whether two names are one, but for capitals and the plural."""
    return name.casefold().rstrip("s") == other.casefold().rstrip("s")


def _is_no_unit(word: str) -> bool:
    return word.casefold() in ("no units", "1", "ratio", "unity")
