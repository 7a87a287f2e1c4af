"""Reading the files that viewers write into a `Drawing`: which format one is, and its text."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pgdose.errors import Rejected
from pgdose.histology.outlines.asap import read_asap
from pgdose.histology.outlines.drawing import Drawing
from pgdose.histology.outlines.geojson import read_geojson
from pgdose.histology.outlines.layers import read_layers
from pgdose.histology.outlines.ndpa import read_ndpa
from pgdose.histology.outlines.rectangles import read_rectangles

FORMATS = (
    "GeoJSON of QuPath (.geojson, .json), XML of ASAP or Aperio ImageScope (.xml), of HALO "
    "(.annotations, .xml) or NDP.view2 (.ndpa), rectangles (.csv) or a mask (.png, .bmp, .tif, "
    ".tiff)"
)
XML_SUFFIXES = (".xml", ".annotations", ".ndpa")
VECTOR_SUFFIXES = (".geojson", ".json", ".csv", *XML_SUFFIXES)
LARGEST_FILE = 2**29  # bytes; a sparse one may be a few kilobytes on disk
DECLARED = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.-]{1,40})")
NOT_OPENED = "the file is missing or cannot be opened; put it there and make it readable"
AGAIN = "correct it, or export the outlines again"


def read_drawing(path: Path) -> Drawing:
    """The shapes of a vector file, in its own coordinates (`Drawing.frame`).

    Rejects unknown_outlines, unreadable_outlines, invalid_outline, not_in_pixels and absurd_size.
    """
    suffix = path.suffix.lower()
    if suffix not in VECTOR_SUFFIXES:
        raise Rejected("unknown_outlines", f"save the outlines as {FORMATS}")
    content = _content(path)
    drawing = Drawing()
    try:
        if suffix in (".geojson", ".json"):
            read_geojson(_json(_text(content)), drawing)
        elif suffix == ".csv":
            read_rectangles(_text(content), drawing)
        else:
            _read_xml(_xml(content), drawing)
    except Rejected as rejected:
        if rejected.reason != "unknown_outlines":
            raise
        raise Rejected(
            rejected.reason, f"{rejected.detail}; save the outlines as {FORMATS}"
        ) from None
    except RecursionError:
        raise Rejected("unreadable_outlines", f"the file is nested too deeply; {AGAIN}") from None
    return drawing


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise Rejected(
                "absurd_size", f"the outlines have over {LARGEST_FILE} bytes; export fewer"
            )
        return path.read_bytes()
    except OSError:
        raise Rejected("unreadable_outlines", NOT_OPENED) from None


def _text(content: bytes) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32, which its first bytes tell."""
    try:
        return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise Rejected(
            "unreadable_outlines", "the file is not text in UTF-8 or UTF-16; save it as UTF-8"
        ) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            raise Rejected(
                "unknown_outlines", "the file holds several JSON documents, one a line perhaps"
            ) from None
        raise Rejected(
            "unreadable_outlines",
            f"the JSON breaks off or has a mistake at line {error.lineno}, column {error.colno}; "
            + AGAIN,
        ) from None
    except ValueError:  # a number of over 4300 digits
        raise Rejected("unreadable_outlines", f"a number is too long; {AGAIN}") from None


class _NoDocumentType(ElementTree.TreeBuilder):
    """XML without a document type, and so without entities that grow or name other files."""

    def doctype(self, *_: object) -> None:
        raise Rejected(
            "unreadable_outlines",
            "the XML has a DOCTYPE, which is refused; export it from the viewer again",
        )


def _xml(content: bytes) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_NoDocumentType())
    try:
        return ElementTree.fromstring(_xml_text(content), parser)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise Rejected(
            "unreadable_outlines",
            f"the XML breaks off or has a mistake at line {line}, column {column + 1}; {AGAIN}",
        ) from None
    except (LookupError, ValueError):
        raise Rejected(
            "unreadable_outlines", "the XML is in an unknown encoding; save it as UTF-8"
        ) from None


def _xml_text(content: bytes) -> str | bytes:
    """The text of an XML file; as bytes where the parser finds the encoding in the declaration.

    Programs write `encoding="utf-16"` into files that they then save as UTF-8.
    """
    encoding = json.detect_encoding(content)
    if not encoding.startswith("utf-8"):
        return _text(content).lstrip()
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    declared = DECLARED.match(content)
    if declared and re.match(rb"utf-?(16|32)|ucs", declared[1].lower()):
        return _text(content)
    return content


def _read_xml(root: ElementTree.Element, drawing: Drawing) -> None:
    children = {child.tag for child in root}
    if root.tag == "ASAP_Annotations":
        read_asap(root, drawing)
    elif root.tag == "Annotations" and (not children or "Annotation" in children):
        read_layers(root, drawing)
    elif root.tag == "annotations" and (not children or "ndpviewstate" in children):
        read_ndpa(root, drawing)
    else:
        raise Rejected(
            "unknown_outlines", "the XML is not that of ASAP, ImageScope, HALO or NDP.view2"
        )
