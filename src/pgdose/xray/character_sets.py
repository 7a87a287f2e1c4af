"""Texts of a DICOM header, and how to notice that a file declares a wrong character set.

Many stations write Cyrillic or UTF-8 bytes and declare Latin-1, or nothing. pydicom goes by the
declared set alone, so texts are decoded here from the bytes of their element.
"""

import re
import unicodedata

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
OTHER_CYRILLIC = ("iso8859-5", "cp866")

# Letters from the most frequent one to the rarest: a text in a wrong set has rare ones everywhere.
# Greek ranks are stretched, since its alphabet is shorter.
_RANKS = {letter: float(n) for n, letter in enumerate("оеаиінтсрвлкмдпуяыьгзбчйхжшюцщэфъ")}
_RANKS |= {letter: 1.3 * n for n, letter in enumerate("αοιετσνηρυκπμλςγδθωχφβξζψ")}
_NO_LETTER = 40.0
_CLEARLY_BETTER = 3.0  # ranks, on the average; of 6,000 wrong choices in Russian words none was so
_ENOUGH_LETTERS = 20
# Greek and Cyrillic, and corners of single with double lines, which no table has: letters of
# another set that are read as cp866.
_JUDGED = re.compile(r"[\u0370-\u04ff╒╓╕╖╘╙╛╜╞╟╡╢╤╥╧╨╫╪]")
_MARKS = " «»–—„“”‘’…№°•\xa0"  # which texts of any set hold

# A word of Latin-1 has more plain letters than accented ones; double bytes and other alphabets not.
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_QUOTES = b"\x82\x84\x85\x91\x92\x93\x94\x96\x97\xa0\xab\xb0\xb7\xbb"
# Symbols of Latin-1 that are letters of Central European sets, within a word: p\xb3uca.
# Not behind an m, of which it is a power: cm\xb3.
_SYMBOL_IN_WORD = re.compile(rb"[A-LN-Za-ln-z][\xa3\xa5\xaf\xb3\xb9\xbc\xbe][A-Za-z]")


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


def decode_latin_1(content: bytes) -> str | None:
    """Bytes that are declared Latin-1, read as browsers do, in its superset cp1252.

    None where they are letters of another set: Cyrillic, Central European, East Asian and others.
    """
    words = [word.strip(_QUOTES) for word in _WORD.findall(content)]
    foreign = sum(_high(word) for word in words if _is_foreign(word))
    if is_cyrillic(content) or 2 * foreign > _high(content) or _SYMBOL_IN_WORD.search(content):
        return None
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return None


def _is_foreign(word: bytes) -> bool:
    several = len({byte for byte in word if byte >= 0x80}) >= 3  # no line of dashes
    return len(word) >= 4 and several and 2 * _high(word) > len(word)


def _high(text: bytes) -> int:
    return sum(byte >= 0x80 for byte in text)


def reads_better_elsewhere(text: str, content: bytes) -> bool:
    """Whether bytes make far better Cyrillic in another set than `text`, which they were read as.

    Only what may be Cyrillic or Greek is judged, and enough of it. In another set, what is no
    letter speaks against that set: the lines of tables are none where they are meant.
    """
    letters = "".join(_JUDGED.findall(text))
    if len(letters) < _ENOUGH_LETTERS:
        return False
    best = min(_rank(content.decode(codec, "replace")) for codec in CYRILLIC + OTHER_CYRILLIC)
    return _rank(letters) > best + _CLEARLY_BETTER


def _rank(text: str) -> float:
    """How rare the letters of a text are on the average, ASCII and marks left aside."""
    high = [letter for letter in text.lower() if not letter.isascii() and letter not in _MARKS]
    ranks = [
        _RANKS.get(letter, _RANKS.get(unicodedata.normalize("NFD", letter)[0], _NO_LETTER))
        for letter in high
    ]
    return sum(ranks) / max(len(ranks), 1)
