"""Section `groups`: which images a study group holds, and which networks it has."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pgdose.study.augmentation import Augment
from pgdose.study.base import Model, Name, Real, Shards, Share, mistake
from pgdose.study.classes import Class, Image
from pgdose.study.field_types import Title
from pgdose.study.networks import AnyNetwork, ExistingNetwork
from pgdose.study.table_files import ListTable


class Group(Model):
    title: Title
    """Title of the group in tables, figures and the page, one line.

    Reruns: Table 1, and the page
    """
    image: Image = Image()
    """How the images of the group are made."""
    balance: list[Literal["sex", "class"]] = []
    """Make sexes or classes equal: `sex` takes as many images of women (F) as of men (M) in each
    class; `class` makes the classes equally large. With `sex`, `count` must be even; with
    `class`, use `at_most` or `count: all`.
    """
    augment: Augment = Augment()
    """How far the copies that `augment_to` adds may differ from their originals."""
    classes: Annotated[dict[Name, Class], Field(min_length=2)]
    """The classes that the network tells apart, by names of your choice: two or more."""
    network: ExistingNetwork | None = None
    """A network that exists already, in a file. All images of the group are then for validation.
    Left out: the network is trained.

    Reruns: the network
    """
    networks: dict[Name, AnyNetwork] = {}
    """Further networks on the same images, by names of your choice: trained, from a file, defended,
    or an ensemble. Keys of a trained one that are left out are those of `training`.

    Reruns: the network that changes
    """
    norm: Name | Annotated[list[Name], Field(max_length=100)] | None = None
    """The class without disease, or a list of such classes; `[]` for none. It tells missed disease
    and false alarms apart. Left out: the conditions of the classes may tell it (`label: norm`).

    Reruns: the measures
    """
    harm: Annotated[dict[str, Annotated[Real, Field(ge=0, le=1e6)]], Field(max_length=1000)] = {}
    """How much worse a wrong diagnosis is than another, `{TRUE->PREDICTED: weight}`, such as
    `{TB->norm: 5}`; those left out count 1.

    Unit: none
    Reruns: the measures
    """
    exclude: ListTable | None = None
    """A table `record_id,reason` of records to leave out, after a look at the contact sheet."""
    shards: Shards = 1
    """How many jobs share the making of the images. Results do not depend on it.

    Unit: jobs
    """
    paper_accuracy: Share | None = None
    """Accuracy that a paper reports, shown beside the measured one.

    Unit: share
    Reruns: Table 1, and the page
    """

    @model_validator(mode="after")
    def _check_balance(self) -> Self:
        for name, entry in self.classes.items():
            if not isinstance(entry.count, int):
                continue
            field = f"classes.{name}.count"
            if "sex" in self.balance and entry.count % 2:
                raise mistake("must be even with 'balance: [sex]'", field=field)
            if "class" in self.balance:
                raise mistake(
                    "{count} is exact, and 'balance: [class]' would change it; use 'at_most' or "
                    "'count: all'",
                    field=field,
                    count=entry.count,
                )
        return self
