"""Finding the files that a table names, though it spells them otherwise than the disk does."""

import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pgdose.errors import Rejected, UserError
from pgdose.tables.source_files import inside, walk
from pgdose.user_tables.odd_marks import INVISIBLE

WAYS = {
    "spelling": "capitals, accents or backslashes differ",
    "below": "they lie in sub-folders",
    "above": "the table names folders above them",
    "ending": "the table leaves out their ending",
}


class NameIndex:
    """Names of files, by what a table may call them.

    Without being equal, a name is meant if it is the only one that fits: in another spelling,
    without the folders above it, in a sub-folder, or without its ending.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._by_path: dict[str, list[str]] = {}
        self._by_base: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for name in names:
            folded = _fold(name)
            base = folded.rsplit("/", 1)[-1]
            self._names.add(name)
            self._by_path.setdefault(folded, []).append(name)
            self._by_base.setdefault(base, []).append(name)
            self._by_stem.setdefault(base.rsplit(".", 1)[0], []).append(name)

    def find(self, name: str) -> tuple[str, str]:
        """The name that is meant, and the way it was found: equal, or one of WAYS.

        Raises Rejected: file_missing, file_unsure.
        """
        if name in self._names:
            return name, "equal"
        parts = [part for part in _fold(name).split("/") if part not in ("", ".")]
        paths = ["/".join(parts[n:]) for n in range(len(parts))]
        tries = [("above" if n else "spelling", self._by_path, p) for n, p in enumerate(paths)]
        if len(parts) == 1:
            tries += [("below", self._by_base, parts[0]), ("ending", self._by_stem, parts[0])]
        for way, names, text in tries if ".." not in parts else ():
            found = names.get(text, [])
            if len(found) == 1:
                return found[0], way
            if found:
                raise Rejected(
                    "file_unsure", f"the table's name could be any of {len(found)} files"
                )
        raise Rejected("file_missing", "the table names a file that does not exist")


class FileNames:
    """The files below a folder that a table names; it is listed only if one is not found."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ways: Counter[str] = Counter()  # how many names were found how
        self._found: dict[str, str] = {}  # the name in the table of each file
        self._index: NameIndex | None = None

    def find(self, name: str) -> str:
        """The file's path below the root. Rejects what `source_files.inside` does, file_unsure."""
        try:
            path = inside(self.root, name)
        except Rejected as rejected:
            # A table that was made elsewhere names folders that this machine does not have.
            is_absolute = rejected.reason == "outside_root" and name.startswith("/")
            elsewhere = is_absolute and not Path(name).exists()
            is_missing = rejected.reason == "file_missing" and name and "\0" not in name
            if not (is_missing or elsewhere):
                raise
            return self._look_for(name)
        if name.startswith("/") or ".." in name.split("/"):  # another spelling of a path below
            return path.relative_to(self.root.resolve()).as_posix()
        return posixpath.normpath(name)

    def _look_for(self, name: str) -> str:
        if self._index is None:
            paths = (path.relative_to(self.root).as_posix() for path in walk(self.root))
            self._index = NameIndex(filter(_is_text, paths))
        file, way = self._index.find(name)
        inside(self.root, file)
        if way == "above" and self._found.setdefault(file, name) != name:
            raise Rejected("file_unsure", "two names of the table could be the same file")
        self.ways[way] += 1
        return file

    def forget(self) -> None:
        """Begin the counts again, for other names; the list of the files is kept."""
        self.ways.clear()
        self._found.clear()

    def notes(self) -> list[str]:
        """What was guessed, for the source's log."""
        return [f"{n} files were found although {WAYS[way]}" for way, n in self.ways.items()]

    def check_any(self, found: int, names: Iterable[str], field: str, key: str = "root") -> None:
        """Raise UserError, with one name of the table and one file, if none is there.

        `key`: of the study, which names the folder.
        """
        wanted = next((name for name in names if name), None)
        if found or wanted is None:
            return
        present = next((p.relative_to(self.root).as_posix() for p in walk(self.root)), None)
        there = f"there is {present!r}, for example" if present else "there is no file at all"
        raise UserError(
            f"{field}.{key}: none of the files that the table names is there. It names {wanted!r}; "
            f"below the {key} {there}. Correct {key!r}, or the table"
        )


def _fold(name: str) -> str:
    return INVISIBLE.sub("", unicodedata.normalize("NFC", name.replace("\\", "/"))).casefold()


def _is_text(name: str) -> bool:
    try:
        os.fsencode(name).decode()
    except UnicodeDecodeError:
        return False
    return True
