"""The text of a clinical document (HL7 CDA): its sections with their titles, without its header.

The header names the patient, physicians and addresses, and says nothing of the film.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from xml.etree import ElementTree

from pgdose.documents.report import Tally
from pgdose.errors import Rejected
from pgdose.labelling.plain_text import is_base64
from pgdose.labelling.spelling import has_words

_ROOT = re.compile(rb"<(?:\w+:)?ClinicalDocument[\s>]")
_START = 2**16  # bytes; comments and stylesheets stand before the root, licences among them
_MOST_DEPTH = 200
_BLOCKS = {"paragraph", "list", "item", "table", "tr", "caption", "br", "text", "title"}
_BLOCKS |= {"p", "div", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"}  # of XHTML
_LEFT_OUT = {"renderMultiMedia", "footnoteRef"}


class _NoDocumentType(ElementTree.TreeBuilder):
    """A DOCTYPE may define entities that grow without end, or name files."""

    def doctype(self, *_: object) -> None:
        raise Rejected("unreadable_document", "a CDA with a DOCTYPE")


def is_clinical_document(content: bytes) -> bool:
    return bool(_ROOT.search(content[:_START].replace(b"\0", b"")))


def clinical_document(text: str, encoding: str | None, tally: Tally) -> str:
    """The text of the body. text: the whole document, decoded; encoding: of the study, for a body
    that is no XML. Rejected: unreadable_document, no_text, and what such a body raises.
    """
    try:
        root = ElementTree.fromstring(
            text.rstrip("\0"), ElementTree.XMLParser(target=_NoDocumentType())
        )
    except (ElementTree.ParseError, ValueError, LookupError):
        raise Rejected("unreadable_document", "a CDA that is no XML") from None
    for body in root.iter():
        if _name(body) == "nonXMLBody":
            return _other_body(body, encoding, tally)
    lines = [
        (line, is_title)
        for body in root.iter()
        if _name(body) == "structuredBody"
        for line, is_title in _sections(body, 0)
    ]
    if not any(has_words(line) for line, is_title in lines if not is_title):
        raise Rejected("no_text", "a CDA whose sections have no text beside their titles")
    if attachments := sum(map(_is_attachment, root.iter())):
        tally.add("attachments beside text", attachments)
    return "\n".join(line for line, _ in lines)


def _sections(element: ElementTree.Element, depth: int) -> Iterator[tuple[str, bool]]:
    """The titles and texts below an element, in their order, and whether each is a title."""
    if depth > _MOST_DEPTH:
        raise Rejected("unreadable_document", "elements too deep in each other")
    for child in element:
        name = _name(child)
        if name == "title":
            if title := " ".join("".join(child.itertext()).split()):
                yield title if title.endswith((":", ".")) else f"{title}:", True
        elif name == "text":
            yield _narrative(child, depth).strip(), False
        elif name in ("component", "section"):
            yield from _sections(child, depth + 1)


def _narrative(element: ElementTree.Element, depth: int) -> str:
    """The text of a narrative block; paragraphs, items and rows are lines, deleted words gone."""
    if depth > _MOST_DEPTH:
        raise Rejected("unreadable_document", "elements too deep in each other")
    parts = [element.text or ""]
    for child in element:
        name = _name(child)
        if name not in _LEFT_OUT and child.get("revised") != "delete":
            inside = _narrative(child, depth + 1)
            if name in _BLOCKS:
                inside = f"\n{inside.strip()}\n"
            elif name in ("td", "th"):
                inside = f" {inside.strip()} "
            parts.append(inside)
        parts.append(child.tail or "")
    lines = (" ".join(line.split()) for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line) if _name(element) == "text" else "".join(parts)


def _is_attachment(element: ElementTree.Element) -> bool:
    """Whether this is a document beside the sections' texts; pictures have no words to read."""
    if _name(element) != "observationMedia":
        return False
    values = [child for child in element if _name(child) == "value"]
    return any(not value.get("mediaType", "").lower().startswith("image/") for value in values)


def _other_body(body: ElementTree.Element, encoding: str | None, tally: Tally) -> str:
    """The text of a body in another format, mostly a PDF."""
    from pgdose.documents.embedded_documents import embedded_text

    text = next((child for child in body if _name(child) == "text"), None)
    if text is None:
        raise Rejected("no_text", "a CDA without a body")
    inside = "".join(text.itertext())
    if text.get("representation", "").upper() not in ("B64", "BASE64") and not is_base64(inside):
        return inside
    try:
        content = base64.b64decode("".join(inside.split()), validate=True)
    except (ValueError, binascii.Error):
        raise Rejected("unreadable_document", "a body that is no base64") from None
    if is_clinical_document(content):
        raise Rejected("unreadable_document", "a CDA within a CDA")
    return embedded_text(content, encoding, tally)


def _name(element: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
