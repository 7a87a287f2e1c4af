"""Amplitudes of a change: numbers, or divisions such as 8/255."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from pgdose.errors import UserError
from pgdose.study import base
from pgdose.study.base import Real, mistake
from pgdose.study.doses import Doses

NUMBER = r"[0-9]{1,18}(?:\.[0-9]{1,18})?"
DIVISION = rf"\s*{NUMBER}\s*/\s*{NUMBER}\s*"


def divided(value: Any) -> Any:
    """`8/255` as a number; other values as they are."""
    if not isinstance(value, str) or "/" not in value:
        return value
    if not re.fullmatch(DIVISION, value):
        raise mistake("must be a number, or two numbers with a / between them such as 8/255")
    dividend, divisor = (float(number) for number in value.split("/"))
    if divisor == 0:
        raise mistake("must be a number; nothing can be divided by 0, write one such as 8/255")
    return dividend / divisor


def _schema(**bounds: float) -> WithJsonSchema:
    division = {"type": "string", "pattern": f"^{DIVISION}$"}
    return WithJsonSchema({"anyOf": [{"type": "number", **bounds}, division]})


Amplitude = Annotated[Real, Field(gt=0), BeforeValidator(divided), _schema(exclusiveMinimum=0)]
Epsilon = Annotated[base.Epsilon, BeforeValidator(divided), _schema(exclusiveMinimum=0, maximum=1)]


def rising(epsilons: list[float]) -> list[float]:
    """The same, if they can be the amplitudes of one attack or control."""
    try:
        Doses(tuple(epsilons), max_iter=1)
    except UserError:
        raise mistake("must be amplitudes above 0 in rising order, without repeats") from None
    return epsilons
