"""`parse`: the one way from the content of a study file to a `Study`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from pgdose.errors import UserError
from pgdose.study.content_limits import find_excess
from pgdose.study.cross_checks import cross_checks
from pgdose.study.field_lines import Document, FieldLines
from pgdose.study.messages import message, validation_lines
from pgdose.study.study import Study
from pgdose.study.versions import KEY, MIGRATIONS, Migration, pending_edits


def parse(
    raw: dict[str, Any],
    migrations: Sequence[Migration] = MIGRATIONS,
    documents: Mapping[str, Document] | None = None,
) -> Study:
    """The study in `raw`, or a UserError with one line for each mistake.

    documents: the files that `raw` was read from, by name; then each line says where the field
               stands
    """
    study, lines = parse_with_mistakes(raw, migrations, documents)
    if lines:
        raise _refusal(lines, FieldLines(raw, documents))
    return study


def parse_with_mistakes(
    raw: dict[str, Any],
    migrations: Sequence[Migration] = MIGRATIONS,
    documents: Mapping[str, Document] | None = None,
) -> tuple[Study, list[str]]:
    """The study, and a line for each mistake that lies between its sections.

    UserError if a section itself is wrong: then there is no study to look at.
    """
    fields = FieldLines(raw, documents)
    if excess := find_excess(raw):
        raise _refusal(_located([str(excess)], fields), fields)
    _check_version(raw, migrations, fields)
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise _refusal(validation_lines(error, fields), fields) from None
    return study, _located(cross_checks(study), fields)


def located(lines: list[str], raw: dict[str, Any], documents: Mapping[str, Document]) -> list[str]:
    """Sentences that begin with the path of a field, each behind the field's line in the file."""
    return _located(lines, FieldLines(raw, documents))


def _check_version(
    raw: dict[str, Any], migrations: Sequence[Migration], fields: FieldLines
) -> None:
    """Stop at another version first: it explains all other mistakes."""
    try:
        edits = pending_edits(raw, migrations)
    except UserError as error:
        raise _refusal(_located([str(error)], fields), fields) from None
    if edits:
        line = f"{KEY}: the file has an older version; run `pgdose migrate STUDY` to rewrite it"
        raise _refusal(_located([line, *map(str, edits)], fields), fields)


def _refusal(lines: list[str], fields: FieldLines) -> UserError:
    """All mistakes behind the file's name; of several files each line has its own."""
    name = f"{next(iter(fields.documents))}: " if len(fields.documents) == 1 else ""
    return UserError(name + message(lines))


def _located(lines: list[str], fields: FieldLines) -> list[str]:
    """Sentences that begin with the keys of a field and a colon, each behind the field's line."""
    return [fields.located(line.partition(": ")[0].split("."), line) for line in lines]
