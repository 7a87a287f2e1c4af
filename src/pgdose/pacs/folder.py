"""The folder of fetched files, one for each instance, and how full its disk may get."""

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path

from pgdose.errors import Rejected, UserError
from pgdose.pacs.instances import check_file, check_instance
from pgdose.study.pacs import Fetch
from pgdose.tables.output_files import make_private_folders, sync

GB = 1e9
SUFFIX = ".dcm"
UNFINISHED = ".part"
FULL = (errno.ENOSPC, errno.EDQUOT)


class Folder:
    """Keeps each instance as `UID.dcm`, whole or not at all, readable by its owner alone.

    One `atomic` a file would look through the whole folder each time; here that is done once.
    """

    def __init__(self, root: Path, limits: Fetch, asked: Collection[str]) -> None:
        """`asked`: the instances of this job. What it left unfinished before is removed."""
        self.root, self.limits = root, limits
        self._lock = threading.Lock()
        try:
            make_private_folders(root)
            self._bytes = self._scan(set(asked))
        except OSError as error:
            raise UserError(
                f"root: the folder for fetched films cannot be made or read ({error.strerror}); "
                "give a folder that you may write to"
            ) from None

    def path(self, uid: str) -> Path:
        return self.root / f"{uid}{SUFFIX}"

    def size_if_whole(self, uid: str) -> int | None:
        """The size of an instance that is there already; one that is not as asked is removed."""
        path = self.path(uid)
        try:
            return check_file(path, uid)
        except FileNotFoundError:
            return None
        except Rejected:
            with _as_mistakes():
                size = path.stat().st_size
                path.unlink()
            self._count(-size)
            return None
        except OSError as error:
            raise _unusable(error) from None

    def write(self, uid: str, content: bytes) -> int:
        """Keep an instance; its size. Rejected as `check_instance`, UserError if there is no room.

        `sync` makes its name survive a loss of power.
        """
        check_instance(BytesIO(content), uid)
        with _as_mistakes():
            self._take_room(len(content))
        unfinished = self.root / f".{uid}.{os.getpid()}.{threading.get_ident()}{UNFINISHED}"
        try:
            _write_private(unfinished, content)
            unfinished.replace(self.path(uid))
        except OSError as error:
            self._count(-len(content))
            if error.errno in FULL:
                raise _no_room("the disk of 'root' is full") from None
            raise _unusable(error) from None
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink()
        return len(content)

    def sync(self) -> None:
        with _as_mistakes():
            sync(self.root)

    def _take_room(self, size: int) -> None:
        """Count so many bytes more; UserError if they would leave the limits of section `fetch`."""
        most, least_free = self.limits.most_gb, self.limits.least_free_gb
        if shutil.disk_usage(self.root).free - size < least_free * GB:
            raise _no_room(
                f"the disk of 'root' would have less than 'fetch.least_free_gb' ({least_free:g} "
                "GB) free"
            )
        with self._lock:
            if most is not None and self._bytes + size > most * GB:
                raise _no_room(f"the films in 'root' have reached 'fetch.most_gb' ({most:g} GB)")
            self._bytes += size

    def _count(self, size: int) -> None:
        with self._lock:
            self._bytes += size

    def _scan(self, asked: set[str]) -> int:
        """The bytes of all files; what a job that was killed left unfinished of `asked` goes."""
        total = 0
        with os.scandir(self.root) as entries:
            for entry in entries:
                if entry.name.endswith(UNFINISHED) and _uid_of(entry.name) in asked:
                    Path(entry.path).unlink(missing_ok=True)
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
        return total


def _uid_of(name: str) -> str:
    """The instance of an unfinished file."""
    return name.removesuffix(UNFINISHED).rsplit(".", 2)[0].removeprefix(".")


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _as_mistakes() -> Iterator[None]:
    """Errors of files as ours: their texts hold paths with UIDs in them."""
    try:
        yield
    except OSError as error:
        raise _unusable(error) from None


def _unusable(error: OSError) -> UserError:
    return UserError(
        f"root: a file there cannot be read or written ({error.strerror}); see that the disk is "
        "there and that all files are yours, and start the study anew: it goes on where it stopped"
    )


def _no_room(what: str) -> UserError:
    return UserError(
        f"{what}; make room or raise the limit, and start the study anew: it goes on where it "
        "stopped"
    )
