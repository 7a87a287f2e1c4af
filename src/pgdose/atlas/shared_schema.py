"""What share.json and the rows of rates.csv and conclusions.csv may hold, as pydantic models.

The checksums of a folder say only that it is as it was written. Who wrote it may have done so by
hand, so every value is checked before anything is computed from it or printed.
"""

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from pgdose.atlas.scales import ARCSINE, END, IDENTITY, ROUNDING
from pgdose.manifest.files import shown
from pgdose.names import NAME_RULE, is_name
from pgdose.study.base import mistake
from pgdose.study.content_limits import DEPTH, SURROGATE
from pgdose.study.error_texts import TEXTS
from pgdose.study.field_types import check_title

MOST_OF_A_DIFFERENCE = 10.0  # of rates, or of a slope: what the identity scale holds
LEAST_ERROR, MOST_ERROR = 1e-9, 10.0
MOST_CHARACTERS = 500  # of a text; titles that the study does not give are made of its conditions
SHOWN = 60  # characters of a value in a message


def _check_name(text: str) -> str:
    if not is_name(text):
        raise mistake("must be a name: {rule}", rule=NAME_RULE)
    return text


def _check_digest(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise mistake("must be a SHA-256 of 64 hex digits")
    return text


def _check_line(text: str) -> str:
    """A line break or an escape sequence would forge lines of a terminal."""
    if SURROGATE.search(text):
        raise mistake("must be a text that a file can hold")
    if len(text) > MOST_CHARACTERS:
        raise mistake("must be a text of at most {most} characters", most=MOST_CHARACTERS)
    return check_title(text) if text else text


def _check_setting(value: Any, depth: int = 0) -> Any:
    """What JSON can hold, as far as it can be compared and printed."""
    if depth > DEPTH:
        raise mistake("must not hold lists in lists, more than {depth} deep", depth=DEPTH)
    if isinstance(value, float) and not math.isfinite(value):
        raise mistake("must hold finite numbers only")
    if isinstance(value, str):
        _check_line(value)
    elif isinstance(value, list):
        for entry in value:
            _check_setting(entry, depth + 1)
    elif isinstance(value, dict):
        for key, entry in value.items():
            _check_line(key)
            _check_setting(entry, depth + 1)
    return value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _truth(cell: Any) -> Any:
    return {"True": True, "False": False}.get(cell, cell)


Name = Annotated[str, AfterValidator(_check_name)]
Line = Annotated[str, AfterValidator(_check_line)]
Setting = Annotated[Any, AfterValidator(_check_setting)]
Epsilon = Annotated[float, Field(gt=0)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Digest = Annotated[str, AfterValidator(_check_digest)]


class _Json(BaseModel):
    """Keys that are not named here pass: a newer pgdose of the same format may add some."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[Line, Setting] = Field(init=False)


class _OperatingPoint(_Json):
    epsilon: Epsilon
    iterations: Positive


class _Group(_Json):
    modality: Literal["xray", "histology", "other"]
    classes: Annotated[dict[Name, Line], Field(min_length=1)]
    network: Line
    size: Annotated[list[Positive], Field(max_length=2), BeforeValidator(_as_list)]
    accuracy: Annotated[float, Field(ge=0, le=1)]
    n_images: Count | None  # null where it would tell a hidden count
    n_patients: Positive | None


class _Attack(_Json):
    epsilons: Annotated[list[Epsilon], Field(min_length=1)]


class About(_Json):
    """share.json."""

    format_version: int
    name: Name
    study_digest: Digest
    pgdose: Line
    synthetic: bool
    success: Literal["final", "any"]
    operating: _OperatingPoint
    smallest_count: Positive
    rows_left_out: Count
    groups: Annotated[dict[Name, _Group], Field(min_length=1)]
    attacks: Annotated[dict[Name, _Attack], Field(min_length=1)]


class _Row(BaseModel):
    """Cells are texts; an empty one is None."""

    model_config = ConfigDict(allow_inf_nan=False)

    attack: Name
    estimate: float
    standard_error: Annotated[float, Field(ge=LEAST_ERROR, le=MOST_ERROR)]
    scale: Literal["arcsine", "identity"]

    @model_validator(mode="after")
    def _check_estimate(self) -> "_Row":
        ends = {
            ARCSINE: (-ROUNDING, END + ROUNDING),
            IDENTITY: (-MOST_OF_A_DIFFERENCE, MOST_OF_A_DIFFERENCE),
        }
        low, high = ends[self.scale]
        if not low <= self.estimate <= high:
            raise mistake(
                "must be from {low} to {high} on the scale {scale}",
                "estimate",
                low=f"{round(low, 4) + 0:g}",
                high=f"{round(high, 4):g}",
                scale=self.scale,
            )
        return self


class Rate(_Row):
    """A row of rates.csv."""

    group: Name
    epsilon: Epsilon
    iteration: Positive
    n_patients: Positive | None
    n_attacked: Positive
    n_flipped: Count | None
    scale: Literal["arcsine"]
    reached: Annotated[bool, Field(strict=True), BeforeValidator(_truth)]
    failed_checks: Line | None

    @model_validator(mode="after")
    def _check_flipped(self) -> "Rate":
        if self.n_flipped is not None and self.n_flipped > self.n_attacked:
            raise mistake("must be at most n_attacked, {n}", "n_flipped", n=self.n_attacked)
        return self


class Conclusion(_Row):
    """A row of conclusions.csv."""

    conclusion: Name
    statistic: Line
    verdict: Literal["supported", "contradicted", "undecided"]
    n: Count
    unit: Line


def first_mistake(error: ValidationError) -> str:
    """The first thing that is wrong: the key or column, what stands there, and what may stand."""
    entry = error.errors(include_url=False)[0]
    kind, context, value = entry["type"], entry.get("ctx", {}), entry["input"]
    path = [str(part) for part in entry["loc"] if part != "[key]"]
    if "field" in context:  # of a row, whose cells are the input
        path, value = [*path, context["field"]], value[context["field"]]
    field = shown(".".join(path)[:MOST_CHARACTERS]) or "all of it"
    if kind == "missing":
        return f"{field} is missing"
    ends = {key: f"{end:g}" if isinstance(end, float) else end for key, end in context.items()}
    text = TEXTS[kind].format(**ends) if kind in TEXTS else entry["msg"]
    return f"{field} is {_quoted(value)}; it {text[:1].lower()}{text[1:]}"


def _quoted(value: Any) -> str:
    if value is None:
        return "empty"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
