"""The character set of an HL7 message: what it declares in MSH-18, and what its bytes show."""

import codecs
import re

from pgdose.errors import Rejected
from pgdose.xray.character_sets import decode_latin_1, is_utf8, reads_better_elsewhere

# Table 0211 of the standard, by its names without spaces and marks.
_DECLARED = {
    "ASCII": "ascii",
    "ISOIR6": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "ISOIR14": "iso2022_jp_2",
    "ISOIR87": "iso2022_jp_2",
    "ISOIR159": "iso2022_jp_2",
    "GB180302000": "gb18030",
    "KSX1001": "euc_kr",
    "BIG5": "big5",
}
_ISO = re.compile(r"(?:ISO)?8859(\d{1,2})")
_ESCAPE = b"\x1b"
_CONTROLS = re.compile(rb"[\x80-\x9f]")  # no letters in ISO 8859; letters and quotes in cp125x
_BOTH_ENDS = re.compile(r"[^A-Z0-9]")


def decode_message(content: bytes, declared: str, encoding: str | None) -> str:
    """A message as text. declared: MSH-18; encoding: of the study, where messages declare none.

    ASCII and UTF-8 are certain, whatever is declared. Raises Rejected (encoding) where the bytes
    are no text in the character set that counts, or look like another one.
    """
    if content.isascii() and _ESCAPE not in content:
        return content.decode("ascii")
    if is_utf8(content) and _ESCAPE not in content:
        return content.decode("utf-8")
    codec = encoding or _codec(declared)
    if codec is None:
        raise Rejected("encoding", "neither ASCII nor UTF-8, and it declares no other set")
    if encoding is None and codec in ("iso8859-1", "cp1252"):
        text = decode_latin_1(content)
        if text is None:
            raise Rejected("encoding", "declared 8859/1, and looks like another set")
        return text
    if encoding is None and codec.startswith("iso8859") and _CONTROLS.search(content):
        raise Rejected("encoding", "bytes that are no letters in the declared set")
    where = "the study's" if encoding else "the declared"
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        raise Rejected("encoding", f"bytes that are no text in {where} encoding") from None
    if reads_better_elsewhere(text, content):
        raise Rejected("encoding", f"Cyrillic, but not in {where} encoding")
    return text


def _codec(declared: str) -> str | None:
    """The codec of the first character set of MSH-18 that is more than ASCII; None: none is."""
    for name in declared.split("~"):
        word = _BOTH_ENDS.sub("", name.upper())
        if match := _ISO.fullmatch(word):
            codec = f"iso8859-{int(match[1])}"
        else:
            codec = _DECLARED.get(word) or name.strip()
        try:
            name_of_codec = codecs.lookup(codec).name
            "".encode(name_of_codec)
        except (LookupError, UnicodeError, ValueError):
            continue
        if name_of_codec not in ("ascii", "utf-8", "idna", "punycode", "undefined"):
            return name_of_codec
    return None
