"""The reports of an ORU message: one for each order with a text behind it.

The text is that of the order's OBX segments and their notes (NTE), in their order. Where several
observations (OBX-3) share it, each begins with its name as a heading: "History", "Impression".
Attachments are read where there is no text but numbers, codes and a few words ("see report").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import hl7  # type: ignore[import-untyped]

from pgdose.documents.hl7_attachments import (
    Attachment,
    attachment_of_text,
    attachments_of,
    texts_of,
)
from pgdose.documents.hl7_messages import Message
from pgdose.documents.hl7_orders import Order, orders_of
from pgdose.documents.moments import moment
from pgdose.documents.report import Report, Status, Tally, UnreadReport, check_text
from pgdose.errors import Rejected
from pgdose.labelling.spelling import has_words

TEXTS = ("TX", "FT", "ST", "")
FLOWING = ("TX", "FT")  # of these whole reports
CODES = ("CE", "CWE", "CNE", "CF", "IS", "ID")
NUMBERS = ("NM", "SN")
# Fields that hold the accession number somewhere, to say which of them hold a value.
USUAL_FIELDS = ("OBR-18", "OBR-3", "OBR-2", "OBR-19", "ORC-3", "ORC-2", "ZDS-1")
# Standard ends of OBX-3.1, such as 71020&IMP: what part of the report it is.
_PARTS = {"GDT": "Findings", "IMP": "Impression", "REC": "Recommendation", "ADT": "Addendum"}
FEW_WORDS = 5  # a text of fewer beside an attachment may only point to it
LONGEST_OF_UNIT = 3  # letters, where it has two words: mm Hg
_WORD = re.compile(r"[^\W\d_]{2,}")
# Statuses of OBR-25 (table 0123) and OBX-11 (table 0085), and words that some senders write
_TAKEN_BACK = {"D", "W", "X"}  # of an OBX: deleted, wrong, not obtained
_NOT_YET = {"A", "I", "O", "P", "R", "S", "N"}
_STATUSES = set("ABCDFINOPRSUVWX")  # of an OBX
_STATUS_WORDS = {
    **dict.fromkeys(("PRELIMINARY", "PRELIM", "DRAFT", "INTERIM", "UNVERIFIED"), "P"),
    **dict.fromkeys(("CORRECTED", "CORRECTION", "AMENDED", "REVISED"), "C"),
    **dict.fromkeys(("CANCELLED", "CANCELED", "WITHDRAWN", "DELETED"), "X"),
    "M": "C",  # corrected, not final
}


@dataclass
class Texts:
    """The text of an order, observation by observation."""

    lines: list[tuple[str, str]] = field(default_factory=list)  # heading, text
    words: int = 0  # of free text among them
    attachments: list[Attachment] = field(default_factory=list)


def reports_of(message: Message, accession: str, tally: Tally) -> Iterator[Report | Rejected]:
    """The reports of an ORU message, or why an order has none.

    accession: the field with the number of the films, such as OBR-18 or OBR-3.2. Rejected: no_id
    (its detail names the usual fields that do hold a value), no_text, bad_delimiters,
    stray_line, and what attachments raise.
    """
    if message.broken_lines:
        tally.add("broken lines")
    orders = list(orders_of(message))
    if not orders:
        yield Rejected("no_text", "no OBR or OBX segment")
    for order in orders:
        try:
            yield _report(message, order, accession, tally)
        except Rejected as rejected:
            yield rejected


def _report(message: Message, order: Order, accession: str, tally: Tally) -> Report:
    ids = order.values(message, accession)
    if not ids:
        filled = [name for name in USUAL_FIELDS if order.values(message, name)]
        raise Rejected("no_id", " ".join(filled))
    header = message.segments[0]
    moments = map(moment, (message.value(header, 7), message.value(order.request, 22)))
    patient = order.values(message, "PID-3")
    status = _status(message, order)
    report = Report(ids, "", " ".join(filter(None, moments)), status, patient=patient)
    if status == "withdrawn":
        return report
    if message.stray_lines:
        raise UnreadReport(Rejected("stray_line", ""), report)
    try:
        texts = _texts(message, order, tally)
        return report._replace(text=check_text(_joined(texts, message.encoding, tally)))
    except Rejected as rejected:
        raise UnreadReport(rejected, report) from None


def _status(message: Message, order: Order) -> Status:
    observations = [segment for name, segment in order.segments if name == "OBX"]
    of_lines = {_status_code(message, segment, 11) for segment in observations}
    of_request = _status_code(message, order.request, 25)
    stated = of_lines - {""}
    if of_request in _TAKEN_BACK or (stated and stated <= _TAKEN_BACK and "" not in of_lines):
        return "withdrawn"
    if of_request == "C" or stated & {"C", "D", "W"}:
        # An addendum alone corrects nothing: the report stands beside it.
        headings = {_heading(message, segment) for segment in observations}
        return "final" if headings == {_PARTS["ADT"]} else "corrected"
    if of_request in _NOT_YET or (not of_request and stated & _NOT_YET):
        return "preliminary"
    return "final"


def _status_code(message: Message, segment: hl7.Segment | None, place: int) -> str:
    """A status, as the standard has it."""
    status = message.value(segment, place).upper()
    return _STATUS_WORDS.get(status, status)


def _texts(message: Message, order: Order, tally: Tally) -> Texts:
    texts = Texts()
    heading, counts = "", True
    for name, segment in order.segments:
        if name == "NTE" and counts:
            if _is_note_cut(message, segment):
                raise Rejected("bad_delimiters", "a separator of fields within a text")
            _add_text(texts, heading, _lines(message, segment, 3))
        elif name == "OBX":
            heading = _heading(message, segment)
            counts = _status_code(message, segment, 11) not in _TAKEN_BACK | {"N"}
            if counts:
                _add_observation(texts, message, segment, heading, tally)
        elif name.startswith("Z") and len(_WORD.findall(str(segment))) >= FEW_WORDS:
            tally.add("segments of the site")
    return texts


def _add_text(texts: Texts, heading: str, text: str) -> None:
    texts.lines.append((heading, text))
    texts.words += len(_WORD.findall(text))


def _add_observation(
    texts: Texts, message: Message, segment: hl7.Segment, heading: str, tally: Tally
) -> None:
    kind = message.value(segment, 2).upper()
    code = message.raw(segment, 3)
    if kind in TEXTS and _is_cut(message, segment, kind):
        raise Rejected("bad_delimiters", "a separator of fields within a text")
    if kind in TEXTS:
        text = _lines(message, segment, 5)
        attachment = attachment_of_text(code, text, message.delimiters[1], texts.attachments)
        if attachment:
            texts.attachments.append(attachment)
        else:
            _add_text(texts, heading, text)
    elif kind in CODES:
        meanings = [_meaning(message.components(r)) for r in message.repetitions(segment, 5)]
        texts.lines += [(heading, f"{meaning}.") for meaning in meanings if meaning]
    elif kind in NUMBERS:
        number = "".join(message.components(message.raw(segment, 5)))
        unit = message.value(segment, 6)
        if number:
            texts.lines.append(("", f"{heading or 'Value'}: {number} {unit}".strip() + "."))
    elif kind == "ED":
        texts.attachments += attachments_of(code, message, segment)
    elif message.raw(segment, 5):
        tally.add("other types")


def _is_cut(message: Message, segment: hl7.Segment, kind: str) -> bool:
    """Whether a bare separator cuts a text in two: then the status stands behind its place.

    A whole report has no unit (OBX-6); a short text may have one, of a word or two short ones.
    """
    if _status_code(message, segment, 11) in _STATUSES or message.has_parts(segment, 6):
        return False
    behind = message.raw(segment, 6)
    words = _WORD.findall(behind)
    is_long = len(words) > 1 and max(map(len, words)) > LONGEST_OF_UNIT
    is_shifted = bool(behind) and message.value(segment, 12).upper() in _STATUSES
    return is_long or is_shifted or (kind in FLOWING and has_words(behind))


def _is_note_cut(message: Message, segment: hl7.Segment) -> bool:
    """Whether the text of a note goes on behind it, where its type is: a code or a title."""
    behind = message.raw(segment, 4)
    goes_on = behind[:1].isspace() or behind[:1].islower() or message.raw(segment, 3)[-1:].isspace()
    return goes_on and len(_WORD.findall(behind)) > 1 and not message.has_parts(segment, 4)


def _lines(message: Message, segment: hl7.Segment, place: int) -> str:
    """The text of a field; its repetitions are lines."""
    raw = message.raw(segment, place)
    if message.text(raw) is raw:  # rich text, or nothing to unescape
        return raw.replace(message.delimiters[2], "\n") if "{\\rtf" not in raw else raw
    return "\n".join(message.text(part) for part in raw.split(message.delimiters[2]))


def _meaning(parts: list[str]) -> str:
    """What a code stands for: its text, the alternate one, the original one, or the code itself."""
    parts = parts + [""] * 9
    return parts[1] or parts[4] or parts[8] or parts[0]


def _heading(message: Message, segment: hl7.Segment) -> str:
    """The name of an observation; "" if it has only a code."""
    raw = message.repetitions(segment, 3)[0]
    first = raw.split(message.delimiters[1])[0]
    part = first.split(message.delimiters[4])[-1].strip().upper()
    if part in _PARTS:
        return _PARTS[part]
    parts = message.components(raw) + [""] * 5
    return (parts[1] or parts[4]).rstrip(": ")


def _joined(texts: Texts, encoding: str | None, tally: Tally) -> str:
    """All lines as one text, and the attachments behind them where a few words are all of it."""
    lines = [(heading, text) for heading, text in texts.lines if text.strip()]
    several = len({heading for heading, _ in lines if heading}) > 1
    parts: list[str] = []
    current = ""
    for heading, text in texts.lines:
        if several and heading and heading != current and text.strip():
            parts.append(f"\n{heading}:" if parts else f"{heading}:")
            current = heading
        parts.append(text)
    if texts.words >= FEW_WORDS and texts.attachments:
        tally.add("attachments beside text", len(texts.attachments))
    elif texts.attachments:
        parts += texts_of(texts.attachments, encoding, tally)
    return "\n".join(parts)
