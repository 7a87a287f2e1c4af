"""Real limits of the machine for what a test starts."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def memory_limit(megabytes: int) -> Iterator[str]:
    """A shell command that puts the shell under a limit of the kernel (a cgroup, version 1 or 2).

    Skips where this user may make none. Change the limit with `set_memory_limit`.
    """
    group = _own_memory_group() / f"pgdose-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs the right to make a cgroup: {error}")
    try:
        set_memory_limit(group, megabytes)
        yield f"echo $$ > {group}/cgroup.procs"
    finally:
        for _ in range(100):  # the kernel needs a moment after the last process
            with contextlib.suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.1)


def set_memory_limit(group: Path, megabytes: int) -> None:
    for name in ("memory.limit_in_bytes", "memory.max"):
        if (group / name).exists():
            (group / name).write_text(str(megabytes * 10**6))
            return
    group.rmdir()
    pytest.skip("the memory controller is not handed down to cgroups here")


def _own_memory_group() -> Path:
    """The cgroup of this process that limits memory, below which another may be made."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    groups = {controllers: path.lstrip("/") for _, controllers, path in lines}
    if "memory" in groups:
        return Path("/sys/fs/cgroup/memory", groups["memory"])
    return Path("/sys/fs/cgroup", groups.get("", ""))


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[None]:
    """A file system at a folder; skips where this user may mount none."""
    folder.mkdir(exist_ok=True)
    run = subprocess.run(["mount", *arguments, folder], text=True, capture_output=True)
    if run.returncode:
        pytest.skip(f"needs the right to mount: {run.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def small_disk(folder: Path, size: str) -> contextlib.AbstractContextManager[None]:
    """A disk of some size at a folder."""
    return mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs")
