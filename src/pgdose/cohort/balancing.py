"""How many records of each class and sex take part, and which."""

from collections.abc import Collection, Mapping

import pandas as pd

from pgdose.errors import UserError
from pgdose.study.classes import Class
from pgdose.tables.keyed import draw


def choose(
    candidates: pd.DataFrame,
    classes: Mapping[str, Class],
    balance: Collection[str],
    seed: int,
    group: str,
) -> pd.DataFrame:
    """The records of each class, as many as the study asks for; which ones is a keyed draw.

    candidates: at least record_id, class and sex; a column `usable` says which may be chosen
    balance:    sex: as many women as men in each class; class: classes of equal size

    UserError if a class has too few usable records.
    """
    usable = candidates[candidates["usable"]] if "usable" in candidates else candidates
    strata = ["F", "M"] if "sex" in balance else ["any"]
    usable = usable.assign(
        draw=draw(seed, f"choose {group}", usable["record_id"]),
        stratum=usable["sex"] if "sex" in balance else "any",
    )
    sizes = usable.groupby(["class", "stratum"]).size()
    per_stratum, shortages = {}, []
    for name, entry in classes.items():
        available = [int(sizes.get((name, stratum), 0)) for stratum in strata]
        exact = entry.count if isinstance(entry.count, int) else None
        most = exact or entry.at_most or sum(available)
        per_stratum[name] = min(*available, most // len(strata))
        if per_stratum[name] * len(strata) < (exact or 1):
            shortages.append(_shortage(group, name, exact, strata, available))
    if shortages:
        raise UserError(
            "\n".join(shortages) + "\nUse 'at_most: N' or 'count: all' to take what there is:\n"
            f"{_stock(candidates, classes)}"
        )
    if "class" in balance:
        per_stratum = dict.fromkeys(per_stratum, min(per_stratum.values()))
    usable = usable[usable["stratum"].isin(strata)].sort_values(["draw", "record_id"])
    rank = usable.groupby(["class", "stratum"]).cumcount()
    return usable[rank < usable["class"].map(per_stratum)].drop(columns=["draw", "stratum"])


def _shortage(
    group: str, name: str, exact: int | None, strata: list[str], available: list[int]
) -> str:
    by_sex = ", ".join(f"{n} {s}" for s, n in zip(strata, available, strict=True))
    sexes = f" ({by_sex}; 'balance: [sex]' takes as many of each)" if len(strata) > 1 else ""
    needed = f"{exact} images" if exact else "at least one image"
    return (
        f"groups.{group}.classes.{name}: needs {needed}, but "
        f"{min(available) * len(strata)} are usable{sexes}."
    )


def _stock(candidates: pd.DataFrame, classes: Mapping[str, Class]) -> str:
    """Candidates and usable ones of them, by class and sex."""
    counts = candidates.assign(
        sex=candidates["sex"].fillna("unknown"), usable=candidates.get("usable", True), images=1
    )
    counts = counts.groupby(["class", "sex"])[["images", "usable"]].sum()
    rows = pd.MultiIndex.from_product([classes, ["F", "M", "unknown"]], names=["class", "sex"])
    return counts.reindex(rows, fill_value=0).astype(int).to_string()
