"""Texts of a DICOM header, and how to notice that a file declares a wrong character set.

Many stations write Cyrillic or UTF-8 bytes and declare Latin-1, or nothing. pydicom goes by the
declared set alone, so texts are decoded here from the bytes of their element.
"""

import re

import pydicom
from pydicom.datadict import dictionary_VR, keyword_dict
from pydicom.dataelem import RawDataElement

TEXT_VRS = {"PN", "LO", "SH", "ST", "LT", "UC", "UT", "CS", "AS", "DA"}
LATIN_1 = {"", "ISO_IR 6", "ISO 2022 IR 6", "ISO_IR 100", "ISO 2022 IR 100"}
ESCAPE = b"\x1b"  # switches from one character set to another within a text

# A word of Cyrillic letters in cp1251 (with the Belarusian and Ukrainian ones beside the block) or
# KOI8-R: high bytes without one Latin letter among them, which words of Latin-1 always have.
HIGH_WORD = re.compile(
    rb"(?<![A-Za-z])[\xa1-\xa3\xa5\xa8\xaa\xaf\xb2-\xb4\xb8\xba\xbf-\xff]{3,}(?![A-Za-z])"
)
CYRILLIC = ("cp1251", "koi8-r")


def decode_text(ds: pydicom.Dataset, keyword: str, encoding: str | None) -> str:
    """An attribute as text without padding; empty if the file lacks it.

    `encoding` is the codec for bytes that are neither ASCII nor UTF-8 and switch sets by no
    escape; None goes by what the file declares.
    """
    tag = keyword_dict[keyword]
    if tag not in ds:
        return ""
    element = ds.get_item(tag)
    raw = element.value
    if isinstance(element, RawDataElement) and isinstance(raw, bytes) and _vr(element) in TEXT_VRS:
        escaped = ESCAPE in raw
        if raw.isascii() and not escaped:
            return raw.decode("ascii").strip(" \0")
        if is_utf8(raw) and not escaped:
            return raw.decode().strip(" \0")
        if encoding is not None and not escaped:
            return raw.decode(encoding, "backslashreplace").strip(" \0")
    value = ds[tag].value
    return "" if value is None else str(value).strip(" \0")


def looks_misdeclared(ds: pydicom.Dataset) -> bool:
    """Whether texts that are declared Latin-1 or ASCII look like Cyrillic or UTF-8."""
    declared = ds.get("SpecificCharacterSet") or ""
    if not LATIN_1.issuperset([declared] if isinstance(declared, str) else declared):
        return False
    texts = [
        element.value
        for element in ds.elements()
        if isinstance(element.value, bytes)
        and not element.value.isascii()
        and _vr(element) in TEXT_VRS  # type: ignore[arg-type]
    ]
    return any(is_utf8(text) or is_cyrillic(text) for text in texts)


def _vr(element: RawDataElement) -> str:
    """The VR of an element; implicit files leave it to the dictionary."""
    if element.VR not in (None, "UN"):
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


def is_utf8(text: bytes) -> bool:
    """Whether bytes are UTF-8; no other text is so by accident."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_cyrillic(text: bytes) -> bool:
    """Whether most high bytes belong to words that are words in a Cyrillic set too."""
    words = [word for word in HIGH_WORD.findall(text) if any(_is_word(word, c) for c in CYRILLIC)]
    return 2 * sum(map(len, words)) > sum(byte >= 0x80 for byte in text)


def _is_word(word: bytes, codec: str) -> bool:
    letters = word.decode(codec, "replace")
    return letters.isalpha() and (letters.isupper() or letters.islower() or letters.istitle())
