"""How much a study, or another YAML file, may hold: checked before anything else looks at it.

An alias of YAML (`*name`) is one shared object in memory, so that a file of a few lines can stand
for billions of values. They are counted as often as they stand for something, up to a limit, and
without recursion. What one text can hold is limited while it is read: building its values takes
far longer than looking at them.
"""

import re
import stat
from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pgdose.errors import UserError
from pgdose.study.field_lines import Document
from pgdose.study.yaml_slips import explain, key_slip, scalar_slip

BYTES = 500_000  # of a file
NODES = 50_000  # values as they are written, an alias counts once
VALUES = 100_000  # of the whole file: keys, entries and what they hold
DEPTH = 30  # of sections in sections
ENTRIES = 10_000  # of one list or mapping
TEXT = 4096  # characters of one text
DIGITS = 18  # of a whole number: it fits 64 bits

MERGED = 10  # mappings that one `<<` merges
MERGE_TAG = "tag:yaml.org,2002:merge"
SURROGATE = re.compile("[\ud800-\udfff]")  # no file and no message can hold one

SHOWN_KEYS = 6  # of a path in a message; a bomb's has as many as it is deep
SHOWN_CHARACTERS = 60  # of a key in a message


class Excess(NamedTuple):
    """What is too much in a file: the path of its field, and a sentence that says what to do."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


def find_excess(content: Any) -> Excess | None:
    """The first thing in a file's content that is over a limit above; None if all is within."""
    values = 0
    pending: list[tuple[Any, tuple[str, ...]]] = [(content, ())]
    while pending:
        value, path = pending.pop()
        values += 1
        if values > VALUES:
            return _excess(path, f"the file holds more than {VALUES} values, aliases spelled out")
        if len(path) > DEPTH:
            return _excess(path, f"the file has sections in sections, more than {DEPTH} deep")
        if text := _too_large(value):
            return Excess(_shown(path), text)
        pending += reversed(list(_entries(value, path)))
    return None


def read_limited(path: Path) -> bytes:
    """The bytes of a YAML file; UserError if it is no regular file or is too large.

    A pipe would never end, and a device or a sparse file would fill the memory. Raises OSError
    where the file cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError("is a folder, a pipe or a device; give a regular file")
    with path.open("rb") as file:
        content = file.read(BYTES + 1)
    if len(content) > BYTES:
        raise UserError(f"the file has more than {BYTES // 1000} kB; give a smaller one")
    return content


def load_yaml(text: str) -> Any:
    """The content of a YAML file, read as plain data; UserError as `load_document`."""
    return load_document(text).content


def load_document(text: str) -> Document:
    """The content of a YAML file, read as plain data, and the lines of its fields.

    UserError for a text that is not YAML or holds more than it may: `line N: ...`. Stricter than
    YAML where a reader could take a value for another one: a key that stands twice or is no text,
    octal numbers (010) and numbers to the base 60 (1:30) are refused.
    """
    if len(text) > BYTES:
        raise UserError(f"the file has more than {BYTES // 1000} kB; give a smaller one")
    try:
        loader = _LimitedLoader(text)
        root = loader.get_single_node()
        content = None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise UserError(explain(text, error)) from None
    except (RecursionError, ValueError) as error:  # a chain of merge keys; a number of 5000 digits
        raise UserError(f"the file cannot be read ({type(error).__name__}); simplify it") from None
    if excess := find_excess(content):
        raise UserError(str(excess))
    return Document(content, root)


class _LimitedLoader(yaml.SafeLoader):
    """A SafeLoader that stops at a text that holds too much, before its values are built."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.nodes = self.depth = self.merged = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        self.nodes += 1
        event = self.peek_event()
        if self.nodes > NODES:
            raise _mistake(event, f"the file holds more than {NODES} values; give fewer")
        if self.depth > DEPTH + 1:
            text = f"sections in sections, more than {DEPTH} deep; simplify them"
            raise _mistake(event, text)
        if isinstance(index, int) and index >= ENTRIES:
            raise _mistake(event, f"more than {ENTRIES} entries; give fewer")
        if isinstance(event, yaml.ScalarEvent) and (text := _too_large(event.value) or ""):
            raise _mistake(event, text)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        source = self.text[node.start_mark.index : node.end_mark.index]
        if text := scalar_slip(node, source, self._before(node)):
            raise _mistake(node, text)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        if len(node.value) > ENTRIES:
            raise _mistake(node, f"has {len(node.value)} entries; use at most {ENTRIES}")
        lines: dict[Any, int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag == MERGE_TAG:
                continue
            if text := key_slip(key, value, self._before(key)):
                raise _mistake(key, text)
            name = self.construct_object(key)
            if name in lines:
                text = f"the key {_shown_key(name)!r} stands twice, first in line {lines[name]}"
                raise _mistake(key, f"{text}; remove or rename one of the two")
            lines[name] = key.start_mark.line + 1
        if sum(key.tag == MERGE_TAG for key, _ in node.value) > 1:
            raise _mistake(node, "the key '<<' stands twice; give it a list (<<: [*a, *b])")
        return node

    def _before(self, node: yaml.Node) -> str:
        """What stands before a node in its line."""
        mark = node.start_mark
        return self.text[mark.index - mark.column : mark.index]

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put in the keys that `<<` merges; they are counted, since each merge can double them."""
        for key, value in node.value:
            if key.tag == MERGE_TAG and len(value.value) > MERGED and _is_list(value):
                raise _mistake(key, f"'<<' merges more than {MERGED} mappings; give fewer")
        super().flatten_mapping(node)
        self.merged += len(node.value)
        if self.merged > VALUES:
            text = "'<<' merges too many keys; give fewer, and no aliases (*name) of aliases"
            raise _mistake(node, text)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError, TypeError, ValueError, OverflowError):
            # PyYAML trusts a tag: `!!int abc`, or a date such as 2020-13-45.
            kind = node.tag.rsplit(":", 1)[-1]
            raise _mistake(node, f"not a value of the type {kind!r}; correct it") from None


def _is_list(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _mistake(place: Any, text: str) -> UserError:
    """`place`: a node or an event, which know their line."""
    return UserError(f"line {place.start_mark.line + 1}: {text}")


def _too_large(value: Any) -> str | None:
    if isinstance(value, str) and len(value) > TEXT:
        return f"a text of {len(value)} characters; use at most {TEXT}"
    if isinstance(value, str) and SURROGATE.search(value):
        return "a text with half a character (\\ud800 to \\udfff); write the character itself"
    if isinstance(value, int) and abs(value) >= 10**DIGITS:
        return f"a number of more than {DIGITS} digits; use a smaller one"
    if isinstance(value, dict | list | tuple | set) and len(value) > ENTRIES:
        return f"has {len(value)} entries; use at most {ENTRIES}"
    return None


def _entries(value: Any, path: tuple[str, ...]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key, path  # it can be as long as a value
            yield entry, (*path, _shown_key(key))
    elif isinstance(value, list | tuple | set):
        for number, entry in enumerate(value):
            yield entry, (*path, str(number))


def _excess(path: tuple[str, ...], text: str) -> Excess:
    return Excess(_shown(path), f"{text}; give fewer, and no aliases (*name) of aliases")


def _shown_key(key: Any) -> str:
    if isinstance(key, Sized) and not isinstance(key, str):
        return type(key).__name__
    if isinstance(key, int) and abs(key) >= 10**DIGITS:
        return "(a long number)"
    text = str(key)[:SHOWN_CHARACTERS]
    return text if text.isprintable() else ascii(text)


def _shown(path: tuple[str, ...]) -> str:
    return ".".join(path[:SHOWN_KEYS]) or "the file"
