"""Section `groups`: which images a study group holds, and which networks."""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from pgdose.study.augmentation import Augment
from pgdose.study.base import IS_PATH, Count, Label, Model, Name, mistake
from pgdose.study.networks import AnyNetwork, ExistingNetwork


class Where(Model):
    label: Label | None = None
    class_: Annotated[Name | None, Field(alias="class")] = None
    age: tuple[float, float] | None = None
    sex: Literal["F", "M"] | None = None
    view: list[str] | None = None

    @field_validator("age")
    @classmethod
    def _ascending(cls, age: tuple[float, float] | None) -> tuple[float, float] | None:
        if age is not None and not 0 <= age[0] <= age[1] <= 130:
            raise mistake("a range of full years [from, to], 0 <= from <= to <= 130")
        return age


class Class(Model):
    """One class of a group: which records, and how many of them."""

    source: Name
    where: Where = Where()
    count: Count | Literal["all"] | None = None
    at_most: Count | None = None
    augment_to: Count | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.count is None) == (self.at_most is None):
            raise mistake("exactly one of 'count' (a number or all) and 'at_most' must be given")
        if self.augment_to and isinstance(self.count, int) and self.augment_to < self.count:
            raise mistake("'augment_to' must not be smaller than 'count'")
        return self


class Image(Model):
    size: Annotated[int, Field(ge=16, le=2048)] = 256
    window: Literal["voi", "percentile", "full"] = "percentile"  # what a grey value of DICOM means
    crop: Literal["none", "aorta"] = "none"
    least_confidence: Annotated[float, Field(ge=0, le=1)] = 0.4  # that the aorta was found
    boxes: Annotated[str | None, IS_PATH] = None  # windows by hand, before those found

    @model_validator(mode="after")
    def _boxes_of_a_crop(self) -> Self:
        if self.boxes and self.crop != "aorta":
            raise mistake("'boxes' goes with 'crop: aorta'")
        return self


class Group(Model):
    title: str
    image: Image = Image()
    balance: list[Literal["sex", "class"]] = []
    augment: Augment = Augment()
    classes: Annotated[dict[Name, Class], Field(min_length=2)]
    network: ExistingNetwork | None = None  # one that exists already; null: it is trained
    networks: dict[Name, AnyNetwork] = {}  # more of them; keys left out are those of `training`
    exclude: Annotated[str | None, IS_PATH] = None
    shards: Count = 1
    paper_accuracy: Annotated[float, Field(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _counts_fit_the_balance(self) -> Self:
        for name, entry in self.classes.items():
            if "sex" in self.balance and isinstance(entry.count, int) and entry.count % 2:
                raise mistake(
                    "classes.{name}.count is {count}; with 'balance: [sex]' it must be even",
                    name=name,
                    count=entry.count,
                )
            if "class" in self.balance and isinstance(entry.count, int):
                raise mistake(
                    "classes.{name}.count is {count}; 'balance: [class]' is for 'at_most' and "
                    "'count: all', exact counts are what they are",
                    name=name,
                    count=entry.count,
                )
        return self
