"""A disk on which Snakemake sees a file seconds after a job wrote it, as on a slow network disk.

    /usr/bin/python3 tests/long/late_disk.py FOLDER MOUNTPOINT SECONDS

Needs Debian's python3-fusepy. What lies at the mount point is kept in the folder. Whoever writes a
file sees it at once, as do other jobs; Snakemake's own process hears for some seconds that there is
none.
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH118, PTH208, PTH211
import errno
import os
import sys
import time
from pathlib import Path

from fusepy import FUSE, FuseOSError, Operations, fuse_get_context


class LateDisk(Operations):
    def __init__(self, folder, seconds):
        self.folder, self.seconds = folder, seconds
        self.appeared = {}  # path -> when, and the process that made it

    def __call__(self, operation, path, *arguments):
        return super().__call__(operation, self.folder + path, *arguments)

    def is_late(self, path):
        moment, maker = self.appeared.get(path, (0, 0))
        if time.monotonic() - moment > self.seconds:
            return False
        return maker != process() and is_snakemake(process())

    def note(self, path):
        self.appeared[path] = time.monotonic(), process()

    def getattr(self, path, handle=None):
        status = os.lstat(path)
        if self.is_late(path):
            raise FuseOSError(errno.ENOENT)
        return {key: getattr(status, key) for key in dir(status) if key.startswith("st_")}

    def readdir(self, path, handle):
        names = os.listdir(path)
        return [".", "..", *(n for n in names if not self.is_late(os.path.join(path, n)))]

    def create(self, path, mode, info=None):
        self.note(path)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def open(self, path, flags):
        if self.is_late(path):
            raise FuseOSError(errno.ENOENT)
        return os.open(path, flags)

    def rename(self, old, new):
        new = self.folder + new
        self.note(new)
        os.rename(old, new)

    def link(self, new, old):
        self.note(new)
        os.link(self.folder + old, new)

    def symlink(self, new, old):
        os.symlink(old, new)

    def read(self, path, size, offset, handle):
        return os.pread(handle, size, offset)

    def write(self, path, content, offset, handle):
        return os.pwrite(handle, content, offset)

    def truncate(self, path, length, handle=None):
        os.truncate(path, length)

    def release(self, path, handle):
        os.close(handle)

    def fsync(self, path, only_data, handle):
        os.fsync(handle)

    def utimens(self, path, times=None):
        os.utime(path, times)

    def statfs(self, path):
        status = os.statvfs(path)
        return {key: getattr(status, key) for key in dir(status) if key.startswith("f_")}

    def access(self, path, mode):
        if not os.access(path, mode):
            raise FuseOSError(errno.EACCES)

    def readlink(self, path):
        return os.readlink(path)

    def mkdir(self, path, mode):
        os.mkdir(path, mode)

    def rmdir(self, path):
        os.rmdir(path)

    def unlink(self, path):
        os.unlink(path)

    def chmod(self, path, mode):
        os.chmod(path, mode)

    def chown(self, path, user, group):
        os.chown(path, user, group)


def process():
    """The process that asks; the kernel names one of its threads."""
    thread = fuse_get_context()[2]
    try:
        lines = Path(f"/proc/{thread}/status").read_text().splitlines()
    except OSError:
        return thread
    return next(int(line.split()[1]) for line in lines if line.startswith("Tgid:"))


def is_snakemake(pid):
    try:
        return b"\0-m\0snakemake\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


if __name__ == "__main__":
    folder, mountpoint, seconds = sys.argv[1:]
    never = {"attr_timeout": 0, "entry_timeout": 0, "negative_timeout": 0}  # the kernel remembers
    FUSE(LateDisk(folder, float(seconds)), mountpoint, foreground=True, **never)
