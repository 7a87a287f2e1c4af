"""Members of a group whose pictures look the same, though their pixels differ.

The same picture in another size or quality gives a validation image away if it is in training too,
and has no true class if it is in two. Nothing is left out for it: pictures of different patients
may look alike, so a person decides.
"""

import itertools
import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pgdose.images.perceptual_hash import as_words

MOST_BITS = 20  # of 256; benchmarks/near_duplicates.py measures what it finds
MOST_PAIRS = 10_000  # of a group; with more, the pictures are hardly different ones
BLOCK = 256, 1024  # hashes compared at once: their differences fit into a processor's cache


def near_duplicates(members: pd.DataFrame, hashes: pd.Series) -> pd.DataFrame:
    """Pairs of members that look the same and differ in class, or in part; of NEAR_DUPLICATES.

    members: planned members; copies are passed over, since they stay with their original
    hashes:  the perceptual hash of each record_id; members without one are passed over

    Sorted by distance. At most MOST_PAIRS pairs.
    """
    originals = members[members["copy"] == 0].sort_values("record_id")
    hashed = originals["record_id"].map(hashes)
    originals, hashed = originals[hashed.notna()], hashed.dropna()
    side = originals.groupby(["class", "part"]).ngroup().to_numpy()
    pairs = itertools.islice(_pairs(as_words(hashed), side), MOST_PAIRS)
    table = pd.DataFrame(pairs, columns=["a", "b", "distance"], dtype=np.int64)
    columns = {"record_id": "record", "class": "class", "part": "part"}
    for end in ("a", "b"):
        rows = originals.iloc[table[end]]
        for name, short in columns.items():
            table[f"{short}_{end}"] = rows[name].to_numpy()
    return table.sort_values(["distance", "record_a", "record_b"])


def _pairs(words: np.ndarray, side: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(row, later row, bits that differ) of near hashes on different sides.

    All pairs are compared, by their last words first: those are the finest frequencies, in which
    different pictures differ most.
    """
    last = np.ascontiguousarray(words[:, -1])
    rows, columns = BLOCK
    for top in range(0, len(words), rows):
        for left in range(top, len(words), columns):
            differing = np.bitwise_count(last[top : top + rows, None] ^ last[left : left + columns])
            a, b = np.nonzero(differing <= MOST_BITS)
            a, b = a + top, b + left
            distance = np.bitwise_count(words[a] ^ words[b]).sum(axis=1, dtype=np.int64)
            near = (distance <= MOST_BITS) & (a < b) & (side[a] != side[b])
            yield from zip(*(values[near].tolist() for values in (a, b, distance)), strict=True)


def warn_near_duplicates(log: logging.Logger, group: str, pairs: pd.DataFrame) -> None:
    """Warn of pictures that look the same in two parts, or in two classes."""
    if len(pairs):
        classes = int((pairs["class_a"] != pairs["class_b"]).sum())
        parts = int((pairs["part_a"] != pairs["part_b"]).sum())
        log.warning(
            "%s: %s%d pairs of images look the same (%d in different classes, %d in different "
            "parts); look at those in near_duplicates.parquet, and list one of each pair that "
            "shows the same picture in `exclude`",
            *(group, "at least " * (len(pairs) == MOST_PAIRS), len(pairs), classes, parts),
        )
