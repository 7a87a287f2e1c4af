"""One section of a study from a plain mapping, outside of a study file."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from pgdose.errors import UserError
from pgdose.study.base import Model
from pgdose.study.error_texts import TEXTS
from pgdose.study.suggestions import nearest, one_of

Section = TypeVar("Section", bound=Model)
SHOWN = 80  # characters of a value


def section_of(kind: type[Section], fields: Mapping[str, Any], name: str) -> Section:
    """The section that `fields` describe; UserError, a sentence for each mistake.

    Each begins with `name`, unless that is empty, and the keys that are wrong.
    """
    try:
        return kind.model_validate(dict(fields))
    except ValidationError as error:
        lines = [_line(kind, entry, name) for entry in error.errors(include_url=False)]
        raise UserError("; ".join(dict.fromkeys(lines))) from None


def _line(kind: type[Model], entry: Any, name: str) -> str:
    context = entry.get("ctx", {})
    keys = [str(key) for key in entry["loc"]] + context.get("field", "").split(".")
    path = ".".join(key for key in (name, *keys) if key)
    if entry["type"] == "extra_forbidden":
        names = list(kind.model_fields)
        return f"{path}: unknown key{nearest(keys[-2], names)}; {one_of(names)}"
    values = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
    kind_of_error = entry["type"]
    # A mistake of the study's own is a finished text, whose braces are a person's or Python's.
    text = TEXTS[kind_of_error].format(**values) if kind_of_error in TEXTS else entry["msg"]
    shown = "" if isinstance(entry["input"], Mapping) else f"{entry['input']!r:.{SHOWN}} "
    shown = shown if text.startswith("must ") else ""
    return f"{path}: {shown}{text}" if path else text
