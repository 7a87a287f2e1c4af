"""The reports of an ORU message: one for each order (OBR) with a text behind it.

The text is that of the order's OBX segments and their notes (NTE), in their order. Where several
observations (OBX-3) share it, each begins with its name as a heading: "History", "Impression".
"""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import hl7  # type: ignore[import-untyped]

from pgdose.documents.embedded_documents import embedded_text
from pgdose.documents.hl7_messages import Message
from pgdose.documents.report import Report, Status, Tally, check_text
from pgdose.errors import Rejected
from pgdose.labelling.plain_text import is_base64
from pgdose.labelling.spelling import has_words

TEXTS = ("TX", "FT", "ST", "")
FLOWING = ("TX", "FT")  # of these whole reports
CODES = ("CE", "CWE", "CNE", "CF", "IS", "ID")
NUMBERS = ("NM", "SN")
# Fields that hold the accession number somewhere, to say which of them hold a value.
USUAL_FIELDS = ("OBR-18", "OBR-3", "OBR-2", "OBR-19", "ORC-3", "ORC-2", "ZDS-1")
# Standard ends of OBX-3.1, such as 71020&IMP: what part of the report it is.
_PARTS = {"GDT": "Findings", "IMP": "Impression", "REC": "Recommendation", "ADT": "Addendum"}
_MOMENT = re.compile(r"\d{8}(?:\d{2}){0,3}(?:\.\d{1,4})?")
# Statuses of OBR-25 (table 0123) and OBX-11 (table 0085)
_TAKEN_BACK = {"D", "W", "X"}  # of an OBX: deleted, wrong, not obtained
_NOT_YET = {"A", "I", "O", "P", "R", "S", "N"}
_STATUSES = set("ABCDFINOPRSUVWX")  # of an OBX


@dataclass
class Order:
    """An OBR with the ORC before it and the segments behind it."""

    common: hl7.Segment | None  # ORC
    request: hl7.Segment | None  # OBR
    segments: list[tuple[str, hl7.Segment]] = field(default_factory=list)


@dataclass
class Texts:
    """The text of an order, observation by observation."""

    lines: list[tuple[str, str]] = field(default_factory=list)  # heading, text
    attachments: list[list[str]] = field(
        default_factory=list
    )  # components of ED, or base64 in a text
    statuses: set[str] = field(default_factory=set)


def reports_of(message: Message, accession: str, tally: Tally) -> Iterator[Report | Rejected]:
    """The reports of an ORU message, or why an order has none.

    accession: the field with the number of the films, such as OBR-18 or OBR-3.2. Rejected: no_id
    (its detail names the usual fields that do hold a value), no_text, and what attachments raise.
    """
    if message.broken_lines:
        tally.add("broken lines")
    orders = _orders(message)
    if not orders:
        yield Rejected("no_text", "no OBR or OBX segment")
    for order in orders:
        try:
            yield _report(message, order, accession, tally)
        except Rejected as rejected:
            yield rejected


def _orders(message: Message) -> list[Order]:
    orders: list[Order] = []
    common = None
    for name, segment in message:
        if name == "ORC":
            common = segment
        elif name == "OBR":
            orders.append(Order(common, segment))
        elif orders:
            orders[-1].segments.append((name, segment))
    if not orders and "OBX" in message.names:
        orders = [Order(common, None, list(message))]
    return orders


def _report(message: Message, order: Order, accession: str, tally: Tally) -> Report:
    texts = _texts(message, order, tally)
    status = _status(message.value(order.request, 25).upper(), texts.statuses)
    ids = _values(message, order, accession)
    if not ids:
        filled = [name for name in USUAL_FIELDS if _values(message, order, name)]
        raise Rejected("no_id", " ".join(filled))
    header = message.segments[0]
    moments = (message.value(header, 7), message.value(order.request, 22))
    time = " ".join(match[0] for text in moments if (match := _MOMENT.match(text)))
    if status == "withdrawn":
        return Report(ids, "", time, status)
    return Report(ids, check_text(_joined(texts, message.encoding, tally)), time, status)


def _values(message: Message, order: Order, name: str) -> tuple[str, ...]:
    """The values of a field, one a repetition: of the order's segments, else of the message's.

    ORC and OBR of another order name other films: an order without them has no value there.
    """
    segment_name, _, place = name.partition("-")
    number, _, component = place.partition(".")
    own = {"ORC": order.common, "OBR": order.request}
    segment = own.get(segment_name)
    if segment_name not in own:
        segments = [*order.segments, *message]
        segment = next((s for n, s in segments if n == segment_name), None)
    values = []
    for repetition in message.repetitions(segment, int(number)):
        parts = message.components(repetition)
        place_of_part = int(component or 1)
        if place_of_part <= len(parts) and parts[place_of_part - 1]:
            values.append(parts[place_of_part - 1])
    return tuple(dict.fromkeys(values))


def _status(of_request: str, of_lines: set[str]) -> Status:
    stated = of_lines - {""}
    if of_request == "X" or (stated and stated <= _TAKEN_BACK and "" not in of_lines):
        return "withdrawn"
    if of_request == "C" or "C" in stated:
        return "corrected"
    if of_request in _NOT_YET or (not of_request and stated & _NOT_YET):
        return "preliminary"
    return "final"


def _texts(message: Message, order: Order, tally: Tally) -> Texts:
    texts = Texts()
    heading = ""
    for name, segment in order.segments:
        if name == "NTE":
            texts.lines.append((heading, _lines(message, segment, 3)))
        elif name == "OBX":
            status = message.value(segment, 11).upper()
            texts.statuses.add(status)
            heading = _heading(message, segment)
            if status not in _TAKEN_BACK | {"N"}:
                _add_observation(texts, message, segment, heading, tally)
    return texts


def _add_observation(
    texts: Texts, message: Message, segment: hl7.Segment, heading: str, tally: Tally
) -> None:
    kind = message.value(segment, 2).upper()
    is_shifted = message.value(segment, 11).upper() not in _STATUSES
    if kind in FLOWING and is_shifted and has_words(message.raw(segment, 6)):
        # A text has no unit (OBX-6): it is cut in two, and the status stands behind its place.
        raise Rejected("bad_delimiters", "a separator of fields within a text")
    if kind in TEXTS:
        text = _lines(message, segment, 5)
        if data := _encoded(message, text):
            texts.attachments.append(["", "", "", "Base64", data])
        else:
            texts.lines.append((heading, text))
    elif kind in CODES:
        meanings = [_meaning(message.components(r)) for r in message.repetitions(segment, 5)]
        texts.lines += [(heading, f"{meaning}.") for meaning in meanings if meaning]
    elif kind in NUMBERS:
        number = "".join(message.components(message.raw(segment, 5)))
        unit = message.value(segment, 6)
        if number:
            texts.lines.append(("", f"{heading or 'Value'}: {number} {unit}".strip() + "."))
    elif kind == "ED":
        raw = message.repetitions(segment, 5)
        texts.attachments += [message.components(one) for one in raw if one]
    elif message.raw(segment, 5):
        tally.add("other types")


def _lines(message: Message, segment: hl7.Segment, place: int) -> str:
    """The text of a field; its repetitions are lines."""
    raw = message.raw(segment, place)
    if message.text(raw) is raw:  # rich text, or nothing to unescape
        return raw.replace(message.delimiters[2], "\n") if "{\\rtf" not in raw else raw
    return "\n".join(message.text(part) for part in raw.split(message.delimiters[2]))


def _encoded(message: Message, text: str) -> str:
    """The base64 that a field of text is, alone or as the data of an ED value; "" for a text.

    Some senders put the PDF of a report there.
    """
    data = text.split(message.delimiters[1])[-1]
    return data if is_base64(data) else ""


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
    """All lines as one text. Attachments are read only where there are none: they repeat them."""
    lines = [(heading, text) for heading, text in texts.lines if text.strip()]
    if not any(text.strip() for _, text in lines):
        return _attached(texts.attachments, encoding, tally)
    if texts.attachments:
        tally.add("attachments beside text", len(texts.attachments))
    several = len({heading for heading, _ in lines if heading}) > 1
    parts: list[str] = []
    current = ""
    for heading, text in texts.lines:
        if several and heading and heading != current and text.strip():
            parts.append(f"\n{heading}:" if parts else f"{heading}:")
            current = heading
        parts.append(text)
    return "\n".join(parts)


def _attached(attachments: list[list[str]], encoding: str | None, tally: Tally) -> str:
    """The text of the first attachment that has one. Rejected: as the first of them failed."""
    first: Rejected | None = None
    for parts in attachments:
        try:
            return embedded_text(_content(parts), encoding, tally)
        except Rejected as rejected:
            first = first or rejected
    raise first or Rejected("no_text", "")


def _content(parts: list[str]) -> bytes:
    """The bytes of an attachment: source ^ type ^ subtype ^ encoding ^ data."""
    coding, data = (parts + [""] * 5)[3:5]
    try:
        if coding.upper() == "HEX":
            return bytes.fromhex(data)
        if coding.upper() == "BASE64" or (not coding and data):
            return base64.b64decode("".join(data.split()), validate=True)
    except (ValueError, binascii.Error):
        raise Rejected("unreadable_document", "an attachment that is no base64") from None
    return data.encode()
