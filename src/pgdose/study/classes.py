"""Which images a class of a group takes, and how a group's images are made."""

import math
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from pgdose.study.base import (
    JOB_ONLY,
    Count,
    Label,
    Model,
    Name,
    Real,
    Share,
    mistake,
)
from pgdose.study.field_types import Title
from pgdose.study.image_size import ImageSize, ResizeTo, sides
from pgdose.study.table_files import ListTable
from pgdose.study.words import Word

OLDEST = 130  # years
Sex = Literal["F", "M"]


class Conditions(Model):
    """What is asked of a record; of several words any one will do.

    A key that is left out asks nothing.
    """

    label: Label | Annotated[list[Label], Field(min_length=1)] | None = None
    """The record has this label; of a list, any one of them. Uncertain does not count.

    Reruns: the screening
    """
    class_: Annotated[
        Name | Annotated[list[Name], Field(min_length=1)] | None, Field(alias="class")
    ] = None
    """The record has this class of its source; of a list, any one of them.

    Only: for sources with classes: fields, slides and tables
    Reruns: the source
    """
    age: tuple[Real, Real] | None = None
    """Full years, `[from, to]`, both ends included.

    Unit: years
    Reruns: the screening
    """
    sex: Sex | Annotated[list[Sex], Field(min_length=1)] | None = None
    """`F` or `M`.

    Reruns: the screening
    """
    view: Word | Annotated[list[Word], Field(min_length=1)] | None = None
    """View position of a film, such as `PA`, or a list of them, `[PA, AP]`.

    Reruns: the source
    """

    @field_validator("age")
    @classmethod
    def _check_age(cls, age: tuple[float, float] | None) -> tuple[float, float] | None:
        if age is not None and not 0 <= age[0] <= age[1] <= OLDEST:
            raise mistake("must be a range of full years [from, to] with 0 <= from <= to <= 130")
        return age

    def words_of(self, key: str) -> list[str]:
        """The words of `label`, `class`, `sex` or `view`; empty if the key is left out."""
        value = self.class_ if key == "class" else getattr(self, key)
        return [value] if isinstance(value, str) else list(value or ())

    def full_years(self) -> set[int] | None:
        """The ages that fit; None if the key is left out."""
        return None if self.age is None else _full_years(*self.age)

    def meaning(self) -> tuple[frozenset[Any] | None, ...]:
        """Equal for conditions that the same records fulfil, in whatever order words stand."""
        words = [frozenset(self.words_of(key)) for key in WORDS]
        ages = self.full_years()
        return (*words, None if ages is None else frozenset(ages))


WORDS = ("label", "class", "sex", "view")  # the keys whose values are words


class Where(Conditions):
    """The records that a class may take, and those among them that it must not."""

    not_: Annotated[Conditions | None, Field(alias="not")] = None
    """Records to leave out, by the same keys. Each key counts by itself.

    A record of which the key is not known is left out too: an uncertain or empty label, no class,
    age, sex or view.

    Reruns: the screening
    """

    @model_serializer(mode="wrap")
    def _without_not(self, values: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A rule's settings hold `not` only if the study does: else old results were made again."""
        kept: dict[str, Any] = values(self)
        for name in ("not", "not_"):
            if kept.get(name, self) is None:
                del kept[name]
        return kept

    def to_dict(self, *, paths: bool = True) -> dict[str, Any]:
        return super().to_dict()  # it names no files

    @model_validator(mode="after")
    def _check_not(self) -> Self:
        if self.not_ is None:
            return self
        if self.not_ == Conditions():
            raise mistake("must name what to leave out, such as 'label: other'", field="not")
        for key in WORDS:
            unwanted, words = self.not_.words_of(key), self.words_of(key)
            everything = words or (list(get_args(Sex)) if key == "sex" else [])
            if everything and set(everything) <= set(unwanted):
                raise mistake(NEVER, field=f"not.{key}", key=key)
        unwanted_ages, ages = self.not_.full_years(), self.full_years()
        if unwanted_ages and (_full_years(0, OLDEST) if ages is None else ages) <= unwanted_ages:
            raise mistake(NEVER, field="not.age", key="age")
        return self

    def named(self, key: str) -> dict[str, list[str]]:
        """The words of a key, by where they stand: `label` and `not.label`."""
        unwanted = self.not_.words_of(key) if self.not_ else []
        return {key: self.words_of(key), f"not.{key}": unwanted}

    def labels(self) -> set[str]:
        """All labels that are named, for records of one class or against them."""
        return {word for words in self.named("label").values() for word in words}


NEVER = "leaves out every record that the class could take; change it, or '{key}' of 'where'"


def _full_years(first: float, last: float) -> set[int]:
    return set(range(math.ceil(first), math.floor(last) + 1))


class Class(Model):
    """One class of a group: which records, and how many."""

    title: Annotated[Title | None, JOB_ONLY] = None
    """What figures and the page call the class. Left out: its conditions in words, such as
    *Tuberculosis*.

    Reruns: the figures and the page
    """
    source: Name
    """The source of the records.

    Reruns: the screening
    """
    where: Where = Where()
    """Which records of the source the class takes; all conditions must hold. Left out: every
    record.
    """
    count: Count | Literal["all"] | None = None
    """Images of the class: an exact number, and too few is an error; `all` takes what there is.
    Give this or `at_most`.

    Unit: images
    """
    at_most: Count | None = None
    """Images of the class, or fewer, if there are not so many.

    Unit: images
    """
    augment_to: Count | None = None
    """Add augmented copies until the class has so many images. The copies are made after the split,
    so they stay on their original's side. At least `count`.

    Unit: images
    """

    @model_validator(mode="after")
    def _check_amount(self) -> Self:
        if (self.count is None) == (self.at_most is None):
            raise mistake("give either 'count' (a number or all) or 'at_most'")
        if self.augment_to and isinstance(self.count, int) and self.augment_to < self.count:
            raise mistake("must be at least 'count', {count}", field="augment_to", count=self.count)
        return self


class Image(Model):
    """How a group's images are made."""

    size: ImageSize = 256
    """Side of the square images, or `[height, width]`.

    Unit: pixels
    Reruns: the images
    """
    fit: Literal["squeeze", "crop", "pad"] = "squeeze"
    """How an image of other proportions is brought to `size`: `squeeze` scales each axis by itself;
    `crop` scales it until it covers `size` and cuts out the middle; `pad` fits the whole image
    in and leaves the rest black.

    Reruns: the images
    """
    resize: ResizeTo | None = None
    """What the image is scaled to before its middle is cut out: its shorter side, or `[height,
    width]`. Left out: as small as covers `size`.

    Unit: pixels
    Only: with `fit: crop`
    Reruns: the images
    """
    window: Literal["voi", "percentile", "full"] = "percentile"
    """Which grey values of an X-ray become black and white: `percentile`, its 0.5 and 99.5
    percentiles; `full`, the whole range of its bits; `voi`, the window that its DICOM file
    offers (films without one are left out).
    """
    crop: Literal["none", "aorta"] = "none"
    """`aorta` cuts out a square round the ascending aorta, the arch and the knob of a chest film.

    Reruns: the screening
    """
    least_confidence: Share = 0.4
    """Least confidence of the aorta window; films with less are left out.

    Unit: share
    Only: with `crop: aorta`
    """
    boxes: ListTable | None = None
    """A table `record_id,x,y,side` of windows drawn by hand, which count before those that were
    found: centre and side in pixels of the original, upright as the contact sheet shows it.

    Only: with `crop: aorta`
    """

    @model_validator(mode="after")
    def _check_boxes(self) -> Self:
        if self.boxes and self.crop != "aorta":
            raise mistake("'boxes' needs 'crop: aorta'; set it, or leave 'boxes' out")
        return self

    @model_validator(mode="after")
    def _check_fit(self) -> Self:
        rows, columns = sides(self.size)
        if self.resize is not None and self.fit != "crop":
            raise mistake("'resize' needs 'fit: crop'; set it, or leave 'resize' out")
        if isinstance(self.resize, int) and self.resize < max(rows, columns):
            raise mistake(
                "must be at least {side}, the longer side of 'size', which is cut out of it",
                field="resize",
                side=max(rows, columns),
            )
        if isinstance(self.resize, list) and (self.resize[0] < rows or self.resize[1] < columns):
            raise mistake(
                "must be at least [{rows}, {columns}], as 'size', which is cut out of it",
                field="resize",
                rows=rows,
                columns=columns,
            )
        if self.crop == "aorta" and self.fit == "squeeze" and rows != columns:
            raise mistake(
                "the aorta's window is a square, which 'fit: squeeze' would distort to "
                "[{rows}, {columns}]; use one number for 'size', or 'fit: crop' or 'fit: pad'",
                rows=rows,
                columns=columns,
            )
        return self

    def fit_settings(self) -> dict[str, Any]:
        """How images are brought to the size, for params: nothing for the default."""
        if self.fit == "squeeze":
            return {}
        resize = {} if self.resize is None else {"resize_to": self.resize}
        return {"fit": self.fit, **resize}
