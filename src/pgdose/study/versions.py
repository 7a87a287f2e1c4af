"""The version of the study file's format, and what changed from each version to the next.

To change the format: append a migration to MIGRATIONS. It looks at an older study, as YAML reads
it, and returns the edits that make it a study of the next version.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgdose.errors import UserError

KEY = "format_version"
WITHOUT_KEY = 0  # the version of a file without the key

KeyPath = tuple[str, ...]  # the keys that lead to a field


@dataclass(frozen=True)
class Rename:
    """Give the key at `path` another name; its value stays."""

    path: KeyPath
    name: str

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: renamed {self.name!r}"

    def apply(self, study: dict[str, Any]) -> dict[str, Any]:
        return _changed(study, self.path, lambda key, value: {self.name: value})


@dataclass(frozen=True)
class Replace:
    """Put another value at `path`."""

    path: KeyPath
    value: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: set to {self.value!r}"

    def apply(self, study: dict[str, Any]) -> dict[str, Any]:
        return _changed(study, self.path, lambda key, value: {key: self.value})


@dataclass(frozen=True)
class Add:
    """Add a key at `path`, which has none yet; for a default that changes, its old value."""

    path: KeyPath
    value: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: added with {self.value!r}"

    def apply(self, study: dict[str, Any]) -> dict[str, Any]:
        *section, key = self.path
        if not section:
            return {**study, key: self.value}
        return _changed(
            study, tuple(section), lambda name, value: {name: {**value, key: self.value}}
        )


@dataclass(frozen=True)
class Remove:
    """Remove the key at `path`, with its value."""

    path: KeyPath

    def __str__(self) -> str:
        return f"{'.'.join(self.path)}: removed"

    def apply(self, study: dict[str, Any]) -> dict[str, Any]:
        return _changed(study, self.path, lambda key, value: {})


Edit = Rename | Replace | Add | Remove
Migration = Callable[[Mapping[str, Any]], Sequence[Edit]]

# The migration at index n leads from version n to n + 1. From 0 to 1 only the key was added.
MIGRATIONS: tuple[Migration, ...] = (lambda study: (),)
CURRENT = len(MIGRATIONS)


def pending_edits(
    study: Mapping[str, Any], migrations: Sequence[Migration] = MIGRATIONS
) -> list[Edit]:
    """The edits that bring a study to the current version.

    UserError if the study is of a newer version, or names none that there is.
    """
    version = study.get(KEY, WITHOUT_KEY)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise UserError(f"{KEY}: {version!r} must be a whole number from 0 to {len(migrations)}")
    if version > len(migrations):
        raise UserError(
            f"{KEY}: {version} is newer than this pgdose, which reads up to version "
            f"{len(migrations)}; update pgdose"
        )
    edits: list[Edit] = []
    edited = dict(study)
    for migration in migrations[version:]:
        for edit in migration(edited):
            edits.append(edit)
            edited = edit.apply(edited)
    return edits


def _changed(
    study: dict[str, Any], path: KeyPath, change: Callable[[str, Any], dict[str, Any]]
) -> dict[str, Any]:
    """A copy of a study in which `change` has replaced the entry at `path`; the order stays."""
    first, *rest = path
    copy: dict[str, Any] = {}
    for key, value in study.items():
        if key != first:
            copy[key] = value
        elif rest:
            copy[key] = _changed(value, tuple(rest), change)
        else:
            copy |= change(key, value)
    return copy
