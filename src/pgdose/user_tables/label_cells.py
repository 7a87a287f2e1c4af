"""Labels from the cells of a person's table: words of one column, or a column for each finding."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pgdose.errors import UserError
from pgdose.user_tables.cells import (
    check_words,
    fold_word,
    joined_words,
    parse_cells,
    show_cells,
    split_words,
)
from pgdose.user_tables.formats import UserTable, shown

PRESENT, ABSENT, UNCERTAIN = 1, 0, -1
STATES = {
    PRESENT: ("1", "1.0", "+", "yes", "y", "true", "t", "positive", "pos", "present"),
    ABSENT: ("0", "0.0", "-0.0", "-", "no", "n", "false", "f", "negative", "neg", "absent"),
    UNCERTAIN: ("-1", "-1.0", "?", "uncertain", "u", "equivocal", "possible", "maybe"),
}
STATE_OF = {word: state for state, words in STATES.items() for word in words}
EMPTY = ("", "nan", "none", "null", "<na>", "na", "n/a")


def label_states(
    rows: pd.DataFrame, labels: Mapping[str, Any], table: UserTable, notes: list[str]
) -> pd.DataFrame:
    """The state of each label in each row: 1, 0, -1 (uncertain) or NA; Int8, columns label_<name>.

    `labels` are the keys of the study's section `labels`. Raises UserError where a word of the
    study stands nowhere, where cells seem to hold several words, and where no cell of a finding's
    column is a state.
    """
    if labels["column"] is not None:
        return _states_of_words(rows["label"], labels, table, notes)
    states = {}
    for name in labels["columns"]:
        column = f"label_{name}"
        states[column] = _states_of_column(rows[column], name, labels["empty"], table, notes)
    return pd.DataFrame(states, index=rows.index)


def _states_of_words(
    cells: pd.Series, labels: Mapping[str, Any], table: UserTable, notes: list[str]
) -> pd.DataFrame:
    """Of one column with words: a word that stands in the cell is present, all others absent."""
    names: Mapping[str, str] = labels["names"]
    separator, field = labels["separator"], f"{table.field}.labels"
    unique = cells.unique()
    if separator is None and (found := joined_words(unique, names.values())):
        raise UserError(
            f"{field}.separator: cells of {table.path.name} seem to hold several words, such as "
            f"{found[0]!r} and another; set 'separator: {shown(found[1])}'"
        )
    words_of = {cell: split_words(cell, separator) for cell in unique}
    present = Counter[str]()
    for cell, count in cells.value_counts().items():
        present.update(dict.fromkeys(filter(None, words_of[str(cell)]), int(count)))
    check_words(names, present, table, {name: f"{field}.names.{name}" for name in names})
    word_of = {name: fold_word(word) for name, word in names.items()}
    _check_capitals(names, word_of, field)

    def has_word(cell: str) -> bool | None:
        return True if set(words_of[cell]) & set(word_of.values()) else None

    parse_cells(cells, has_word, "label", notes)
    states = {
        f"label_{name}": cells.map(
            {c: int(word in words) if any(words) else pd.NA for c, words in words_of.items()}
        ).astype("Int8")
        for name, word in word_of.items()
    }
    return pd.DataFrame(states, index=cells.index)


def _check_capitals(names: Mapping[str, str], word_of: Mapping[str, str], field: str) -> None:
    """Raise UserError if two words of the study differ in capitals only: they are read alike."""
    for name, word in word_of.items():
        other = next(n for n, w in word_of.items() if w == word)
        if names[other] != names[name]:
            raise UserError(
                f"{field}.names.{name}: {names[name]!r} differs from {names[other]!r} in capitals "
                "or spaces only, and these are overlooked; use one label for both"
            )


def _states_of_column(
    cells: pd.Series, name: str, empty: str, table: UserTable, notes: list[str]
) -> pd.Series:
    """Of a finding's own column: 1, 0, -1, or nothing."""
    blank = cells.str.casefold().isin(EMPTY)
    states = parse_cells(
        cells.where(~blank, ""), lambda cell: STATE_OF.get(fold_word(cell)), f"label {name}", notes
    )
    if not blank.all() and states.isna().all():
        raise UserError(
            f"{table.key_of(f'label_{name}')}: no cell of {table.path.name} is 1, 0, -1 or empty; "
            f"there are {show_cells(cells[~blank].value_counts().to_dict())}"
        )
    states = states.astype("Int8")
    return states.mask(blank, ABSENT) if empty == "absent" else states


def merge_states(states: pd.DataFrame) -> dict[str, int | None]:
    """The state of each label over several rows: present beats uncertain, and that absent."""
    return {
        str(column): next(
            (s for s in (PRESENT, UNCERTAIN, ABSENT) if states[column].eq(s).any()), None
        )
        for column in states
    }


def as_label(state: Any) -> int | None:
    """A state as records hold it: 1, 0, or None where it is uncertain or not said."""
    return None if pd.isna(state) or state == UNCERTAIN else int(state)
