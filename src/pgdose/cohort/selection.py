"""Which records take part in a group: eligible, fit, chosen. Pure functions on tables."""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.tables.keyed import draw
from pgdose.tables.user_columns import describe_columns


def eligible(records: pd.DataFrame, where: Mapping) -> pd.Series:
    """Which records fit a class's `where`; ages are full years, both ends included."""
    fits = pd.Series(True, index=records.index)
    if where.get("label") is not None:
        column = f"label_{where['label']}"
        if column not in records:
            known = records.filter(regex="^label_").columns.str.removeprefix("label_")
            raise UserError(
                f"where.label: {where['label']!r} is no label of the source; "
                f"known: {', '.join(known) or 'none'}"
            )
        fits &= records[column].eq(1).fillna(False).astype(bool)
    if where.get("class") is not None:
        fits &= records["class"].eq(where["class"])
    if where.get("age") is not None:
        fits &= (records["age"] // 1).between(*where["age"])
    if where.get("sex") is not None:
        fits &= records["sex"].eq(where["sex"])
    if where.get("view") is not None:
        fits &= records["view"].isin(where["view"])
    return fits


def candidates(records: pd.DataFrame, classes: Mapping[str, Mapping]) -> pd.DataFrame:
    """Records that fit exactly one class of the group, with `class` and `class_index` set."""
    fits = np.stack(
        [
            (records["source"].eq(spec["source"]) & eligible(records, spec["where"])).to_numpy()
            for spec in classes.values()
        ]
    )
    one = fits.sum(axis=0) == 1
    index = fits[:, one].argmax(axis=0)
    return records[one].assign(**{"class": np.array(list(classes))[index], "class_index": index})


def fitness(
    found: pd.DataFrame,
    screened: pd.DataFrame,
    rejected: Collection[str],
    *,
    dicom: Collection[str],
    window: str,
    crop: str,
    least_confidence: float,
    boxes: pd.DataFrame | None = None,
    excluded: Collection[str] = (),
) -> pd.DataFrame:
    """The candidates with what the group would do to each, and why it can't take some.

    Adds `window` (how values become grey; `none` for pictures, those not of the sources `dicom`),
    `crop_x crop_y crop_side` (the square to cut out, in pixels), `usable`, and `reason`: null,
    `rejected` (by its source), `no_window`, `aorta_not_found` or `excluded`. `screened` is indexed
    by record_id and so is `boxes`, squares by hand (x, y, side) that go before those found.
    """
    place = screened.index.get_indexer(pd.Index(found["record_id"]))  # -1: never looked at

    def known(column: str) -> pd.Series:
        values = screened[column].array.take(place, allow_fill=True)
        return pd.Series(values, index=found.index)

    applied = "voi " + known("voi") if window == "voi" else window
    reason = pd.Series(None, index=found.index, dtype="str")
    found = found.assign(
        window=np.where(found["source"].isin(dicom), applied, "none"),
        **dict.fromkeys(("crop_x", "crop_y", "crop_side"), np.nan),
    )
    if crop == "aorta":
        by_hand = pd.Series(False, index=found.index)
        for name in ("x", "y", "side"):
            found[f"crop_{name}"] = known(f"aorta_{name}")
            if boxes is not None:
                given = found["record_id"].map(boxes[name])
                by_hand = given.notna()
                found[f"crop_{name}"] = given.fillna(found[f"crop_{name}"])
        unsure = ~(known("aorta_confidence") >= least_confidence)
        reason[unsure & ~by_hand] = "aorta_not_found"
    reason[found["window"].isna()] = "no_window"
    reason[found["record_id"].isin(excluded)] = "excluded"
    reason[(place < 0) | found["record_id"].isin(rejected)] = "rejected"
    return found.assign(reason=reason, usable=reason.isna())


def choose(
    found: pd.DataFrame, classes: Mapping[str, Mapping], balance: list[str], seed: int, group: str
) -> pd.DataFrame:
    """The records of each class, as many as the study asks for.

    `found` are candidates; a column `usable`, if there is one, says which may be chosen.
    `balance`: sex makes the sexes equally many inside each class, class the classes themselves.
    """
    usable = found[found["usable"]] if "usable" in found else found
    strata = ["F", "M"] if "sex" in balance else ["any"]
    usable = usable.assign(
        draw=draw(seed, f"choose {group}", usable["record_id"]),
        stratum=usable["sex"] if "sex" in balance else "any",
    )
    there = usable.groupby(["class", "stratum"]).size()
    each, lacking = {}, []  # of each stratum of a class; which classes have too few
    for name, spec in classes.items():
        available = [int(there.get((name, stratum), 0)) for stratum in strata]
        exact = spec["count"] if isinstance(spec["count"], int) else None
        most = exact or spec["at_most"] or sum(available)
        each[name] = min(*available, most // len(strata))
        if each[name] * len(strata) < (exact or 1):
            lacking.append(_lack(group, name, exact, strata, available))
    if lacking:
        raise UserError(
            "\n".join(lacking) + "\n'at_most: N' or 'count: all' takes what there is:\n"
            f"{_stock(found, classes)}"
        )
    if "class" in balance:
        each = dict.fromkeys(each, min(each.values()))
    usable = usable[usable["stratum"].isin(strata)].sort_values(["draw", "record_id"])
    place = usable.groupby(["class", "stratum"]).cumcount()
    return usable[place < usable["class"].map(each)].drop(columns=["draw", "stratum"])


def _lack(group: str, name: str, exact: int | None, strata: list[str], available: list[int]) -> str:
    what = ", ".join(f"{n} {s}" for s, n in zip(strata, available, strict=True))
    sexes = f" ({what}; the sexes are to be balanced)" if len(strata) > 1 else ""
    return (
        f"groups.{group}.classes.{name}: {exact or 'at least one'} images wanted, "
        f"{min(available) * len(strata)} can be had{sexes}."
    )


def _stock(found: pd.DataFrame, classes: Mapping[str, Mapping]) -> str:
    """What there is: images that fit, and usable ones of them, by class and sex."""
    counted = found.assign(
        sex=found["sex"].fillna("unknown"), usable=found.get("usable", True), images=1
    )
    counted = counted.groupby(["class", "sex"])[["images", "usable"]].sum()
    rows = pd.MultiIndex.from_product([classes, ["F", "M", "unknown"]], names=["class", "sex"])
    return counted.reindex(rows, fill_value=0).astype(int).to_string()


def check_exclusions(left_out: pd.DataFrame, group: str) -> None:
    """A person's list must have the columns record_id and reason."""
    for column in ("record_id", "reason"):
        if column not in left_out:
            raise UserError(
                f"groups.{group}.exclude: no column {column!r}; "
                f"{describe_columns(list(left_out.columns))}"
            )
