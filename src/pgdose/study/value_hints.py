"""What to write in place of a value of the wrong type, by what its author may have meant."""

import datetime
import re
from typing import Any


def hint(kind: str, value: Any, written: str | None) -> str:
    """A clause such as `put it in quotes`; empty if nothing can be guessed.

    kind:    pydantic's type of error
    value:   what stands there, as YAML read it
    written: as the file spells it, if that is known
    """
    if kind == "string_type":
        return _for_text(value, written)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return _for_section(value)
    if kind in ("list_type", "tuple_type") and isinstance(value, str | int | float):
        parts = re.split(r"\s*,\s*", value) if isinstance(value, str) else [str(value)]
        return f"write [{', '.join(parts)}]"
    if isinstance(value, str) and kind.startswith(("int_", "float_")):
        return _for_number(value, whole=kind.startswith("int_"))
    return ""


def _for_text(value: Any, written: str | None) -> str:
    if value is None:
        return "write one; in quotes if you mean the word 'null' or '~'"
    if isinstance(value, dict):  # {class}/{patient} without quotes
        return "put it in quotes" if all(entry is None for entry in value.values()) else ""
    if isinstance(value, list):
        return ""
    if isinstance(value, bool):
        if written and written.lower() not in ("true", "false"):
            return f"put it in quotes (YAML reads {written} as {str(value).lower()})"
        return "put it in quotes (YAML reads yes, no, on and off as true and false)"
    read_as = "a date" if isinstance(value, datetime.date) else "a number"
    return f"put it in quotes (YAML reads it as {read_as})"


def _for_section(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return "remove the '- ' before its keys"
    if isinstance(value, str) and re.match(r"[\w.-]+:\S", value):
        return "write a space after the colon"
    return ""


def _for_number(value: str, whole: bool) -> str:
    text = value.strip().replace(",", ".") if re.fullmatch(r"[\d\s]*,\d+", value) else value
    try:
        number = float(text)
    except ValueError:
        return ""
    if whole:
        return f"write {int(number)}" if number.is_integer() and abs(number) < 1e15 else ""
    return f"write {text}" if text != value else ""
