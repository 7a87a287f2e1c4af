"""Words of a study's classes that no record has: a slip of the pen, and no empty class."""

from collections.abc import Iterator, Mapping

import pandas as pd

from pgdose.errors import UserError
from pgdose.study.classes import Class
from pgdose.tables.label_columns import label_names
from pgdose.user_tables.cells import show_words


def check_words(records: pd.DataFrame, classes: Mapping[str, Class], group: str) -> None:
    """Raise UserError if a class takes a word that stands in no record of its source.

    Of sexes and views a class takes any of several, so that one of them will do.
    """
    for name, entry in classes.items():
        of_source = records[records["source"] == entry.source]
        field = f"groups.{group}.classes.{name}.where"
        for key, word, present in _lost(of_source, entry):
            raise UserError(
                f"{field}.{key}: no record of {entry.source} has {word!r}; there are "
                f"{show_words(present)}. The log of index_... says how many cells were understood"
            )


def _lost(records: pd.DataFrame, entry: Class) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Key and word of `where` that stand nowhere, and what stands there."""
    where = entry.where
    labels = {
        name: int(records[f"label_{name}"].eq(1).sum()) for name in label_names(map(str, records))
    }
    for word in where.words_of("label"):
        if not labels.get(word):
            yield "label", word, {name: n for name, n in labels.items() if n}
    for key in ("class", "sex", "view"):
        present = {str(word): int(n) for word, n in records[key].value_counts().items()}
        words = where.words_of(key)
        lost = [word for word in words if word not in present]
        if lost and (key == "class" or len(lost) == len(words)):
            yield key, lost[0], present
