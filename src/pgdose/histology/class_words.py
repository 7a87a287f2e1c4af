"""The words of outline files: which class each stands for, and which a message may show."""

import re
from collections.abc import Mapping, Sequence

from pgdose.errors import Rejected

Classes = Mapping[
    str, Sequence[str]
]  # for each class of the study its words, in order of precedence

UNNAMED = "unnamed"  # the word of an outline without a class
# The usual names of classes. A message shows no other word: it may be a patient's name.
USUAL_WORDS = """
annotation area artefact artifact background benign blood breast cancer carcinoma cell cells class
duct epithelium exclude exclusion fat fibrosis gland glands group ignore immune in inflammation
invasive layer lymph lymphocytes malignant metastases metastasis mucosa muscle necrosis negative
node none norm normal nuclei other outline ovary pen positive region roi situ skin stroma thyroid
tissue tumor tumors tumour tumours vessel vessels воспаление жир железа метастаз мышца некроз норма
область опухоль рак сосуд строма ткань фон
"""


def normalize(word: str) -> str:
    """Words are compared stripped and without case."""
    return word.strip().casefold()


def class_by_word(classes: Classes) -> dict[str, str]:
    """The class of each normalized word; a word of two classes stands for the first."""
    return {
        normalize(word): name for name, words in reversed(list(classes.items())) for word in words
    }


def unmapped(shown: str, classes: Classes) -> Rejected:
    """The rejection of a word that stands for no class; `shown` describes the word."""
    return Rejected(
        "unmapped_class",
        f"{shown} is in none of the study's classes ({', '.join(classes)}); add it to 'classes'",
    )


def describe(word: str) -> str:
    """A word of an outline file for a message: quoted if made of usual words, else withheld."""
    if word == UNNAMED:
        return f"an outline without a class (word: {UNNAMED})"
    parts = re.findall(r"[^\W\d_]+", word.casefold())
    plain = re.fullmatch(r"[\w*#:/() -]{1,40}", word) and not re.search(r"\d\d", word)
    if plain and set(parts) <= set(USUAL_WORDS.split()):
        return f"'{word}'"
    return "a word not shown here"
