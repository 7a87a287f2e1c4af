"""Sex and age of the patients of each part of a group, without numbers that point at one person."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pgdose.analysis.subgroups import AGES, SEXES

LEAST = 5  # a smaller count is left out, as in official statistics
UNKNOWN = "not known"
COLUMNS = ["group", "part", "by", "value", "n_patients"]


def demographics(members: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The table demographics, from each group's members: `patient part sex age`.

    A patient counts once in a part, by the first of the images. A group whose source tells neither
    sex nor age of anybody has no rows. Counts from 1 to LEAST - 1 are NA, and so are as many others
    as it takes that no difference from the part's total gives them away.
    """
    rows = []
    for group, table in members.items():
        for part, of_part in table.groupby("part", sort=False):
            people = of_part.drop_duplicates("patient")
            for by, values in (("sex", _sexes(people)), ("age", _ages(people))):
                if table[by].notna().any():
                    counts = values.value_counts(sort=False)
                    rows += [(group, part, by, *row) for row in _without_small(counts).items()]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.astype({"n_patients": "Int64"})


def _sexes(people: pd.DataFrame) -> pd.Series:
    return _categories(people["sex"].where(people["sex"].isin(SEXES), UNKNOWN), SEXES)


def _ages(people: pd.DataFrame) -> pd.Series:
    years = people["age"].astype(float)
    bands = np.select(
        [(years >= low) & (years < high) for low, high in AGES.values()], list(AGES), UNKNOWN
    )
    return _categories(pd.Series(bands, index=people.index, dtype=object), AGES)


def _categories(values: pd.Series, known: Mapping[str, object] | tuple[str, ...]) -> pd.Series:
    return pd.Series(pd.Categorical(values, categories=[*known, UNKNOWN]))


def _without_small(counts: pd.Series) -> dict[str, int | None]:
    """The counts of one part; hidden ones are None, and never add up to less than LEAST."""
    numbers = {str(value): int(n) for value, n in counts.items()}
    hidden = [value for value, n in numbers.items() if 0 < n < LEAST]
    others = sorted((n, value) for value, n in numbers.items() if n >= LEAST)
    while hidden and sum(numbers[value] for value in hidden) < LEAST and others:
        hidden.append(others.pop(0)[1])
    return {value: None if value in hidden else n for value, n in numbers.items()}
