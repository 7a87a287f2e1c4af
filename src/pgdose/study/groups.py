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
    image: Image = Image()
    balance: list[Literal["sex", "class"]] = []
    augment: Augment = Augment()  # of the copies that `augment_to` adds
    classes: Annotated[dict[Name, Class], Field(min_length=2)]
    network: ExistingNetwork | None = None  # null: the group's network is trained
    networks: dict[Name, AnyNetwork] = {}  # further ones; keys left out are those of `training`
    # The class without disease, or several: missed diseases and false alarms are told apart by it.
    # null: the conditions of the classes may tell it, see `harm`; []: there is none.
    norm: Name | Annotated[list[Name], Field(max_length=100)] | None = None
    # How much worse a confusion is than another: {"TB->norm": 5}; those left out count 1.
    harm: Annotated[dict[str, Annotated[Real, Field(ge=0, le=1e6)]], Field(max_length=1000)] = {}
    exclude: ListTable | None = None  # a table of records to leave out
    shards: Shards = 1
    paper_accuracy: Share | None = None

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
