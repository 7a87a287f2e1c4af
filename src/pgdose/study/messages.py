"""Validation errors of pydantic as lines that name the field, what stands there and what may."""

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import (
    BaseModel,
)

from pgdose.names import NAME_RULE
from pgdose.study.attacks import ATTACK_KINDS
from pgdose.study.base import known_names, nearest
from pgdose.study.networks import ExistingNetwork, Training, network_kind
from pgdose.study.sources import SOURCE_KINDS
from pgdose.study.study import Study


def message(lines: list[str]) -> str:
    head = "The study has a mistake" if len(lines) == 1 else f"The study has {len(lines)} mistakes"
    return "\n".join([f"{head}:", *(f"  {line}" for line in lines)])


def line(raw: Any, error: Any) -> str:
    """`path.of.the.field: what stands there; what may`."""
    path, model = _locate(raw, error["loc"])
    stands = error["input"]
    shown = "" if isinstance(stands, dict) else f"{stands!r}: "
    if error["type"] == "extra_forbidden":
        known = [field.alias or name for name, field in model.model_fields.items()]
        return f"{path}: unknown key{nearest(path.rsplit('.', 1)[-1], known)}; {known_names(known)}"
    if error["type"] == "missing":
        return f"{path}: missing; it must be given"
    if error["type"] == "string_pattern_mismatch":
        label = error["ctx"]["pattern"].startswith("^[a-z]")
        rule = "a small letter, then small letters, digits or '_'" if label else NAME_RULE
        return f"{path}: {stands!r} is no valid name; {rule}"
    if error["type"].startswith("union_tag"):
        told = stands.get("kind") if isinstance(stands, dict) else stands
        kinds = SOURCE_KINDS if path.startswith("sources.") else ATTACK_KINDS
        return f"{path}.kind: {told!r} is no kind{nearest(str(told), kinds)}; {known_names(kinds)}"
    text = error["msg"]
    return f"{path}: {shown}{text[:1].lower()}{text[1:]}"


def _locate(raw: Any, loc: tuple[int | str, ...]) -> tuple[str, type[BaseModel]]:
    """The field's path as its author knows it, and the model that the last part belongs to."""
    path: list[str] = []
    kind: Any = Study
    model: type[BaseModel] = Study
    for i, part in enumerate(loc):
        inside = isinstance(raw, dict) and part in raw
        inside = inside or (isinstance(raw, list) and isinstance(part, int) and part < len(raw))
        kind = _resolve(kind, raw)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            if not inside and part not in fields:
                if i == len(loc) - 1 and not path:
                    path.append(str(part))
                continue  # the tag of a union, not a key of the file
            kind = fields[part].annotation if part in fields else Any
        elif get_origin(kind) is dict:
            if part == "[key]":
                continue
            kind = get_args(kind)[1]
        elif not inside:
            continue
        path.append(str(part))
        raw = raw[part] if inside else None
    # One that is no name can hold a line break, or turn the line round.
    shown = [part if part.isprintable() else ascii(part) for part in path]
    return ".".join(shown) or "the file", model


def _resolve(kind: Any, raw: Any) -> Any:
    """Look through Annotated, Optional and unions told apart by `kind:`."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        choices = [_resolve(choice, raw) for choice in get_args(kind) if choice is not type(None)]
        models = [c for c in choices if isinstance(c, type) and issubclass(c, BaseModel)]
        if Training in models:
            return ExistingNetwork if network_kind(raw) == "brought" else Training
        told = raw.get("kind", "gradient") if isinstance(raw, dict) else None
        for choice in models:
            if "kind" in choice.model_fields and told in get_args(
                choice.model_fields["kind"].annotation
            ):
                return choice
        return models[0] if models else (choices[0] if choices else Any)
    return kind
