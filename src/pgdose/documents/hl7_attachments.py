"""Documents within the observations of an HL7 v2 message: ED values, and base64 in a text.

A document may be cut into several observations. Those behind one another are one document if they
are of one kind (OBX-3), all but the last are equally long, and no document begins in a later one.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import NamedTuple

import hl7  # type: ignore[import-untyped]

from pgdose.documents.embedded_documents import embedded_text
from pgdose.documents.hl7_messages import Message
from pgdose.documents.report import Tally
from pgdose.errors import Rejected
from pgdose.labelling.plain_text import BASE64, is_base64

# How documents begin in base64: PDF and RTF; XML, CDA, old Word, ZIP and pictures.
_PDF_OR_RTF = ("JVBERi0", "e1xydGY")
_BEGINNINGS = (*_PDF_OR_RTF, "PD94bWw", "PENsaW5", "0M8R4", "UEsDB", "iVBOR", "/9j/", "R0lG")
_TEXT_CODINGS = ("A", "ASCII", "")


class Attachment(NamedTuple):
    """A document, or a part of one. kind: of the observation; coding: Base64, Hex, A or ""."""

    kind: str
    coding: str
    data: str
    of_text: bool = False  # of an observation that should be a text

    @property
    def may_be_base64(self) -> bool:
        """Whether all are letters of base64: where no coding is stated, without any blank."""
        if self.coding.upper() not in ("BASE64", "") or (not self.coding and " " in self.data):
            return False
        return bool(BASE64.fullmatch("".join(self.data.split())))


def attachment_of_text(
    kind: str, text: str, component: str, before: Sequence[Attachment]
) -> Attachment | None:
    """A field of text that holds base64, alone or as the data of an ED value; None for a text.

    component: the delimiter. before: the attachments before it, whose last line this may be.
    """
    data = text.split(component)[-1].strip()
    one = Attachment(kind, "Base64", data, of_text=True)
    is_last_line = bool(before) and before[-1].of_text and _goes_on(before[-1:], one)
    if is_base64(data) or data.startswith(_PDF_OR_RTF) or (is_last_line and " " not in data):
        return one
    return None


def attachments_of(kind: str, message: Message, segment: hl7.Segment) -> list[Attachment]:
    """The ED values of an OBX: source ^ type ^ subtype ^ encoding ^ data.

    A delimiter within plain text, which should have been escaped, belongs to the text.
    """
    component = message.delimiters[1]
    values: list[Attachment] = []
    for repetition in message.repetitions(segment, 5):
        *front, data = repetition.split(component, 4)
        if len(front) < 4 and not data.startswith(_BEGINNINGS):  # no ED value, but a text
            front, data = [], repetition
        text = message.text(data)
        if not front and values and values[-1].coding.upper() in _TEXT_CODINGS:
            values[-1] = values[-1]._replace(data=f"{values[-1].data}\n{text}")
        elif text.strip():
            values.append(Attachment(kind, front[3].strip() if front[3:] else "", text))
    return values


def texts_of(attachments: Sequence[Attachment], encoding: str | None, tally: Tally) -> list[str]:
    """The texts of all documents, each once. Pictures beside a text are counted and passed over.

    Rejected: as the first of the others failed, since what it says would be lost.
    """
    texts: list[str] = []
    pictures: list[Rejected] = []
    for one in _joined(attachments):
        try:
            texts.append(embedded_text(_content(one), encoding, tally))
        except Rejected as rejected:
            if rejected.reason != "other_format":
                raise
            pictures.append(rejected)
    if pictures and not texts:
        raise pictures[0]
    if pictures:
        tally.add("pictures beside text", len(pictures))
    return list(dict.fromkeys(texts))


def _joined(attachments: Sequence[Attachment]) -> list[Attachment]:
    """Documents, of the parts that they were cut into."""
    runs: list[list[Attachment]] = []
    for one in attachments:
        if runs and _goes_on(runs[-1], one):
            runs[-1].append(one)
        else:
            runs.append([one])
    return [run[0]._replace(data="".join(part.data for part in run)) for run in runs]


def _goes_on(run: Sequence[Attachment], one: Attachment) -> bool:
    last = run[-1]
    return (
        one.kind == last.kind
        and one.may_be_base64
        and last.may_be_base64
        and not last.data.rstrip().endswith("=")
        and len(last.data) == len(run[0].data) >= len(one.data)
        and not one.data.startswith(_BEGINNINGS)
    )


def _content(one: Attachment) -> bytes:
    """The bytes of a document."""
    coding = one.coding.upper()
    try:
        if coding == "HEX":
            content = bytes.fromhex(one.data)
        elif coding == "BASE64" or (not coding and one.may_be_base64):
            content = base64.b64decode("".join(one.data.split()), validate=True)
        else:
            content = one.data.encode()
    except (ValueError, binascii.Error):
        raise Rejected("unreadable_document", "an attachment that is no base64") from None
    if content.startswith(b"%PDF") and b"%%EOF" not in content:
        raise Rejected("unreadable_document", "a PDF that breaks off")
    return content
