"""One spelling for the words of reports and lexicons: tokens, letters, typing errors.

tokenize("Пневмоcклероз: 1,5 см")   # ["Пневмоcклероз", ":", "1,5", "см"]
spell("Пневмоcклероз")              # "пневмосклероз", whose Latin c became Cyrillic
fix_typo("певмония", "пневмони")    # "пневмония"
"""

import re
import unicodedata

_LATIN_LOOKALIKES = str.maketrans("aeopcyxkmthbi", "аеорсухкмтнві")
_LIGATURES = {0xFB00 + n: one for n, one in enumerate(("ff", "fi", "fl", "ffi", "ffl", "st", "st"))}
_CYRILLIC = re.compile(r"[а-яўі]")
_COMBINING = "\u00ad\u200b\ufeff\u0300-\u036f"  # soft hyphens, spaces of no width, accents
_DROPPED = re.compile(f"['’ʼ`{_COMBINING}]")
# A number is one token; so is a punctuation mark, and a line break with the bullet after it. Words
# stand first, and give nothing back (`*+`), because a report is mostly words.
_REST_OF_WORD = rf"(?:['’ʼ`{_COMBINING}]+\w+)*+[{_COMBINING}]*+"
_TOKEN = re.compile(
    rf"([^\W\d]\w*+{_REST_OF_WORD}|[.,;:?!]|\d+(?:[.,]\d+)+|\w++{_REST_OF_WORD}"
    r"|[\r\n]\s*[-–—•*]?)"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LETTER = re.compile(r"[^\W_]")


def split_around_tokens(text: str) -> list[str]:
    """Cut a text into pieces: tokens at the odd places, what stands between them at the even ones.

    Tokens are words, numbers, the marks `. , ; : ? !`, and line breaks (with the bullet after).
    """
    return _TOKEN.split(text)


def tokenize(text: str) -> list[str]:
    """The tokens of a text, in order."""
    return split_around_tokens(text)[1::2]


def spell(word: str) -> str:
    """Return a word in the spelling in which words are compared.

    NFC, lower case, `ё` as `е`, no accents, soft hyphens, apostrophes and ligatures (ﬁ). In a word
    with Cyrillic letters the Latin letters that look like Cyrillic ones become Cyrillic.
    """
    word = unicodedata.normalize("NFC", word).lower().replace("ё", "е").replace("ë", "е")
    word = _DROPPED.sub("", word).translate(_LIGATURES)
    return word.translate(_LATIN_LOOKALIKES) if _CYRILLIC.search(word) else word


def is_number(token: str) -> bool:
    return _NUMBER.fullmatch(token) is not None


def has_words(text: object) -> bool:
    """Whether this is a text with at least one letter or digit."""
    return isinstance(text, str) and _LETTER.search(text) is not None


def fix_typo(word: str, stem: str) -> str | None:
    """Return `word` with its beginning corrected if that is `stem` with one typing error.

    One letter is wrong, missing, too many, or two neighbours are swapped. The last two letters of
    the stem must be right, because another word may begin there: пневмон|эктомия. None if the
    word's beginning is anything else.
    """
    if word[0] != stem[0] and stem[1:3] not in word[:4]:
        return None  # most words are nothing like the stem: leave early
    i = 0
    while i < len(stem) and i < len(word) and stem[i] == word[i]:
        i += 1
    doubled = 0 < i < len(word) and word[i] == word[i - 1]
    if doubled and word.startswith(stem[i:], i + 1):
        return stem + word[i + 1 + len(stem) - i :]  # фибрроз
    if i > len(stem) - 3:
        return None
    wrong, missing, extra = stem[i + 1 :], stem[i + 1 :], stem[i:]
    for at, rest in ((i + 1, wrong), (i, missing), (i + 1, extra)):
        if word.startswith(rest, at):
            return stem + word[at + len(rest) :]
    if word.startswith(stem[i + 1] + stem[i] + stem[i + 2 :], i):
        return stem + word[len(stem) :]
    return None
