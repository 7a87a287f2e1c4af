"""Validation errors of pydantic as lines: the field's path, what stands there, what may stand."""

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from pgdose.names import NAME_RULE
from pgdose.study.attacks import AnyAttack
from pgdose.study.sources import AnySource
from pgdose.study.study import Study
from pgdose.study.suggestions import nearest, one_of

# pydantic's types of errors in other words, filled from their context.
TEXTS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "model_attributes_type": "must be a mapping of keys and values",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "too_short": "has too few entries; give at least {min_length}",
    "too_long": "has too many entries; give at most {max_length}",
    "literal_error": "must be {expected}",
    "missing": "missing; add it",
}
LABEL_RULE = "a small letter, then at most 39 small letters, digits or '_'"
SHOWN = 200  # characters of a value
CONSTANTS = {None: "null", True: "true", False: "false"}  # as YAML writes them


def message(lines: list[str]) -> str:
    """All mistakes of a study under one heading."""
    count = "a mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n".join([f"The study has {count}:", *(f"  {line}" for line in lines)])


def validation_lines(error: ValidationError) -> list[str]:
    """A line for each mistake; the choices of one field share a line."""
    texts: dict[str, list[str]] = {}
    for entry in error.errors(include_url=False):
        start, text = _start_and_text(entry)
        texts.setdefault(start, []).append(text)
    return [
        start + " or ".join([first, *(text.removeprefix("must be ") for text in others)])
        for start, (first, *others) in texts.items()
    ]


def _start_and_text(error: Any) -> tuple[str, str]:
    """`path.of.the.field: VALUE ` and `must be ...`, or another sentence without a value."""
    loc, value, kind = error["loc"], error["input"], error["type"]
    context = error.get("ctx", {})
    if loc and loc[-1] == "[key]" and kind != "extra_forbidden":
        loc = loc[:-1]  # a mapping's key is wrong itself
    keys, section = _locate(loc)
    if "field" in context:
        for key in context["field"].split("."):
            keys, value = [*keys, key], value.get(key) if isinstance(value, dict) else None
    path = _shown(keys)
    if kind == "extra_forbidden":
        allowed = [field.alias or name for name, field in section.model_fields.items()]
        return f"{path}: ", f"unknown key{nearest(keys[-1], allowed)}; {one_of(allowed)}"
    if kind.startswith("union_tag"):
        name = value.get("kind") if isinstance(value, dict) else value
        _, kinds = _resolve(AnySource if keys[0] == "sources" else AnyAttack)
        text = f"{_written(name)} is not a kind of {keys[0].removesuffix('s')}"
        return f"{path}.kind: ", f"{text}{nearest(str(name), kinds)}; {one_of(kinds)}"
    if kind == "string_pattern_mismatch":
        is_label = context["pattern"].startswith("^[a-z]")
        text = f"is not a valid name; use {LABEL_RULE if is_label else NAME_RULE}"
    elif kind in TEXTS:
        text = TEXTS[kind].format(**{key: _plain(value) for key, value in context.items()})
    else:
        text = error["msg"][:1].lower() + error["msg"][1:]
    if not text.startswith(("must ", "is ")) or isinstance(value, dict):
        return f"{path}: ", text
    return f"{path}: {_written(value)} ", text


def _written(value: Any) -> str:
    is_constant = value is None or isinstance(value, bool)
    text = CONSTANTS[value] if is_constant else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _plain(limit: Any) -> Any:
    """A limit as a person writes it: 0 and not 0.0."""
    return f"{limit:g}" if isinstance(limit, float) else limit


def _shown(keys: list[str]) -> str:
    # A key that is no name can hold a line break, or characters that reverse the line.
    return ".".join(key if key.isprintable() else ascii(key) for key in keys) or "the file"


def _locate(loc: tuple[int | str, ...]) -> tuple[list[str], type[BaseModel]]:
    """The keys of the study file that lead to an error, and the section that holds the last one.

    pydantic puts more into `loc`: the tags and choices of unions.
    """
    keys: list[str] = []
    section: type[BaseModel] = Study
    kind: Any = Study
    for part in loc:
        kind, members = _resolve(kind)
        if members:
            kind = members.get(part)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            section = kind
            keys.append(str(part))
            kind = _annotation(kind, str(part))
        elif get_origin(kind) is dict:
            keys.append(str(part))
            kind = get_args(kind)[1]
        elif isinstance(part, int):  # of a list
            keys.append(str(part))
            kind = None
    return keys, section


def _annotation(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return field.annotation
    return None


def _resolve(kind: Any) -> tuple[Any, dict[Any, Any]]:
    """A type without Annotated and `| None`; of a union of sections their types by tag."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (Union, types.UnionType):
        return kind, {}
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    if len(choices) == 1:
        return _resolve(choices[0])
    return kind, {_tag(choice): choice for choice in choices if _tag(choice)}


def _tag(choice: Any) -> str | None:
    """The tag of a section in a union: its `Tag`, or else the value of its key `kind`."""
    if get_origin(choice) is Annotated:
        return next((m.tag for m in get_args(choice)[1:] if isinstance(m, Tag)), None)
    if isinstance(choice, type) and issubclass(choice, BaseModel):
        return str(get_args(choice.model_fields["kind"].annotation)[0])
    return None
