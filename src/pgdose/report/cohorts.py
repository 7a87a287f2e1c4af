"""What was left out of each class of a group, images that look the same, and warnings of both."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from pgdose.report import tables, wording
from pgdose.report.data import ReportData
from pgdose.report.tables import Column, Table

DEPTH = "depth"  # the stage of files by their bits, see cohort.rejects_by_class
SHOWN_PAIRS = 20  # of images of a group that look the same; the file has all


def left_out(data: ReportData, group: str) -> Table | None:
    """How many records of each class of a group were left out, by reason."""
    rejects = _rejects(data, group)
    rows = rejects[rejects["stage"] != DEPTH] if len(rejects) else rejects
    title = f"Left out of {group} by class and reason"
    return _counts_by_class(data, title, rows, ("Reason", "Fit the class", "Left out"))


def depths(data: ReportData, group: str) -> Table | None:
    """How many files of each class hold other bits a channel than most of the group."""
    rejects = _rejects(data, group)
    rows = rejects[rejects["stage"] == DEPTH] if len(rejects) else rejects
    title = f"Files of {group} with other bits a channel"
    return _counts_by_class(data, title, rows, ("Bits", "Files", "With these bits"))


def _counts_by_class(
    data: ReportData, title: str, rows: pd.DataFrame, heads: tuple[str, str, str]
) -> Table | None:
    """Rows of rejects_by_class; `heads` are those of reason, n and n_left_out."""
    columns: list[Column] = [
        (heads[0], "", lambda row: reason_words(row["reason"])),
        ("Class", "", tables.class_title(data)),
        (heads[1], "number", tables.count("n")),
        (heads[2], "number", tables.count("n_left_out")),
        ("Share", "number", lambda row: wording.rate(row["share"])),
        ("p (Holm)", "number", lambda row: wording.p_value(row["p_adjusted"])),
    ]
    return tables.table_of(title, rows, columns)


def near_duplicates(data: ReportData, group: str) -> Table | None:
    """The pairs of a group's images that look the same, those that differ least first.

    Without their ids, which stand in near_duplicates.parquet alone.
    """
    columns: list[Column] = [
        ("Bits that differ", "", tables.count("distance")),
        ("Classes", "", _both("class", lambda name: data.class_title(group, name))),
        ("Parts", "", _both("part", str)),
    ]
    pairs = _pairs(data, group).head(SHOWN_PAIRS)
    return tables.table_of(f"Images of {group} that look the same", pairs, columns)


def warnings(data: ReportData, group: str) -> list[str]:
    """A sentence for each reason that is unevenly spread over the classes, and for equal looks."""
    rejects, pairs = _rejects(data, group), _pairs(data, group)
    uneven = rejects[rejects["uneven"].astype(bool)] if len(rejects) else rejects
    reasons = uneven[["stage", "reason"]].drop_duplicates().to_numpy() if len(uneven) else ()
    sentences = [_uneven(stage, reason_words(reason)) for stage, reason in reasons]
    if len(pairs):
        sentences.append(
            f"{wording.quantity(len(pairs), 'pair')} of images of different classes or parts look "
            "the same: accuracy may be too high. See near_duplicates.parquet of the group."
        )
    return sentences


def _uneven(stage: str, words: str) -> str:
    if stage == DEPTH:
        return (
            f"Files of {words} are unevenly spread over the classes: a network may tell them by "
            "how their files hold pixels."
        )
    return (
        f"Images with the reason “{words}” are unevenly spread over the classes: the cohort may be "
        "chosen by disease."
    )


def all_warnings(data: ReportData) -> list[str]:
    """The warnings of all groups, each with its group's name."""
    return [f"{group}: {text}" for group in data.groups for text in warnings(data, group)]


def reason_words(reason: Any) -> str:
    """A reason's code as words."""
    return wording.text(reason).replace("_", " ")


def _both(name: str, title: Callable[[Any], str]) -> tables.Print:
    """Cells with the class or part of both images, or the one that they share."""
    return lambda row: " / ".join(dict.fromkeys(title(row[f"{name}_{one}"]) for one in "ab"))


def _rejects(data: ReportData, group: str) -> pd.DataFrame:
    table = data.table("rejects_by_class")
    return table[table["group"] == group] if len(table) else table


def _pairs(data: ReportData, group: str) -> pd.DataFrame:
    return data.near_duplicates[data.near_duplicates["group"] == group]
