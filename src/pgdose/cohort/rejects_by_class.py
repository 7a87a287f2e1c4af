"""What share of each class was left out for each reason, and whether the shares differ.

A filter that leaves out more images of one class than of another may choose by disease: networks
then learn from, and are judged on, other patients than the study means.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.tables import parquet
from pgdose.tables.rejects import LEFT_OUT

UNEVEN = 0.01  # largest adjusted p-value that counts as unevenly spread
# The records are the same ones in each of their classes, so there is nothing to compare.
UNTESTED = ("several_classes",)
# In the metadata of left_out.parquet, as JSON: records that fit each class, files of each depth.
ELIGIBLE, DEPTHS = "eligible", "depths"
DEPTH = "depth"  # the stage of counts of files by the bits that they hold; it leaves nothing out
COUNTS = ["stage", "reason", "class", "n", "n_left_out"]


def write_left_out(
    left_out: pd.DataFrame,
    eligible: Mapping[str, int],
    depths: Mapping[str, Mapping[int, int]],
    path: str | Path,
) -> None:
    """Write left_out.parquet with the records that fit each class, and `count_depths`."""
    metadata = {ELIGIBLE: json.dumps(dict(eligible)), DEPTHS: json.dumps(dict(depths))}
    parquet.write_table(left_out, path, LEFT_OUT, metadata)


def read_eligible(path: str | Path) -> dict[str, int]:
    """The number of records that fit each class, of left_out.parquet."""
    return json.loads(parquet.read_metadata(path)[ELIGIBLE])


def count_depths(members: pd.DataFrame, records: pd.DataFrame) -> dict[str, dict[int, int]]:
    """How many files of each class's members have so many bits a channel, where that is known.

    Tiles of one field are one file.
    """
    of_members = members[["record_id", "class"]].merge(
        records[["record_id", "parent", "bits_stored"]], on="record_id"
    )
    of_members["file"] = of_members["parent"].fillna(of_members["record_id"])
    files = of_members.dropna(subset="bits_stored").drop_duplicates(["file", "class"])
    counts = files.groupby(["class", "bits_stored"]).size()
    depths: dict[str, dict[int, int]] = {name: {} for name in members["class"].unique()}
    for name, bits, n in counts.reset_index(name="n").itertuples(index=False):
        depths[name][int(bits)] = int(n)
    return depths


def depth_counts(path: str | Path) -> pd.DataFrame:
    """Counts of files by depth, of left_out.parquet; without the commonest depth of the group."""
    depths = json.loads(parquet.read_metadata(path)[DEPTHS])
    totals: Counter[str] = Counter()
    for of_class in depths.values():
        totals.update(of_class)
    rows = [
        (DEPTH, f"{bits}_bits", name, sum(of_class.values()), of_class.get(bits, 0))
        for bits, _ in totals.most_common()[1:]
        for name, of_class in depths.items()
    ]
    return pd.DataFrame(rows, columns=COUNTS)


def rejects_by_class(
    left_out: pd.DataFrame,
    eligible: Mapping[str, int],
    unreadable: pd.DataFrame,
    planned: pd.DataFrame,
    *further: pd.DataFrame,
) -> pd.DataFrame:
    """A row for each reason and class: how many were left out, and a test of the reason.

    left_out:   of LEFT_OUT, of stages before members are chosen
    eligible:   records that fit each class, in the order of the classes
    unreadable: of LEFT_OUT, of the stage "render", where only planned members are read
    planned:    the planned members
    further:    of `slide_counts` and `depth_counts`

    `n` counts the records, slides or files that the reason could concern. `p` is Fisher's exact
    test of the class against all others, `p_adjusted` the same after Holm's correction over the
    group's tests. Both are NaN for the reasons that UNTESTED names.
    """
    members = planned.drop_duplicates("record_id")["class"].value_counts()
    chosen = {name: int(members.get(name, 0)) for name in eligible}
    tables = [*further, _counts(left_out, eligible), _counts(unreadable, chosen)]
    table = pd.concat(tables, ignore_index=True)
    table["share"] = table["n_left_out"] / table["n"].where(table["n"] > 0)
    table["p"] = _fisher(table)
    table["p_adjusted"] = _holm_over_tests(table, classes=len(eligible))
    table["uneven"] = table["p_adjusted"] < UNEVEN
    return table


def slide_counts(
    slides: Mapping[str, pd.DataFrame], classes: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """How many slides left a class without tissue, or lost tiles of it to pen marks.

    slides:  the table SLIDES of each source
    classes: the source of each class of the group, and the class of its tiles there

    Counts are of slides, since tiles of one slide share its pen and its glass. A slide counts for
    each class that it has tiles of; one that has several names counts once. A reason that no slide
    has is left out.
    """
    rows = []
    for reason, before, lost in (
        ("no_tissue", "in_class", lambda words: ~words["on_tissue"]),
        ("pen", "on_tissue", lambda words: words["inked"]),
    ):
        of_reason = []
        for name, (source, word) in classes.items():
            table = slides[source].dropna(subset="in_class").drop_duplicates("content")
            words = table[["in_class", "on_tissue", "inked"]].map(
                lambda names, word=word: word in names.split()
            )
            n_lost = int((words[before] & lost(words)).sum())
            of_reason.append(("survey", reason, name, int(words[before].sum()), n_lost))
        if any(n_lost for *_, n_lost in of_reason):
            rows += of_reason
    return pd.DataFrame(rows, columns=COUNTS)


def join_groups(tables: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """The table rejects_by_class of a study, of each group's own."""
    return pd.concat([table.assign(group=group) for group, table in tables], ignore_index=True)


def _counts(rejects: pd.DataFrame, totals: Mapping[str, int]) -> pd.DataFrame:
    """stage, reason, class, n and n_left_out; each reason has a row for every class."""
    records = rejects.drop_duplicates(["record_id", "class"])  # copies of a member count once
    counts = records.groupby(["stage", "reason", "class"]).size()
    reasons = records[["stage", "reason"]].drop_duplicates().sort_values(["stage", "reason"])
    rows = [
        {
            **{"stage": stage, "reason": reason, "class": name, "n": n},
            "n_left_out": int(counts.get((stage, reason, name), 0)),
        }
        for stage, reason in reasons.itertuples(index=False)
        for name, n in totals.items()
    ]
    return pd.DataFrame(rows, columns=COUNTS)


def _fisher(table: pd.DataFrame) -> np.ndarray:
    """p of each row's class against the other classes of its reason; NaN if it is not tested."""
    p = np.full(len(table), np.nan)
    if table["reason"].isin(UNTESTED).all():
        return p
    from scipy.stats import fisher_exact  # a second, and most groups of tiles need none of it

    totals = table.groupby(["stage", "reason"])[["n", "n_left_out"]].transform("sum")
    here = table[["n_left_out", "n"]].to_numpy()
    rest = totals[["n_left_out", "n"]].to_numpy() - here
    for row in np.flatnonzero(~table["reason"].isin(UNTESTED)):
        counts = [(lost, n - lost) for lost, n in (here[row], rest[row])]
        p[row] = fisher_exact(counts).pvalue
    return p


def _holm_over_tests(table: pd.DataFrame, classes: int) -> np.ndarray:
    """`p` adjusted over the tests of a group; the two rows of two classes are one test."""
    one_test = table["reason"] + " " + table["stage"]
    if classes > 2:
        one_test += " " + table["class"]
    tests = table.assign(test=one_test).dropna(subset="p").drop_duplicates("test")
    adjusted = pd.Series(holm(tests["p"].to_numpy()), index=tests["test"])
    return one_test.map(adjusted).to_numpy(float)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values of m tests, adjusted so that any of them is wrong with the stated probability.

    Holm (1979): the k-th smallest of m times (m + 1 - k), never less than one before it.
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1)


def warn_uneven(log: logging.Logger, group: str, table: pd.DataFrame) -> None:
    """Warn of each reason that is unevenly spread over the classes of a group."""
    for (stage, reason), rows in table.groupby(["stage", "reason"], sort=False):
        if rows["uneven"].any():
            counts = ", ".join(
                f"{row['class']} {row['n_left_out']} of {row['n']}"
                for row in rows.to_dict("records")
            )
            if stage == DEPTH:
                log.warning(
                    "%s: files of %s are unevenly spread over the classes (%s; p = %.2g by Fisher "
                    "and Holm), so a network may tell the classes by how their files hold pixels; "
                    "use files of one kind",
                    *(group, str(reason).replace("_", " "), counts, rows["p_adjusted"].min()),
                )
                continue
            log.warning(
                "%s: images with the reason %s are unevenly spread over the classes (%s; p = %.2g "
                "by Fisher and Holm), so the cohort may be chosen by disease; look at them, and "
                "change or switch off what leaves them out",
                *(group, reason, counts, rows["p_adjusted"].min()),
            )
