"""CSV tables of results."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pgdose.tables.output_files import atomic

# Columns that hold names which a person chose: they stay text, even "NA" or "01".
TEXT_COLUMNS = (
    *("group", "run", "attack", "source", "label", "title", "notes"),
    *("class", "predicted", "flipped_to", "class_before", "class_after"),
    *("judge", "attacks", "base", "norm_classes", "control", "defence"),
    "value",
)


# A spreadsheet takes a cell that begins so for a formula, and runs it. An apostrophe before it says
# that the cell is text. Where apostrophes stand there already, another one joins them, so that
# reading can take it away again.
SIGNS = "=+\\-@＝＋－＠"  # also the wide forms
FORMULA = re.compile(rf"'*[{SIGNS}\t\n]")
# Some split a line at other marks than commas, whose parts are no cells to a writer of CSV.
INNER_FORMULA = re.compile(rf"(?<=[;|\t\n])(?=['\"]*[{SIGNS}])")
INNER_TEXT = re.compile(rf"(?<=[;|\t\n])'(?=['\"]*[{SIGNS}])")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def write_csv(table: pd.DataFrame, path: str | Path, *, for_spreadsheets: bool = True) -> None:
    """Write CSV atomically; floats as the shortest text that reads back equal.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, also behind a
    mark at which one splits lines, unless the table is no result but imitates one of a person
    (`for_spreadsheets=False`).
    """
    if for_spreadsheets:
        table = _mapped_texts(table, _escaped)
    with atomic(path) as unfinished:
        table.to_csv(unfinished, index=False, lineterminator="\n")


def read_csv(path: str | Path, *, all_texts: bool = False) -> pd.DataFrame:
    """Read what `write_csv` wrote: only an empty cell is missing, and names are text.

    So an empty text reads back as missing, and each return (\\r) as a line feed. `all_texts`
    leaves numbers as they stand in the file.
    """
    types = str if all_texts else dict.fromkeys(TEXT_COLUMNS, str)
    table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=types)
    return _mapped_texts(table, _unescaped)


def _mapped_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """The table with its texts changed; a column without a change stays as it is."""
    changed = {}
    for place, name in enumerate(table.columns):
        column = table.iloc[:, place]
        texts = {v for v in column.unique() if isinstance(v, str) and change(v) != v}
        if texts:
            replacing = {text: change(text) for text in texts}
            values = pd.Series([replacing.get(v, v) for v in column], index=column.index)
            changed[name] = values.astype("str" if column.dtype == "str" else "object")
    return table.assign(**changed) if changed else table


def _escaped(text: str) -> str:
    # A return that is not quoted ends a row, and the writer does not quote it.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    is_formula = FORMULA.match(text) and not NUMBER.fullmatch(text)
    text = INNER_FORMULA.sub("'", text)
    return f"'{text}" if is_formula else text


def _unescaped(text: str) -> str:
    text = text.removeprefix("'") if FORMULA.match(text) else text
    return INNER_TEXT.sub("", text)
