"""What every section of the study file is built from: the base model, field types, markers.

Two markers on a field, `Annotated[type, marker]`, say what else of pgdose does with it:

    UsedBy(rules)   only the settings of these rules hold the field, see `Model.settings`
    IS_PATH         the field says where files lie; the report leaves it out
"""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from pgdose.names import NAME

INCEPTION_MINIMUM = 75  # pixels; a smaller image has no pixel left at the end of InceptionV3


class UsedBy:
    """Marks a field that only the results of these rules depend on."""

    def __init__(self, *rules: str) -> None:
        self.rules = rules


JOB_ONLY = UsedBy()  # how a job is run, or an input of its rule: no result depends on the value
IS_PATH = "path"


def mistake(text: str, field: str | None = None, **values: Any) -> PydanticCustomError:
    """The error that a validator raises: `text` with its {placeholders} filled from `values`.

    A validator of one field says what must stand there: "must be ...". A validator of a whole
    section writes a sentence, and names the `field` that it is about, if it is about one.
    """
    return PydanticCustomError("study", text, values | ({"field": field} if field else {}))


class Model(BaseModel):
    """The base of all sections: keys that it does not name are refused, values never change.

    Numbers are finite. How long texts and lists may be: `content_limits`.

    The text below each field is its description, for editors (`pgdose schema`) and for
    docs/reference/study-keys.md (`pgdose.reference.study_keys`, which says how to write it). No
    result depends on it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty_sections(cls, raw: Any) -> Any:
        """A section with nothing below its key, which is null to YAML, is as if it were left out.

        Where null has a meaning of its own the default is null too, and the key stays.
        """
        if not isinstance(raw, dict):
            return raw
        sections = {
            field.alias or name
            for name, field in cls.model_fields.items()
            if isinstance(field.default, Model | dict)
        }
        return {
            key: value for key, value in raw.items() if value is not None or key not in sections
        }

    def to_dict(self, *, paths: bool = True) -> dict[str, Any]:
        """JSON values by the keys of the study file; `paths=False` leaves out where files lie."""
        values = self.model_dump(mode="json", by_alias=True)
        if paths:
            return values
        kept: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value, key = getattr(self, name), field.alias or name
            if isinstance(value, Model):
                kept[key] = value.to_dict(paths=False)
            elif isinstance(value, dict) and all(isinstance(v, Model) for v in value.values()):
                kept[key] = {name: entry.to_dict(paths=False) for name, entry in value.items()}
            elif IS_PATH not in field.metadata:
                kept[key] = values[key]
        return kept

    def settings(self, rule: str = "") -> dict[str, Any]:
        """JSON values of the fields that the results of a rule depend on, for its params.

        These are all fields but those marked `UsedBy` other rules. What is left out and has no
        default is an input or a parameter of the rule: the script adds it before it reads the
        settings, `Slides.model_validate({**settings, "root": root, ...})`.
        """
        left_out = {
            name
            for name, field in type(self).model_fields.items()
            for marker in field.metadata
            if isinstance(marker, UsedBy) and rule not in marker.rules
        }
        return self.model_dump(mode="json", by_alias=True, exclude=left_out)


def as_list(value: Any) -> Any:
    """One entry of a list of sections may stand without the list; null stands for no entry."""
    if value is None:
        return []
    return [value] if isinstance(value, dict) else value


Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise mistake("must be a number (YAML reads yes, no, on and off as true and false)")
    return value


# Every number of a study is one of these; `int` and `float` would take true for 1.
Integer = Annotated[int, BeforeValidator(_refuse_truth)]
Real = Annotated[float, BeforeValidator(_refuse_truth)]

# Whole numbers by what they count. The largest are far above what a study needs: a slip of some
# zeros stops before any job.
Count = Annotated[Integer, Field(ge=1, le=10_000_000)]  # images, patients, steps
CountOrZero = Annotated[Integer, Field(ge=0, le=10_000_000)]
Iterations = Annotated[Integer, Field(ge=1, le=10_000)]
Repeats = Annotated[Integer, Field(ge=1, le=1000)]  # each is a training, or a whole attack
Shards = Annotated[Integer, Field(ge=1, le=10_000)]  # each is a job
Threads = Annotated[Integer, Field(ge=1, le=1024)]
Megabytes = Annotated[Integer, Field(ge=1, le=100_000_000)]
Minutes = Annotated[Integer, Field(ge=1, le=1_000_000)]

Epsilon = Annotated[Real, Field(gt=0, le=1)]
Share = Annotated[Real, Field(ge=0, le=1)]
