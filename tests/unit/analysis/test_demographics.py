"""Sex and age of a group's patients, without numbers that point at one person."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.analysis.demographics import LEAST, UNKNOWN, demographics


def people(sexes: list[str | None], part: str = "training") -> pd.DataFrame:
    """A member for each sex; two images of the first patient."""
    ages = [30.0 if sex == "F" else 70.0 if sex else np.nan for sex in sexes]
    table = pd.DataFrame({"patient": [f"p{i}" for i in range(len(sexes))], "part": part})
    table = table.assign(sex=pd.Series(sexes, dtype=object), age=ages)
    return pd.concat([table, table.iloc[:1]])


def counts(table: pd.DataFrame, by: str = "sex") -> dict[str, int | None]:
    rows = table[table["by"] == by]
    numbers = [None if pd.isna(n) else int(n) for n in rows["n_patients"]]
    return dict(zip(rows["value"], numbers, strict=True))


def test_patients_are_counted_and_not_images() -> None:
    table = demographics({"G": people(["F"] * 6 + ["M"] * 7 + [None] * 5)})
    assert counts(table) == {"F": 6, "M": 7, UNKNOWN: 5}
    assert counts(table, "age") == {"under 40": 6, "40 to 59": 0, "60 and over": 7, UNKNOWN: 5}
    assert set(table["group"]) == {"G"} and set(table["part"]) == {"training"}


def test_a_small_number_is_not_given_away_by_the_others() -> None:
    table = demographics({"G": people(["F"] * 1 + ["M"] * 7 + [None] * 9)})
    # With F alone left out, the part's total would tell it.
    assert counts(table) == {"F": None, "M": None, UNKNOWN: 9}
    assert counts(demographics({"G": people(["F"] * 1 + ["M"] * 7)})) == {
        "F": None,
        "M": None,
        UNKNOWN: 0,
    }


@given(st.lists(st.integers(0, 12), min_size=3, max_size=3))
def test_hidden_numbers_cannot_be_computed(numbers: list[int]) -> None:
    sexes = [s for s, n in zip(("F", "M", None), numbers, strict=True) for _ in range(n)]
    if not any(sexes):
        return
    shown = list(counts(demographics({"G": people(sexes)})).values())
    hidden = [n for n, value in zip(numbers, shown, strict=True) if value is None]
    assert all(value is None or value == 0 or value >= LEAST for value in shown)
    assert all(value in (None, n) for n, value in zip(numbers, shown, strict=True))
    # The part's total tells at most their sum, and the sum is that of several.
    assert not hidden or len(hidden) > 1 or sum(n > 0 for n in numbers) == 1


@pytest.mark.parametrize("sexes", [[], [None, None]])
def test_a_source_that_tells_nothing_has_no_rows(sexes: list[str | None]) -> None:
    table = demographics({"G": people(sexes)})
    assert table.empty and list(table) == ["group", "part", "by", "value", "n_patients"]
