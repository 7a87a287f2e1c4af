"""The words of outline files: which class each stands for, and which a message may show."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pgdose.errors import Rejected
from pgdose.study.class_patterns import ClassWords

# For each class of the study its words, in order of precedence.
Classes = Mapping[str, Sequence[str]]

UNNAMED = "unnamed"  # the word of an outline without a class
ADVICE = "add it to 'classes' (`pgdose words` lists all words of the files)"
# The usual names of classes. A message shows no other word: it may be a patient's name.
USUAL_WORDS = """
annotation area artefact artifact background benign blood breast cancer carcinoma cell cells class
duct epithelium exclude exclusion fat fibrosis gland glands group ignore immune in inflammation
invasive layer lymph lymphocytes malignant metastases metastasis mucosa muscle necrosis negative
node none norm normal nuclei other outline ovary pen positive region roi situ skin stroma thyroid
tissue tumor tumors tumour tumours vessel vessels воспаление жир железа метастаз мышца некроз норма
область опухоль рак сосуд строма ткань фон
"""


class Label(NamedTuple):
    """What a file says of the class of an outline.

    word:       the name of its class, group or layer; empty if it has none
    text:       what somebody wrote at the outline itself; it counts if it is a word of the study
    colour:     of the outline or its layer, as #rrggbb
    is_private: the word is free text too, which no message may show
    """

    word: str = ""
    text: str = ""
    colour: str = ""
    is_private: bool = False

    def class_of(self, words: ClassWords) -> str | None:
        """The class that it stands for: by its text, its word, its text by a pattern, its colour.

        A text that stands in the study as it is goes first, because it is about this outline, but
        one that only matches a pattern goes behind the word: `tumor*` matches `tumor-free`.
        """
        name = words.whole(self.text) or words.find(self.word) or words.find(self.text)
        if name is None and self.colour:
            name = words.whole(self.colour)
        return name if name or self.word else words.whole(UNNAMED)

    def shown(self) -> str:
        """For a message: the word if it is made of usual words, else that it is withheld."""
        if self.word:
            shown = "a word not shown here" if self.is_private else quoted(self.word)
        else:
            shown = f"an outline without a class (word: {UNNAMED})"
        return f"{shown} with the colour {self.colour}" if self.colour else shown


def unmapped(shown: str, classes: Classes) -> Rejected:
    """The rejection of a word that stands for no class; `shown` describes the word."""
    return Rejected(
        "unmapped_class",
        f"{shown} is in none of the study's classes ({', '.join(classes)}); {ADVICE}",
    )


def quoted(word: str) -> str:
    """A word of an outline file for a message: quoted if made of usual words, else withheld."""
    word = word.strip()
    parts = re.findall(r"[^\W\d_]+", word.casefold())
    plain = re.fullmatch(r"[\w*#:/() -]{1,40}", word) and not re.search(r"\d\d", word)
    if plain and set(parts) <= set(USUAL_WORDS.split()):
        return f"'{word}'"
    return "a word not shown here"


def bgr_colour(value: str | None) -> str:
    """The decimal BGR integer of ImageScope and HALO as #rrggbb; empty if it is none."""
    if value is None or not re.fullmatch(r"[0-9]{1,10}", value.strip()):
        return ""
    number = int(value) & 0xFFFFFF
    return f"#{number & 0xFF:02x}{number >> 8 & 0xFF:02x}{number >> 16:02x}"


def hex_colour(value: str | None) -> str:
    """A colour as #rrggbb; empty if it is none."""
    match = re.fullmatch(r"#(?:[0-9a-f]{2})?([0-9a-f]{6})", (value or "").strip().casefold())
    return f"#{match[1]}" if match else ""
