"""Which records of a source are screened: those that a class of a study group could take."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import pandas as pd

from pgdose.cohort.eligibility import eligible
from pgdose.study.classes import Where

COLUMNS = ["record_id", "class", "age", "sex", "view", "body_part", "mm_per_px"]
PLANNED = ["record_id", "view", "body_part", "mm_per_px", "aorta"]


class ScreenedClass(NamedTuple):
    """What a class that draws on the source asks of a record."""

    where: Where
    crop: str  # `image.crop` of its group

    @classmethod
    def parse(cls, settings: Mapping) -> "ScreenedClass":
        """From the fields of `where` and `crop`, side by side."""
        where = {name: value for name, value in settings.items() if name != "crop"}
        return cls(Where.model_validate(where), settings["crop"])


def columns(classes: Iterable[ScreenedClass]) -> list[str]:
    """The columns of records that `plan` reads for these classes."""
    labels = {label for entry in classes for label in entry.where.labels()}
    return [*COLUMNS, *(f"label_{name}" for name in sorted(labels))]


def plan(records: pd.DataFrame, classes: Iterable[ScreenedClass]) -> pd.DataFrame:
    """The records to screen, with the columns PLANNED, sorted by record_id.

    `aorta` is whether a class with `crop: aorta` could take the record.
    """
    could_take, aorta = (pd.Series(False, index=records.index) for _ in range(2))
    for where, crop in classes:
        fits = eligible(records, where)
        could_take |= fits
        if crop == "aorta":
            aorta |= fits
    return records.assign(aorta=aorta)[could_take].sort_values("record_id")[PLANNED]
