"""Labels from the cells of a person's table: words of one column, or a column for each finding."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
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
from pgdose.user_tables.identifiers import DASHES
from pgdose.user_tables.odd_marks import MISSING

PRESENT, ABSENT, UNCERTAIN = 1, 0, -1
STATES = {
    PRESENT: ("1", "1.0", "+", "yes", "y", "true", "t", "positive", "pos", "present"),
    ABSENT: ("0", "0.0", "-0.0", "-", "no", "n", "false", "f", "negative", "neg", "absent"),
    UNCERTAIN: ("-1", "-1.0", "?", "uncertain", "u", "equivocal", "possible", "maybe"),
}
STATE_NAMES = {PRESENT: "present", ABSENT: "absent", UNCERTAIN: "uncertain"}
STATE_OF = {word: state for state, words in STATES.items() for word in words}
WORD_STATES = {  # of other languages, and of their spreadsheets
    PRESENT: ("ja", "j", "oui", "да", "wahr", "vrai", "verdadero", "vero", "истина", "是"),
    ABSENT: ("nein", "non", "нет", "falsch", "faux", "falso", "ложь", "否"),
}
STATE_OF |= {word: state for state, words in WORD_STATES.items() for word in words}
NOT_EMPTY = frozenset({"-", "?"})  # which say absent and uncertain in a finding's column


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
    for name, word in names.items():
        if separator and len(split_words(word, separator)) > 1:
            raise UserError(
                f"{field}.names.{name}: {word!r} holds the separator {shown(separator)}, which "
                "cuts it into several words; separate the words in the table by another mark"
            )
    check_words(names, present, table, {name: f"{field}.names.{name}" for name in names})
    word_of = {name: fold_word(word) for name, word in names.items()}
    _check_capitals(names, word_of, field)

    def has_word(cell: str) -> bool | None:
        return True if set(words_of[cell]) & set(word_of.values()) else None

    parse_cells(cells, has_word, "label", notes)
    states = {}
    for name, word in word_of.items():
        of_cell = {c: _word_state(word, words, word_of.values()) for c, words in words_of.items()}
        states[f"label_{name}"] = cells.map(of_cell).astype("Int8")
        beside = cells[cells.isin([c for c, state in of_cell.items() if state is UNCERTAIN])]
        if len(beside):
            notes.append(
                f"label {name}: {len(beside)} cells hold {names[name]!r} beside other words, and "
                "count neither as present nor as absent: "
                + show_cells(beside.value_counts().to_dict())
            )
    return pd.DataFrame(states, index=cells.index)


def _word_state(word: str, words: Collection[str], known: Collection[str]) -> Any:
    """Of a label whose word in the study is `word`: its state by the words of a cell.

    What stands beside the word in one phrase ("pneumonia (?)", "no pneumonia") may deny or doubt
    it. A cell that says nothing ("nan", "unknown") leaves the label unknown.
    """
    if word in words:
        return PRESENT
    others = [w for w in words if w not in known]
    if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", w) for w in others if word):
        return UNCERTAIN
    said = [w for w in words if w in known or w not in MISSING | {"unknown"}]
    return ABSENT if said else pd.NA


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
    blank = cells.str.casefold().isin(MISSING - NOT_EMPTY)
    states = parse_cells(cells.where(~blank, ""), _state, f"label {name}", notes)
    present = cells[~blank].value_counts().to_dict()
    at = f"{table.key_of(f'label_{name}')}: "
    if not blank.all() and states.isna().all():
        raise UserError(
            f"{at}no cell of {table.path.name} is 1, 0, -1 or empty; there are "
            f"{show_cells(present)}. Write 1 for present, 0 for absent, -1 for uncertain"
        )
    _check_codes(cells[~blank & states.isna()], states, at, table)
    counts = [f"{int(states.eq(s).sum())} {word}" for s, word in STATE_NAMES.items()]
    notes[-1] = notes[-1].replace("understood", f"understood ({', '.join(counts)})", 1)
    states = states.astype("Int8")
    return states.mask(blank, ABSENT) if empty == "absent" else states


def _state(cell: str) -> int | None:
    """The state that a cell says, if any: by its word, or by its number (1.00, 1,0, full width)."""
    text = DASHES.sub("-", unicodedata.normalize("NFKC", cell))
    number = _number(text)
    return int(number) if number in STATES else STATE_OF.get(fold_word(text))


def _number(cell: str) -> float | None:
    text = cell.strip().replace(",", ".")
    return float(text) if re.fullmatch(r"[+-]?\d{1,9}(\.\d*)?", text) else None


def _check_codes(strange: pd.Series, states: pd.Series, at: str, table: UserTable) -> None:
    """Raise UserError if the cells that are no state tell that the others mean something else.

    Parts of 1 are probabilities. Where 2 stands beside 1, and 0 nowhere, 1 may be a no.
    """
    shares = [c for c in strange.unique() if 0 < (_number(c) or 0) < 1 or c.endswith("%")]
    if shares:
        raise UserError(
            f"{at}cells of {table.path.name} such as {shares[0]!r} are shares or probabilities; "
            "make 1 (present), 0 (absent) or -1 (uncertain) of them by a limit of yours"
        )
    if any(_number(cell) == 2 for cell in strange.unique()) and not states.eq(ABSENT).any():
        raise UserError(
            f"{at}cells of {table.path.name} are 1 and 2, and none is 0, so that 1 may mean yes or "
            "no; write 1 for present, 0 for absent, -1 for uncertain"
        )


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
