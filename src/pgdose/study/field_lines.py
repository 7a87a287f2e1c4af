"""The lines on which the fields of a study stand in its files, for messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Document:
    """The content of a YAML file, and the nodes that it was built from; they know their lines."""

    content: Any
    root: yaml.Node | None

    def nodes(self, keys: Sequence[str]) -> list[tuple[int, yaml.Node]]:
        """The line of each of these keys, and the node below it, as far as the file has them."""
        found: list[tuple[int, yaml.Node]] = []
        node = self.root
        for key in keys:
            entry = _entry(node, key)
            if entry is None:
                break
            found.append(entry)
            node = entry[1]
        return found


class FieldLines:
    """Finds the fields of a study in the files that it was read from.

    A value that another file or the command line has replaced has no line.

    raw:       the content of the whole study
    documents: its files by name; each replaces values of those before
    """

    def __init__(self, raw: Any, documents: Mapping[str, Document] | None = None) -> None:
        self.raw = raw
        self.documents = documents or {}

    def value(self, keys: Sequence[str], otherwise: Any = None) -> Any:
        """What stands at a field; `otherwise` if nothing does."""
        return value_at(self.raw, keys, otherwise)

    def located(self, keys: Sequence[str], sentence: str) -> str:
        """The sentence behind the field's line, or that of the section which lacks the field."""
        name, found = self._find(keys)
        if not found:
            return sentence
        file = f"{name}, " if len(self.documents) > 1 else ""
        return f"{file}line {found[-1][0]}: {sentence}"

    def written(self, keys: Sequence[str]) -> str | None:
        """A single value as the file spells it; None for a text in quotes or anything else."""
        _, found = self._find(keys)
        if len(found) < len(keys) or not isinstance(found[-1][1], yaml.ScalarNode):
            return None
        node = found[-1][1]
        return None if node.style else node.value

    def _find(self, keys: Sequence[str]) -> tuple[str, list[tuple[int, yaml.Node]]]:
        best: tuple[str, list[tuple[int, yaml.Node]]] = ("", [])
        for name, document in self.documents.items():
            found = document.nodes(keys)
            path = keys[: len(found)]
            is_section = bool(found) and isinstance(found[-1][1], yaml.MappingNode)
            is_used = is_section or value_at(document.content, path) == self.value(path)
            if is_used and len(found) >= len(best[1]):
                best = name, found
        return best


def value_at(content: Any, keys: Sequence[str], otherwise: Any = None) -> Any:
    """The value at a path of keys, of which those of lists are numbers."""
    for key in keys:
        if isinstance(content, Mapping) and key in content:
            content = content[key]
        elif isinstance(content, list) and key.isdecimal() and int(key) < len(content):
            content = content[int(key)]
        else:
            return otherwise
    return content


def _entry(node: yaml.Node | None, key: str) -> tuple[int, yaml.Node] | None:
    """The line of a key in a mapping, or of an entry in a list, and the node there."""
    if isinstance(node, yaml.MappingNode):
        # Keys that `<<` merges come first, and those of the mapping itself replace them.
        for name, value in reversed(node.value):
            if name.value == key:
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        entry = node.value[int(key)]
        return entry.start_mark.line + 1, entry
    return None
