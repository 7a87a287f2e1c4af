"""What to write in place of a value of the wrong type, by what its author may have meant."""

import datetime
import re
import types
from typing import Any, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.defended_networks import EXAMPLES, InputDefence
from pgdose.study.error_locations import Location
from pgdose.study.suggestions import nearest_of

SECTIONS = ("model_type", "model_attributes_type", "dict_type")
METHODS = ["pgd", "trades", "free"]
NOTHING = ("no", "none", "null", "false", "off")
# Commas or spaces between groups of three digits. Behind a 0 the comma is a decimal one.
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[, ]\d{3})+")


def hint(kind: str, value: Any, written: str | None, place: Location, expected: str = "") -> str:
    """A clause such as `put it in quotes`; empty if nothing can be guessed.

    kind:     pydantic's type of error
    value:    what stands there, as YAML read it
    written:  as the file spells it, if that is known
    place:    the field
    expected: of an error of a choice, pydantic's list of what may stand there
    """
    if kind == "string_type":
        return _for_text(value, written)
    if kind == "literal_error" and isinstance(value, str):
        return _for_choice(value, re.findall(r"'([^']*)'", expected))
    if kind in SECTIONS:
        return _for_section(value, place)
    if kind in ("list_type", "tuple_type") and isinstance(value, str | int | float):
        return _for_list(value, place)
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


def _for_choice(value: str, choices: list[str]) -> str:
    meant = nearest_of(value, choices)
    return f"did you mean {meant!r}?" if meant else ""


def _for_section(value: Any, place: Location) -> str:
    if isinstance(value, list) and any(isinstance(entry, dict) for entry in value):
        return "remove the '- ' before its keys"
    if isinstance(value, str) and re.match(r"[\w.-]+:\S", value):
        return "write a space after the colon"
    field = _field(place)
    if field and (value is False or (isinstance(value, str) and value.casefold() in NOTHING)):
        if types.NoneType not in get_args(field.annotation):
            return "" if field.is_required() else "leave it out"
        # A further network that leaves a key out takes it from section `training`.
        return "write null" if "networks" in place.keys else "write null, or leave it out"
    example = _example(value, place)
    return f"give its settings, such as {example}" if example else ""


def _example(value: Any, place: Location) -> str:
    """Settings of a section, where its name alone or one value of it stands."""
    if place.kind is AdversarialTraining:
        return f"{{method: {value if value in METHODS else 'pgd'}, epsilon: 0.01}}"
    if place.kind is InputDefence:
        name = value if value in list(EXAMPLES) else "jpeg"
        return f"{{{name}: {EXAMPLES[name]}}}"
    return EXAMPLES[place.keys[-1]] if place.section is InputDefence else ""


def _for_list(value: Any, place: Location) -> str:
    field = _field(place)
    if isinstance(value, str) and value.strip().casefold() == "all":
        # Without `groups` a section is about all of them; other lists say what they hold.
        default = field.default if field else None
        means_all = default and isinstance(default, list)
        means_all = means_all or (default == [] and place.keys[-1] == "groups")
        return "leave it out, which stands for all of them" if means_all else ""
    parts = re.split(r"\s*,\s*", value.strip()) if isinstance(value, str) else [str(value)]
    return f"write [{', '.join(parts)}]" if _may_be_entries(parts, field) else ""


def _may_be_entries(parts: list[str], field: FieldInfo | None) -> bool:
    """Whether a field's list may hold these; yes for a type that is not looked into."""
    lists = [kind for kind in _types(field.annotation if field else None) if get_args(kind)]
    entries = [get_args(kind)[0] for kind in lists if get_origin(kind) is list]
    if not entries:
        return True
    for entry in entries:
        try:
            TypeAdapter(list[entry]).validate_python(parts)  # type: ignore[valid-type]
        except ValidationError:
            continue
        return True
    return False


def _field(place: Location) -> FieldInfo | None:
    """The field of a section at a place; None for an entry of a mapping or a list."""
    for name, field in place.section.model_fields.items():
        if place.keys and place.keys[-1] == (field.alias or name):
            return field
    return None


def _types(annotation: Any) -> list[Any]:
    """The types of a union, without their markers; of another type itself."""
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for choice in get_args(annotation) for kind in _types(choice)]
    return [annotation]


def _for_number(value: str, whole: bool) -> str:
    text = value.strip()
    if THOUSANDS.fullmatch(text):
        return f"write {re.sub('[, ]', '', text)}"
    if percent := re.fullmatch(r"(\d{1,9}(?:[.,]\d{1,9})?)\s*%", text):
        return "" if whole else f"write {float(percent[1].replace(',', '.')) / 100:g}"
    if re.fullmatch(r"\d*,\d+", text) and not whole:
        text = text.replace(",", ".")
    try:
        parsed = float(text)
    except ValueError:
        return ""
    if whole:
        return f"write {int(parsed)}" if parsed.is_integer() and abs(parsed) < 1e15 else ""
    return f"write {text}" if text != value else ""
