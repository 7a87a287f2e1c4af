"""Texts under a wrong character set: Cyrillic or UTF-8 bytes that are taken for Latin-1."""

import re

# A word of Cyrillic letters in cp1251 (with the Belarusian and Ukrainian ones beside the block) or
# KOI8-R: high bytes without one Latin letter among them, which words of Latin-1 always have.
HIGH_WORD = re.compile(
    rb"(?<![A-Za-z])[\xa1-\xa3\xa5\xa8\xaa\xaf\xb2-\xb4\xb8\xba\xbf-\xff]{3,}(?![A-Za-z])"
)
CYRILLIC = ("cp1251", "koi8-r")


def is_utf8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_no_latin(text: bytes) -> bool:
    """Whether bytes over ASCII are hardly Latin-1: they are UTF-8, or words in a Cyrillic set."""
    return is_utf8(text) or _is_cyrillic(text)


def _is_cyrillic(text: bytes) -> bool:
    """Whether most of the high bytes stand in words that a Cyrillic set makes words too."""
    words = [word for word in HIGH_WORD.findall(text) if any(_is_word(word, c) for c in CYRILLIC)]
    return 2 * sum(map(len, words)) > sum(byte >= 0x80 for byte in text)


def _is_word(word: bytes, codec: str) -> bool:
    letters = word.decode(codec, "replace")
    return letters.isalpha() and (letters.isupper() or letters.islower() or letters.istitle())
