"""Identifiers in tables that people made: one spelling for one thing, and never one for two.

A spreadsheet shortens long numbers, drops leading zeros and adds `.0`; people vary capitals and
spaces. What is certain is mended and noted, what could make one of two people is refused.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

import pandas as pd

from pgdose.errors import UserError
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.odd_marks import INVISIBLE, MISSING, strip

# An empty cell, and what people write for an unknown person.
NOBODY = MISSING | {"unknown", "anonymous", "anonymised", "anonymized", "неизвестно"}
SHORTENED = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+\d+|#{3,}")  # 1.67683E+15, ########
AS_TEXT = re.compile(r"""='?"?([^"]*)"?|'([^']*)""")  # ="007" and '007: text, to a spreadsheet
THOUSANDS = re.compile(r"\d{1,3}(?:[,']\d{3})+")
DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
REAL = re.compile(r"(\d+)\.0+")  # 123.0
# Cyrillic capitals and small letters that look like Latin ones.
LOOK_ALIKE = str.maketrans("АВЕКМНОРСТУХавекмнорстух", "ABEKMHOPCTYXabekmhopctyx")
Similar = Literal["error", "same", "distinct"]


def clean_identifiers(
    cells: pd.Series, table: UserTable, meaning: str, notes: list[str]
) -> pd.Series:
    """A column of identifiers in one spelling each; "" where there is none.

    `cells` is indexed like the rows of `table`, whose column `meaning` it is. Raises UserError for
    numbers that a spreadsheet has shortened: many different ones have become one.
    """
    unique = pd.Series(cells.unique(), dtype="object")
    cleaned = unique.map(lambda text: unicodedata.normalize("NFC", strip(text)))
    shortened = cleaned.map(lambda text: bool(SHORTENED.fullmatch(text)))
    if shortened.any():
        rows = cells.isin(unique[shortened])
        raise UserError(
            f"{table.key_of(meaning)}: {int(rows.sum())} cells of {table.path.name} are numbers "
            "that a spreadsheet has shortened, such as 1.5E+12 or ####, so that different ones "
            "are equal; export the table again with this column as text"
        )
    whole = cleaned.map(lambda text: match[1] if (match := REAL.fullmatch(text)) else text)
    result = whole.where(~whole.map(str.casefold).isin(NOBODY), "")
    of = dict(zip(unique, result, strict=True))
    filled = cells.map(of).astype("str")
    if n := int(cells.isin(unique[whole != cleaned]).sum()):
        notes.append(f"{meaning}: {n} cells such as 7.0 are read as 7")
    if n := int((cells.ne("") & filled.eq("")).sum()):
        notes.append(f"{meaning}: {n} cells such as 'nan' or '-' are read as empty")
    return filled


def spelling_key(identifier: str) -> str:
    """Equal for identifiers that could be one.

    Overlooked are capitals, spaces, marks of no width, kinds of hyphens, look-alike letters,
    leading zeros, commas between thousands, and how a spreadsheet is told that a number is text.
    """
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", identifier))
    text = "".join(DASHES.sub("-", text).translate(LOOK_ALIKE).casefold().split())
    if match := AS_TEXT.fullmatch(text):
        text = match[1] or match[2] or text
    if THOUSANDS.fullmatch(text):
        text = re.sub(r"\D", "", text)
    return text.lstrip("0") or "0" if text.isdigit() else text


def settle_similar(
    identifiers: pd.Series,
    lines: pd.Series,
    table: UserTable,
    meaning: str,
    similar: Similar,
    notes: list[str],
) -> pd.Series:
    """The identifiers of patients or originals, where some are spelled alike.

    `meaning` is their column's, `similar` says what those are that are alike. error: UserError,
    with the lines of two of them; same: one thing, with the first spelling; distinct: as they
    stand.
    """
    unique = pd.Series(identifiers[identifiers.ne("")].unique(), dtype="object")
    keys = unique.map(spelling_key)
    alike = keys.duplicated(keep=False)
    if not alike.any() or similar == "distinct":
        return identifiers
    first = unique[alike].groupby(keys[alike]).transform("first")
    if similar == "same":
        notes.append(f"{meaning}: {int(alike.sum())} spellings are {first.nunique()} {meaning}s")
        return identifiers.replace(dict(zip(unique[alike], first, strict=True)))
    one, other = unique[keys == keys[alike].iloc[0]].iloc[:2]
    where = [int(lines[identifiers == text].iloc[0]) for text in (one, other)]
    raise UserError(
        f"{table.key_of(meaning)}: {int(alike.sum())} {meaning}s of {table.path.name} differ only "
        "in capitals, spaces, leading zeros, dashes, apostrophes or look-alike letters, such as "
        f"those of lines {where[0]} and {where[1]}; correct them, or set "
        f"{table.field}.similar_patients to 'same' (one {meaning}) or 'distinct'"
    )


def match_identifiers(
    wanted: Iterable[str], offered: Iterable[str]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """For each wanted identifier the offered one that is the same, and those that are unsure.

    An equal one counts first. Of the rest two belong together if no other could: their
    `spelling_key` stands once on either side. Unsure are wanted ones with several.
    """
    offers, wants = set(offered), set(wanted)
    matched = {text: text for text in wants & offers}
    by_key: dict[str, list[str]] = {}
    for text in sorted(offers):
        by_key.setdefault(spelling_key(text), []).append(text)
    wanted_by_key: dict[str, list[str]] = {}
    for text in sorted(wants):
        wanted_by_key.setdefault(spelling_key(text), []).append(text)
    unsure = {}
    for text in sorted(wants - offers):
        key = spelling_key(text)
        choices = by_key.get(key, [])
        if len(choices) == 1 and len(wanted_by_key[key]) == 1:
            matched[text] = choices[0]
        elif choices:
            unsure[text] = choices
    return matched, unsure
