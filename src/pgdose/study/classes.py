"""Which images a class of a group takes, and how a group's images are made."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pgdose.study.base import Count, Integer, Label, Model, Name, Real, Share, mistake
from pgdose.study.table_files import ListTable


class Where(Model):
    """The records that a class may take; a key that is left out restricts nothing."""

    label: Label | None = None
    class_: Annotated[Name | None, Field(alias="class")] = None
    age: tuple[Real, Real] | None = None  # full years, both ends included
    sex: Literal["F", "M"] | None = None
    view: list[str] | None = None

    @field_validator("age")
    @classmethod
    def _check_age(cls, age: tuple[float, float] | None) -> tuple[float, float] | None:
        if age is not None and not 0 <= age[0] <= age[1] <= 130:
            raise mistake("must be a range of full years [from, to] with 0 <= from <= to <= 130")
        return age


class Class(Model):
    """One class of a group: which records, and how many."""

    source: Name
    where: Where = Where()
    count: Count | Literal["all"] | None = None
    at_most: Count | None = None
    augment_to: Count | None = None  # add copies until the class has so many images

    @model_validator(mode="after")
    def _check_amount(self) -> Self:
        if (self.count is None) == (self.at_most is None):
            raise mistake("give either 'count' (a number or all) or 'at_most'")
        if self.augment_to and isinstance(self.count, int) and self.augment_to < self.count:
            raise mistake("must be at least 'count', {count}", field="augment_to", count=self.count)
        return self


class Image(Model):
    """How a group's images are made."""

    size: Annotated[Integer, Field(ge=16, le=2048)] = 256  # pixels of a side
    # Which grey values of a DICOM file become black and white.
    window: Literal["voi", "percentile", "full"] = "percentile"
    crop: Literal["none", "aorta"] = "none"
    least_confidence: Share = 0.4  # of the aorta's window; a film with less is left out
    boxes: ListTable | None = None  # a table of windows drawn by hand

    @model_validator(mode="after")
    def _check_boxes(self) -> Self:
        if self.boxes and self.crop != "aorta":
            raise mistake("'boxes' needs 'crop: aorta'; set it, or leave 'boxes' out")
        return self
