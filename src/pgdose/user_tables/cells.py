"""Cells of a column that the study reads: how many it understood, and which it did not."""

import ast
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pgdose.errors import UserError
from pgdose.names import is_name
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.odd_marks import INVISIBLE

SHOWN = 3  # cells that were not understood
SHOWN_LETTERS = 40  # of a cell; a longer one is no code, and may be a text about a patient
SHOWN_WORDS = 20
# A note stays in results: a row that slipped by a column puts a name among the codes.
CODE = 3  # letters and digits of a cell that is a code however rare it is
COMMON = 5  # rows of a cell that is a word of the column; a patient has fewer images
NUMBER = re.compile(r"[^\w]*\d{1,3}(?:[^\w]+\d{1,3})?[^\w]*")  # 45-50, >89
MOST_WORDS = 100  # of a column of codes
LONGEST_LIST = 10_000  # characters
JOINTS = ("|", ";", ",", "/", "+", "&")  # between several words of a cell


def parse_cells(
    cells: pd.Series,
    parse: Callable[[str], Any],
    meaning: str,
    notes: list[str],
    table: UserTable | None = None,
) -> pd.Series:
    """The values of a column by `parse`, which gives None for a cell that it does not understand.

    `notes` gets how many cells were understood, were empty, were not understood, and a few of the
    last: for columns that hold no identifiers. UserError where none is understood, if `table` is
    given.
    """
    counts = cells.value_counts(sort=False)
    values: dict[Any, Any] = {}
    unknown = Counter[str]()
    for text, count in counts.items():
        values[text] = parse(str(text)) if text else None
        if text and values[text] is None:
            unknown[str(text)] += int(count)
    empty = int(counts.get("", 0))
    if table and unknown and unknown.total() + empty == len(cells):
        advice = (
            f"Say what they mean with {table.field}.sex_words, such as {{F: [a], M: [b]}}"
            if meaning == "sex"
            else "See docs/reference/study-keys.md for what may stand there"
        )
        raise UserError(
            f"{table.key_of(meaning)}: no cell of {table.path.name} is understood; there are "
            f"{show_words(unknown)}. {advice}"
        )
    notes.append(_summary(meaning, len(cells), empty, unknown))
    return cells.map(values).astype(object)


def _summary(meaning: str, n: int, empty: int, unknown: Counter[str]) -> str:
    lost = unknown.total()
    text = f"{meaning}: {n - empty - lost} cells understood, {empty} empty"
    return f"{text}, {lost} not understood: {show_cells(unknown)}" if lost else text


def show_cells(unknown: Mapping[Any, int], common: int = COMMON) -> str:
    """The commonest cells, for a note: `'x' (3), 'y' (1) and 2 others`.

    Those that could be a person's name are only counted: all but codes, and but words that stand
    in at least `common` rows.
    """
    few = len(unknown) <= MOST_WORDS
    codes = [
        (cell, n)
        for cell, n in Counter(unknown).most_common()
        if len(cell) <= SHOWN_LETTERS and ((few and n >= common) or _is_code(cell))
    ]
    return _listed(codes[:SHOWN], len(unknown)) or "texts that may name persons"


def _is_code(cell: str) -> bool:
    return sum(map(str.isalnum, cell)) <= CODE or bool(NUMBER.fullmatch(cell))


def fold_word(text: str) -> str:
    """A word in one spelling: without capitals, outer and double spaces; accents composed."""
    return " ".join(INVISIBLE.sub("", unicodedata.normalize("NFC", text)).casefold().split())


def split_words(cell: str, separator: str | None) -> list[str]:
    """The words of a cell, folded: one, or several by the separator or in the syntax of a list."""
    text = cell.strip()
    is_list = text[:1] + text[-1:] in ("[]", "()", "{}") and len(text) <= LONGEST_LIST
    if is_list and (items := _list_items(text)) is not None:
        return [fold_word(item) for item in items]
    return [fold_word(word) for word in (text.split(separator) if separator else [text])]


def _list_items(text: str) -> list[str] | None:
    """The items of ['a', 'b'], ["a"], ('a',), {'a'} or numpy's ['a' 'b']; None: it is no list."""
    if re.search(r"""['"]\s+['"]""", text):  # Python would read numpy's as one word
        return ["".join(item) for item in re.findall(r"""'([^']*)'|"([^"]*)\"""", text)]
    for read in (json.loads, ast.literal_eval):
        try:
            items = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(items, list | tuple | set) and all(
            isinstance(item, str | int | float) for item in items
        ):
            return [str(item) for item in items]
    return None


def check_words(
    words: Mapping[str, str],
    present: Mapping[str, int],
    table: UserTable,
    keys: Mapping[str, str],
) -> None:
    """Raise UserError if a word of the study stands in no cell: it says which words are there.

    `words` maps a name of the study to its word, `keys` to the path of the key that says it;
    `present` counts the folded words of the column.
    """
    for name, word in words.items():
        if present and fold_word(word) not in present:
            raise UserError(
                f"{keys[name]}: {word!r} stands in no row of {table.path.name}; "
                f"there are {show_words(present)}"
            )


def class_parser(words: Collection[str]) -> Callable[[str], str | None]:
    """Classes of a table: the study's word that the cell is, capitals overlooked; else a name."""
    word_of = {fold_word(word): word for word in words}

    def parse(cell: str) -> str | None:
        return word_of.get(fold_word(cell)) or (cell if is_name(cell) else None)

    return parse


def check_present(
    words: Collection[str], values: pd.Series, cells: pd.Series, meaning: str, table: UserTable
) -> None:
    """Raise UserError if a word that a class of the study takes is the value of no cell.

    Of views a class takes any of several, so that one of them will do.
    """
    present = set(values[values.notna()])
    lost = [word for word in words if word not in present]
    if meaning == "view" and len(lost) < len(words):
        return
    if lost and present:
        in_layout = not table.columns.get(meaning)
        key = f"{table.field}.layout" if in_layout else table.key_of(meaning)
        where = "file of {} that a pattern matches" if in_layout else "row of {}"
        raise UserError(
            f"{key}: {', '.join(map(repr, lost))}, which a class of the study takes by its "
            f"'where', stands in no {where.format(table.path.name)}; there are "
            f"{show_words(cells[cells.ne('')].value_counts().to_dict())}"
        )


def show_words(present: Mapping[Any, int]) -> str:
    """The commonest words of a column, for a message: `'x' (3), 'y' (1) and 2 others`."""
    words = [(word, n) for word, n in Counter(present).most_common() if len(word) <= SHOWN_LETTERS]
    return _listed(words[:SHOWN_WORDS], len(present)) or "none"


def _listed(words: Sequence[tuple[str, int]], n_words: int) -> str:
    texts = [f"{word!r} ({n})" for word, n in words]
    others = n_words - len(texts)
    return ", ".join(texts) + (f" and {others} others" if others and texts else "")


def joined_words(cells: Iterable[str], words: Collection[str]) -> tuple[str, str] | None:
    """A word of the study that stands in a cell with others, and what joins them; else None.

    The whole cell is no word of the study.
    """
    folded = {fold_word(word) for word in words}
    for cell in cells:
        if fold_word(cell) in folded or len(cell) > LONGEST_LIST:
            continue
        for joint in JOINTS:
            parts = [fold_word(part) for part in cell.split(joint)]
            if len(parts) > 1 and (known := folded.intersection(parts)):
                return min(known), joint
    return None
