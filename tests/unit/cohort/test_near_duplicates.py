"""Members whose pictures look the same, in two parts or two classes."""

import logging
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.cohort import near_duplicates
from pgdose.cohort.near_duplicates import MOST_BITS


def members(n: int, **columns: Any) -> pd.DataFrame:
    ids = [f"{i:06}" for i in range(n)]
    table = pd.DataFrame({"record_id": ids, "class": "A", "part": "training", "copy": 0})
    return table.assign(**columns)


def hashes(table: pd.DataFrame, seed: int = 0) -> pd.Series:
    rng = np.random.default_rng(seed)
    return pd.Series([rng.bytes(32).hex() for _ in table.index], index=table["record_id"])


def changed(value: str, bits: int, seed: int = 0) -> str:
    """A hash that differs in so many bits."""
    places = np.random.default_rng(seed).choice(256, bits, replace=False)
    return f"{int(value, 16) ^ sum(1 << int(place) for place in places):064x}"


def pairs(table: pd.DataFrame, known: pd.Series) -> list[list[Any]]:
    found = near_duplicates.near_duplicates(table, known)
    return found[["record_a", "record_b", "distance"]].values.tolist()


@pytest.mark.parametrize(
    ("bits", "is_near"), [(0, True), (MOST_BITS, True), (MOST_BITS + 1, False)]
)
def test_a_pair_of_two_parts_is_found_up_to_the_threshold(bits: int, is_near: bool) -> None:
    table = members(9)
    table.loc[7, "part"] = "validation"
    known = hashes(table)
    known["000007"] = changed(known["000002"], bits)
    assert pairs(table, known) == ([["000002", "000007", bits]] if is_near else [])


def test_a_pair_within_a_part_counts_if_its_classes_differ() -> None:
    table = members(4)
    known = hashes(table)
    known[:] = known.iloc[0]
    assert pairs(table, known) == []
    table.loc[3, "class"] = "B"
    assert [pair[1] for pair in pairs(table, known)] == ["000003"] * 3
    found = near_duplicates.near_duplicates(table, known).iloc[0]
    assert found[["class_a", "class_b", "part_a", "part_b"]].tolist() == [
        *("A", "B", "training", "training")
    ]


def test_copies_and_members_without_a_hash_are_passed_over() -> None:
    table = members(3, part=["training", "validation", "validation"], copy=[0, 1, 0])
    known = hashes(table)
    known[:] = known.iloc[0]
    known["000002"] = None
    assert pairs(table, known) == []
    assert pairs(table, known.head(0)) == []


@given(
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    block=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 9),
)
def test_blocks_find_what_a_comparison_of_all_pairs_finds(
    sizes: tuple[int, int], block: tuple[int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    table = members(n)
    table["class"] = rng.choice(["A", "B"], n)
    table["part"] = rng.choice(["training", "validation"], n)
    origin = hashes(table, seed).iloc[0]
    known = pd.Series(
        [changed(origin, int(rng.integers(0, 14)), i) for i in range(n)], index=table["record_id"]
    )
    expected = {
        (a, b)
        for i, a in enumerate(known.index)
        for j, b in enumerate(known.index)
        if i < j
        and (int(known[a], 16) ^ int(known[b], 16)).bit_count() <= MOST_BITS
        and tuple(table.loc[i, ["class", "part"]]) != tuple(table.loc[j, ["class", "part"]])
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "BLOCK", block)
        found = pairs(table.sample(frac=1, random_state=seed), known)
    assert {(a, b) for a, b, _ in found} == expected and len(found) == len(expected)


def test_pictures_that_are_all_alike_do_not_fill_the_memory() -> None:
    table = members(400, part=["training", "validation"] * 200)
    known = hashes(table)
    known[:] = known.iloc[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_duplicates, "MOST_PAIRS", 50)
        assert len(pairs(table, known)) == 50


def test_ten_thousand_members_take_about_a_second() -> None:
    table = members(10_000, part=["training", "validation"] * 5000)
    known = hashes(table)
    start = time.perf_counter()
    assert pairs(table, known) == []
    assert time.perf_counter() - start < 5


def test_the_log_counts_them(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test")
    table = members(2, **{"class": ["A", "B"]})
    known = hashes(table)
    near_duplicates.warn_near_duplicates(log, "G", near_duplicates.near_duplicates(table, known))
    assert not caplog.records
    known[:] = known.iloc[0]
    near_duplicates.warn_near_duplicates(log, "G", near_duplicates.near_duplicates(table, known))
    assert "G: 1 pairs of images look the same (1 in different classes, 0 in" in caplog.text
