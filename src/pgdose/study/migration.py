"""Rewriting the text of an older study file: its comments, order and layout stay."""

import json
from collections.abc import Sequence
from typing import Any

import yaml

from pgdose.errors import UserError
from pgdose.study.content_limits import load_yaml
from pgdose.study.versions import (
    KEY,
    MIGRATIONS,
    Add,
    Edit,
    KeyPath,
    Migration,
    Remove,
    Rename,
    Replace,
    pending_edits,
)


def migrate(text: str, migrations: Sequence[Migration] = MIGRATIONS) -> tuple[str, list[str]]:
    """The text of a study file in the current version, and a sentence for each change.

    No change, and the same text, for a study of the current version. UserError if the study is of
    a newer version, is no mapping, or holds a change where the text cannot be edited safely.
    """
    study = _read(text)
    edits = pending_edits(study, migrations)
    if study.get(KEY) == len(migrations):
        return text, []
    changes = [*map(str, edits), f"{KEY}: set to {len(migrations)}"]
    expected = study
    try:
        for edit in edits:
            text, expected = _edited(text, edit), edit.apply(expected)
        text = _with_version(text, len(migrations))
        is_right = load_yaml(text) == {**expected, KEY: len(migrations)}
    except (UserError, yaml.YAMLError, KeyError):
        is_right = False
    if not is_right:  # an anchor, a merge key, a layout that no edit here expects
        raise UserError(
            "pgdose cannot edit a file of this layout; make these changes by hand: "
            f"{'; '.join(changes)}"
        )
    return text, changes


def _read(text: str) -> dict[str, Any]:
    study = load_yaml(text)
    if not isinstance(study, dict) or not study:
        raise UserError("the file is not a study; give a YAML file of keys and values")
    return study


def _compose(text: str) -> yaml.MappingNode:
    """The nodes of the text, with the places where they stand in it."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):  # an edit took more than its key
        raise KeyError
    return node


def _edited(text: str, edit: Edit) -> str:
    if isinstance(edit, Add):
        return _with_key(text, edit)
    key, value = _find(_compose(text), edit.path)
    if isinstance(edit, Remove):
        return _without(text, key, value)
    if isinstance(edit, Rename):
        return _put(text, key, edit.name)
    return _put(text, value, json.dumps(edit.value, ensure_ascii=False))


def _with_key(text: str, edit: Add) -> str:
    """The text with a new key before the first one of its section."""
    *section, name = edit.path
    root = _compose(text)
    node = _find(root, tuple(section))[1] if section else root
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise KeyError(".".join(edit.path))
    start = node.value[0][0].start_mark
    entry = f"{json.dumps(name)}: {json.dumps(edit.value, ensure_ascii=False)}"
    if node.flow_style:
        return f"{text[: start.index]}{entry}, {text[start.index :]}"
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    entry = entry.replace(json.dumps(name), name, 1)
    return f"{text[: start.index]}{entry}{end_of_line}{' ' * start.column}{text[start.index :]}"


def _without(text: str, key: yaml.Node, value: yaml.Node) -> str:
    """The text without the lines of a key and its value; they must hold nothing else."""
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    end = text.find("\n", _end(value))
    end = len(text) if end < 0 else end + 1
    return text[:start] + text[end:]


def _with_version(text: str, version: int) -> str:
    """The text with the version's number, before the first key unless it stands somewhere."""
    study = _compose(text)
    if any(key.value == KEY for key, _ in study.value):
        return _edited(text, Replace((KEY,), version))
    start = study.value[0][0].start_mark.index
    end_of_line = "\r\n" if "\r\n" in text else "\n"
    line = f'"{KEY}": {version}, ' if study.flow_style else f"{KEY}: {version}{end_of_line}"
    return text[:start] + line + text[start:]


def _find(node: yaml.Node, path: KeyPath) -> tuple[yaml.Node, yaml.Node]:
    """The nodes of the key and of the value at a path."""
    first, *rest = path
    for key, value in node.value if isinstance(node, yaml.MappingNode) else []:
        if key.value == first:
            return _find(value, tuple(rest)) if rest else (key, value)
    raise KeyError(".".join(path))  # it comes from a merge key


def _put(text: str, node: yaml.Node, written: str) -> str:
    """The text with another key or value in the place of a node's."""
    start, end = node.start_mark.index, _end(node)
    space = " " if start == end else ""  # nothing stood behind the colon
    return text[:start] + space + written + text[end:]


def _end(node: yaml.Node) -> int:
    """Where a node's text ends. That of a block ends with its last value, before any comment."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    return node.end_mark.index
