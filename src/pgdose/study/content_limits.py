"""How much a study, or another YAML file, may hold: checked before anything else looks at it.

An alias of YAML (`*name`) is one shared object in memory, so that a file of a few lines can stand
for billions of values. They are counted as often as they stand for something, up to a limit, and
without recursion.
"""

from collections.abc import Iterator, Sized
from typing import Any, NamedTuple

import yaml

from pgdose.errors import UserError

VALUES = 100_000  # of the whole file: keys, entries and what they hold
DEPTH = 30  # of sections in sections
ENTRIES = 10_000  # of one list or mapping
TEXT = 4096  # characters of one text
DIGITS = 18  # of a whole number: it fits 64 bits

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


def load_yaml(text: str) -> Any:
    """The content of a YAML file, read as plain data; UserError if it holds more than it may.

    Raises yaml.YAMLError for a text that is not YAML.
    """
    try:
        content = yaml.safe_load(text)
    except (RecursionError, ValueError) as error:  # brackets in brackets; a number of 5000 digits
        raise UserError(f"the file cannot be read ({type(error).__name__}); simplify it") from None
    if excess := find_excess(content):
        raise UserError(str(excess))
    return content


def _too_large(value: Any) -> str | None:
    if isinstance(value, str) and len(value) > TEXT:
        return f"a text of {len(value)} characters; use at most {TEXT}"
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
