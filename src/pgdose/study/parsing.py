"""`parse`: the only way from a study file's content to a `Study`."""

from typing import Any

from pydantic import (
    ValidationError,
)

from pgdose.errors import UserError
from pgdose.study.cross_checks import cross_checks
from pgdose.study.messages import line, message
from pgdose.study.study import Study


def parse(raw: dict[str, Any]) -> Study:
    """The study in `raw`, or a UserError with one line per mistake."""
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        seen = dict.fromkeys(line(raw, e) for e in error.errors(include_url=False))
        raise UserError(message(list(seen))) from None
    if found := cross_checks(study):
        raise UserError(message(found))
    return study
