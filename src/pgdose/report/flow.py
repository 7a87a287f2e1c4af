"""The flow of a group's images: found, left out, chosen, validated, right, attacked.

Follows the flow diagrams of diagnostic studies (STARD 2015): what was lost between two boxes stands
between them, by class. A number that no table has is left out, never guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from pgdose.report import cohorts, wording
from pgdose.report.data import ReportData


@dataclass(frozen=True)
class Box:
    """A box of the diagram.

    title:   what was counted
    total:   how many, as text
    classes: (title of the class, how many); empty where it is not counted by class
    lost:    what was left out before this box, a sentence for each reason
    """

    title: str
    total: str
    classes: Sequence[tuple[str, str]] = ()
    lost: Sequence[str] = field(default_factory=tuple)


def flow(data: ReportData, group: str) -> list[Box]:
    """The boxes of a group, from what its sources hold to the images that were attacked."""
    counts = _of_group(data.table("class_counts"), group)
    if counts.empty:
        return []
    return [*_sources(data, group), *_members(data, group, counts), *_attacked(data, group)]


def _sources(data: ReportData, group: str) -> list[Box]:
    classes = (data.study.get("groups") or {}).get(group, {}).get("classes") or {}
    names = list(dict.fromkeys(entry["source"] for entry in classes.values()))
    table = data.table("sources")
    rows = table[table["source"].isin(names)] if len(table) else table
    if rows.empty:
        return []
    found, readable = int(rows["found"].sum()), int(rows["readable"].sum())
    lost = [f"{wording.count(found - readable)} could not be read"] if found > readable else []
    title = f"Records in {'source' if len(rows) == 1 else 'sources'} {wording.join_names(names)}"
    return [Box(title, wording.count(found)), Box("Readable", wording.count(readable), lost=lost)]


def _members(data: ReportData, group: str, counts: pd.DataFrame) -> list[Box]:
    """Fitting a class, chosen, and the two parts."""
    chosen = _of_group(data.chosen, group).set_index("class") if len(data.chosen) else None
    images = dict(zip(counts["class"], counts["n_images"], strict=True))
    copies = dict(zip(counts["class"], counts.get("n_copies", 0 * counts["n_images"]), strict=True))
    boxes, lost = [], []
    if chosen is not None and set(images) <= set(chosen.index):
        fit = {name: int(chosen["n_fit"][name]) for name in images}
        out = {name: int(chosen["n_left_out"][name]) for name in images}
        unread = {name: int(chosen["n_unreadable"][name]) for name in images}
        spare = {
            name: fit[name] - out[name] - unread[name] - (int(images[name]) - int(copies[name]))
            for name in images
        }
        boxes.append(_box(data, group, "Fit a class", fit))
        lost = _reasons(data, group) + _lost(
            data, group, spare, "not needed: the study takes fewer"
        )
        lost += _lost(data, group, unread, "could not be read as images")
    if sum(copies.values()):
        originals = {name: int(images[name]) - int(copies[name]) for name in images}
        boxes.append(_box(data, group, "Chosen", originals, lost))
        lost = []
        added = [
            f"{wording.count(n)} augmented copies added to {data.class_title(group, name)}"
            for name, n in copies.items()
            if n
        ]
        boxes.append(_box(data, group, "Images, with copies", images, added))
    else:
        boxes.append(_box(data, group, "Images chosen", images, lost))
    training = dict(zip(counts["class"], counts["n_training"], strict=True))
    validation = dict(zip(counts["class"], counts["n_validation"], strict=True))
    used = _lost(data, group, training, "for training")
    return [*boxes, _box(data, group, "For validation", validation, used)]


def _attacked(data: ReportData, group: str) -> list[Box]:
    """The sample for the attacks, those of it that are right, and those attacked."""
    asr = data.success_rates() if data.has("asr") else pd.DataFrame()
    rows = _of_group(asr, group)
    boxes = []
    for title, name, before, words in (
        ("Sample for the attacks", "n_images", "", ""),
        ("Right before the attack", "n_correct", "n_wrong", "wrong before the attack"),
        ("Attacked", "n_attacked", "n_unknown", "without a finite output"),
    ):
        if name not in rows or rows.empty:
            continue
        lost = [f"{_by_attack(rows, before)} {words}"] if before and rows[before].any() else []
        boxes.append(Box(title, _by_attack(rows, name), lost=lost))
    return boxes


def _by_attack(rows: pd.DataFrame, name: str) -> str:
    """The number, or where attacks differ the numbers with their attacks."""
    if rows[name].nunique() == 1:
        return wording.count(rows[name].iloc[0])
    return ", ".join(
        f"{wording.count(n)} ({wording.join_names(list(same['attack']))})"
        for n, same in rows.groupby(name, sort=False)
    )


def _reasons(data: ReportData, group: str) -> list[str]:
    """What each reason left out before members were chosen; a record may have several."""
    table = _of_group(data.table("rejects_by_class"), group)
    table = table[table["stage"].isin(["screen", "group"])] if len(table) else table
    sentences: list[str] = []
    for reason, rows in table.groupby("reason", sort=False) if len(table) else ():
        lost = dict(zip(rows["class"], rows["n_left_out"], strict=True))
        sentences += _lost(data, group, lost, cohorts.reason_words(reason))
    return sentences


def _lost(data: ReportData, group: str, lost: Mapping[str, int], reason: str) -> list[str]:
    """ "12 lateral (Norm 10, Tuberculosis 2)"; nothing where none was lost."""
    total = sum(int(n) for n in lost.values())
    if total <= 0:
        return []
    parts = [f"{data.class_title(group, name)} {wording.count(n)}" for name, n in lost.items() if n]
    return [f"{wording.count(total)} {reason} ({', '.join(parts)})"]


def _box(
    data: ReportData, group: str, title: str, counts: Mapping[str, int], lost: Sequence[str] = ()
) -> Box:
    total = wording.count(sum(int(n) for n in counts.values()))
    classes = [(data.class_title(group, name), wording.count(n)) for name, n in counts.items()]
    return Box(title, total, classes, tuple(lost))


def _of_group(table: pd.DataFrame, group: str) -> pd.DataFrame:
    return table[table["group"] == group] if "group" in table else table
