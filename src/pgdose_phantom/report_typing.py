"""Reports as they come from many keyboards: slips, capitals, spaces, letters of another layout."""

import re

import numpy as np

LONG_WORD = 8  # letters; shorter words are typed right
LATIN_LOOKALIKES = str.maketrans("аеорсухАВЕКМНОРСТХ", "aeopcyxABEKMHOPCTX")


def mistype(rng: np.random.Generator, text: str) -> str:
    """Drop, double or swap one letter within a long word, if there is one."""
    words = [word for word in re.finditer(r"[^\W\d_]+", text) if len(word[0]) >= LONG_WORD]
    if not words:
        return text
    word = words[rng.integers(len(words))]
    place = int(rng.integers(word.start() + 1, word.end() - 1))
    letters = text[place : place + 2]
    slip = (letters[1], letters[0] + letters, letters[::-1])[rng.integers(3)]
    return text[:place] + slip + text[place + 2 :]


def type_by_hand(rng: np.random.Generator, text: str) -> str:
    """Vary case, spaces and `ё`, and put Latin letters for Cyrillic ones that look like them."""
    if rng.random() < 0.8:
        text = text.replace("ё", "е").replace("Ё", "Е")
    case = rng.random()
    text = text.upper() if case < 0.08 else text.lower() if case < 0.16 else text
    if rng.random() < 0.15:
        text = text.replace(" ", "  ", int(rng.integers(1, 4)))
    if rng.random() < 0.05:
        text = "\t" + text
    if rng.random() < 0.1:  # a few letters typed in the Latin keyboard layout
        letters = list(text)
        # Only letters within words: a single "c" or "o" would be another word, not a slip.
        for i in rng.choice(len(letters), size=min(4, len(letters)), replace=False):
            if letters[max(i - 1, 0)].isalpha() and letters[min(i + 1, len(letters) - 1)].isalpha():
                letters[i] = letters[i].translate(LATIN_LOOKALIKES)
        text = "".join(letters)
    return text
