"""`parse`: the one way from the content of a study file to a `Study`."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pgdose.errors import UserError
from pgdose.study.content_limits import find_excess
from pgdose.study.cross_checks import cross_checks
from pgdose.study.messages import message, validation_lines
from pgdose.study.study import Study
from pgdose.study.versions import KEY, MIGRATIONS, Migration, pending_edits


def parse(raw: dict[str, Any], migrations: Sequence[Migration] = MIGRATIONS) -> Study:
    """The study in `raw`, or a UserError with one line for each mistake."""
    if excess := find_excess(raw):
        raise UserError(message([str(excess)]))
    _check_version(raw, migrations)
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise UserError(message(validation_lines(error))) from None
    if lines := cross_checks(study):
        raise UserError(message(lines))
    return study


def _check_version(raw: dict[str, Any], migrations: Sequence[Migration]) -> None:
    """Stop at another version first: it explains all other mistakes."""
    try:
        edits = pending_edits(raw, migrations)
    except UserError as error:
        raise UserError(message([str(error)])) from None
    if edits:
        line = f"{KEY}: the file has an older version; run `pgdose migrate STUDY` to rewrite it"
        raise UserError(message([line, *map(str, edits)]))
