"""Which records of a source are screened: those that a class of a study group could take."""

from collections.abc import Iterable, Mapping

import pandas as pd

from pgdose.cohort.selection import eligible

COLUMNS = ["record_id", "class", "age", "sex", "view", "body_part", "mm_per_px"]
PLANNED = ["record_id", "view", "body_part", "mm_per_px", "aorta"]


def columns(classes: Iterable[Mapping]) -> list[str]:
    """The columns of records that `plan` reads for these classes."""
    labels = {f"label_{where['label']}" for where in classes if where["label"]}
    return [*COLUMNS, *sorted(labels)]


def plan(records: pd.DataFrame, classes: Iterable[Mapping]) -> pd.DataFrame:
    """The records to screen, with the columns PLANNED, sorted by record_id.

    `classes` holds, for each class that draws on the source, its `where` and the `crop` of its
    group. `aorta` is whether a class with `crop: aorta` could take the record.
    """
    could_take, aorta = (pd.Series(False, index=records.index) for _ in range(2))
    for where in classes:
        fits = eligible(records, where)
        could_take |= fits
        if where["crop"] == "aorta":
            aorta |= fits
    return records.assign(aorta=aorta)[could_take].sort_values("record_id")[PLANNED]
