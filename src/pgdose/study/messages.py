"""Validation errors of pydantic as lines: the field's path, what stands there, what may stand."""

import datetime
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import ValidationError

from pgdose.names import NAME_RULE
from pgdose.study.attacks import AnyAttack
from pgdose.study.controls import AnyControl
from pgdose.study.error_locations import Location, locate, tags
from pgdose.study.error_texts import TEXTS
from pgdose.study.field_lines import FieldLines
from pgdose.study.study import Study
from pgdose.study.suggestions import nearest, one_of
from pgdose.study.unknown_keys import unknown_key
from pgdose.study.value_hints import hint

TYPES = {kind for kind in TEXTS if kind.endswith("_type")}  # the value is of another type
LABEL_RULE = "a small letter, then at most 39 small letters, digits or '_'"
# Sections whose kinds are easily taken for each other's.
KINDS_OF_SECTIONS = {
    "attacks": tags(AnyAttack),
    "controls": tags(AnyControl),
}
SHOWN = 200  # characters of a value
CONSTANTS = {None: "null", True: "true", False: "false"}  # as YAML writes them


class Mistake(NamedTuple):
    """One error, or one choice of a field that the value does not fit.

    keys:            the path of the field
    value:           what stands there, as the message shows it; empty if it does not
    is_another_type: the value is a list, say, where a text must stand
    """

    keys: tuple[str, ...]
    value: str
    text: str
    hint: str = ""
    is_another_type: bool = False


def message(lines: list[str]) -> str:
    """All mistakes of a study under one heading."""
    count = "a mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    return "\n".join([f"The study has {count}:", *(f"  {line}" for line in lines)])


def validation_lines(error: ValidationError, lines: FieldLines) -> list[str]:
    """A line for each mistake; the choices of one field share a line.

    lines: finds the fields of the study in its files
    """
    fields: dict[tuple[tuple[str, ...], str], list[Mistake]] = {}
    for entry in error.errors(include_url=False):
        mistake = _mistake(entry, lines)
        fields.setdefault((mistake.keys, mistake.value), []).append(mistake)
    paths = {keys for keys, _ in fields}
    of_its_type = {keys for (keys, _), found in fields.items() if not _is_of_another_type(found)}
    return [
        lines.located(keys, _sentence(mistakes))
        for (keys, _), mistakes in fields.items()
        # A list that is too short, or has a wrong entry, is not reported again as no text.
        if not _is_of_another_type(mistakes)
        or not (keys in of_its_type or any(_is_below(path, keys) for path in paths))
    ]


def _sentence(mistakes: list[Mistake]) -> str:
    """One sentence for all choices of a field."""
    wrong = [m for m in mistakes if not m.is_another_type]  # of the right type
    first, *others = wrong or mistakes
    texts = [first.text, *(m.text.removeprefix("must be ") for m in others)]
    hints = [m.hint for m in (first, *others) if m.hint]
    value = f"{first.value} " if first.value else ""
    sentence = f"{_shown(first.keys)}: {value}{' or '.join(texts)}"
    return f"{sentence}; {hints[0]}" if hints else sentence


def _is_of_another_type(mistakes: list[Mistake]) -> bool:
    return all(mistake.is_another_type for mistake in mistakes)


def _is_below(path: tuple[str, ...], section: tuple[str, ...]) -> bool:
    return len(path) > len(section) and path[: len(section)] == section


def _mistake(entry: Any, lines: FieldLines) -> Mistake:
    loc, kind, context = entry["loc"], entry["type"], entry.get("ctx", {})
    if loc and loc[-1] == "[key]" and kind != "extra_forbidden":
        loc = loc[:-1]  # a mapping's key is wrong itself
    location = locate(Study, loc)
    keys, value = location.keys, entry["input"]
    if "field" in context:
        keys = [*keys, *context["field"].split(".")]
    keys = _in_the_file(keys, lines.raw)
    if kind != "missing" and entry["loc"][-1:] != ("[key]",):
        value = lines.value(keys, None if "field" in context else value)
    if kind.startswith("union_tag"):
        return _unknown_kind(tuple(keys), value, location)
    text = _text(entry, keys, location)
    written = None if isinstance(value, str) else lines.written(keys)
    shown = ""
    if text.startswith(("must ", "is ")) and not isinstance(value, dict):
        shown = written or _written(value)
    no_word = kind == "literal_error" and isinstance(value, list | dict)
    advice = hint(kind, value, written, location, context.get("expected", ""))
    return Mistake(tuple(keys), shown, text, advice, no_word or kind in TYPES)


def _text(entry: Any, keys: list[str], location: Location) -> str:
    """What is wrong: `must be ...`, or another sentence without a value."""
    kind, context = entry["type"], entry.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(keys, location)
    if kind == "missing" and get_origin(location.kind) is Literal:
        return f"missing; add it, {one_of(map(str, get_args(location.kind)))}"
    if kind == "string_pattern_mismatch":
        is_label = context["pattern"].startswith("^[a-z]")
        return f"is not a valid name; use {LABEL_RULE if is_label else NAME_RULE}"
    if kind in TEXTS:
        return TEXTS[kind].format(**{key: _plain(value) for key, value in context.items()})
    return str(entry["msg"][:1].lower() + entry["msg"][1:])


def _unknown_kind(keys: tuple[str, ...], section: Any, location: Location) -> Mistake:
    """The key `kind` of a section, which says which keys the section has."""
    what, kinds = keys[0].removesuffix("s"), tags(location.kind)
    keys = (*keys, "kind")
    if not isinstance(section, dict) or "kind" not in section:
        return Mistake(keys, "", f"missing; add it, {one_of(kinds)}")
    name = section["kind"]
    for other, those in KINDS_OF_SECTIONS.items():
        if name in those and keys[0] != other and keys[0] in KINDS_OF_SECTIONS:
            return Mistake(keys, _written(name), f"belongs in section '{other}'; move it there")
    text = f"is not a kind of {what}{nearest(str(name), kinds)}; {one_of(kinds)}"
    return Mistake(keys, _written(name), text)


def _in_the_file(keys: list[str], raw: Any) -> list[str]:
    """The path without an entry of a single value that was taken for a list of one."""
    place = raw
    for number, key in enumerate(keys):
        if isinstance(place, dict):
            if key not in place:  # it is missing, or no list stands here
                rest = keys[number + 1 :]
                return [*keys[:number], *_in_the_file(rest, place)] if key.isdecimal() else keys
            place = place[key]
        elif isinstance(place, list) and key.isdecimal() and int(key) < len(place):
            place = place[int(key)]
        else:
            return keys[:number]
    return keys


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return CONSTANTS[value]
    text = str(value) if isinstance(value, datetime.date) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _plain(limit: Any) -> Any:
    """A limit as a person writes it: 0 and not 0.0."""
    return f"{limit:g}" if isinstance(limit, float) else limit


def _shown(keys: tuple[str, ...]) -> str:
    # A key that is no name can hold a line break, or characters that reverse the line.
    are_plain = (key.isprintable() and key == key.strip() for key in keys)
    shown = [key if plain else ascii(key) for key, plain in zip(keys, are_plain, strict=True)]
    return ".".join(shown) or "the file"
