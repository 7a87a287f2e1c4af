"""Which keys of the study file the location of a pydantic error stands for."""

import types
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, Tag


class Location(NamedTuple):
    """keys: that lead to the field; section: the model with the last key; kind: the field's type"""

    keys: list[str]
    section: type[BaseModel]
    kind: Any


def locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> Location:
    """The location of an error in a model.

    Between the keys of the file `loc` holds the tags and choices of unions, and a tag can be
    spelled like a key of its section (`kind: table` has a key `table`). So the types are followed
    along with it, and of a union's choices the one that the rest of `loc` fits.
    """
    found = _follow(model, loc, model)
    return found or Location([str(part) for part in loc], model, None)


def tags(kind: Any) -> list[str]:
    """The tags of a union of sections; empty for other types."""
    return [str(tag) for tag in _tagged(_choices(_plain(kind)))]


def _follow(kind: Any, loc: tuple[int | str, ...], section: type[BaseModel]) -> Location | None:
    """The location below a type; None if `loc` leads nowhere there."""
    plain = _plain(kind)
    if not loc:
        return Location([], section, plain)
    part, rest = loc[0], loc[1:]
    if choices := _choices(plain):
        tagged = _tagged(choices)
        fitting = [tagged[part]] if part in tagged else [] if tagged else choices
        found = (_follow(choice, rest, section) for choice in fitting)
        return next((location for location in found if location), None)
    inner: Any = None
    if isinstance(plain, type) and issubclass(plain, BaseModel):
        section, inner = plain, _annotation(plain, str(part))
        if inner is None:  # an unknown key
            return None if rest else Location([str(part)], plain, None)
    elif get_origin(plain) is dict:
        inner = get_args(plain)[1]
    elif get_origin(plain) in (list, tuple) and isinstance(part, int):
        types_of_entries = get_args(plain)
        inner = types_of_entries[min(part, len(types_of_entries) - 1)]
    else:
        return None
    location = _follow(inner, rest, section)
    return location and location._replace(keys=[str(part), *location.keys])


def _annotation(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            return field.annotation
    return None


def _plain(kind: Any) -> Any:
    """A type without Annotated and `| None`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    choices = _members(kind)
    return _plain(choices[0]) if len(choices) == 1 else kind


def _choices(kind: Any) -> list[Any]:
    """The types of a union of several types; empty for other types."""
    choices = _members(kind)
    return choices if len(choices) > 1 else []


def _members(kind: Any) -> list[Any]:
    if get_origin(kind) not in (Union, types.UnionType):
        return []
    return [choice for choice in get_args(kind) if choice is not types.NoneType]


def _tagged(choices: list[Any]) -> dict[int | str, Any]:
    """The sections of a union by their tags: a `Tag`, or else the value of the key `kind`."""
    found: dict[int | str, Any] = {}
    for choice in choices:
        plain = _plain(choice)
        markers = get_args(choice)[1:] if get_origin(choice) is Annotated else ()
        if tag := next((marker.tag for marker in markers if isinstance(marker, Tag)), None):
            found[tag] = choice
        elif isinstance(plain, type) and issubclass(plain, BaseModel):
            kind = plain.model_fields["kind"].annotation
            found |= {value: choice for value in get_args(kind) if get_origin(kind) is Literal}
    return found
