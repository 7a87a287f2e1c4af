"""One section of a study from a plain mapping, outside of a study file."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from pgdose.errors import UserError
from pgdose.study.base import Model
from pgdose.study.error_locations import locate
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
        # By field: of a union, what is wrong by the types that the value has, if it has one.
        lines: dict[str, dict[str, bool]] = {}
        for entry in error.errors(include_url=False):
            path, line = _line(kind, entry, name)
            lines.setdefault(path, {})[line] = entry["type"].endswith("_type")
        chosen = (
            line
            for of_field in lines.values()
            for line, is_another_type in of_field.items()
            if not is_another_type or all(of_field.values())
        )
        raise UserError("; ".join(chosen)) from None


def _line(kind: type[Model], entry: Any, name: str) -> tuple[str, str]:
    """The path of a field, and a sentence about it."""
    context, location = entry.get("ctx", {}), locate(kind, entry["loc"])
    keys = location.keys + context.get("field", "").split(".")
    path = ".".join(key for key in (name, *keys) if key)
    if entry["type"] == "extra_forbidden":
        names = list(location.section.model_fields)
        return path, f"{path}: unknown key{nearest(location.keys[-1], names)}; {one_of(names)}"
    text = entry["msg"]  # may hold what the caller wrote, braces too
    if entry["type"] in TEXTS:
        values = {k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()}
        text = TEXTS[entry["type"]].format(**values)
    shown = "" if isinstance(entry["input"], Mapping) else f"{entry['input']!r:.{SHOWN}} "
    shown = shown if text.startswith("must ") else ""
    return path, f"{path}: {shown}{text}" if path else text
