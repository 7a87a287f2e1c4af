"""Files of the future: Snakemake, which goes by dates, stops at each job that reads one."""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from pgdose.terminal.lines import duration

_TOLERANCE = 60  # seconds that clocks of machines and disks may differ


def seconds_ahead(folders: Iterable[str], now: float) -> float:
    """How far from now the latest file or folder below these lies; 0 if none lies in the future."""
    latest = now
    for folder in folders:
        for place, _, files in os.walk(folder):  # which passes over what vanishes
            for path in (Path(place), *(Path(place, name) for name in files)):
                with contextlib.suppress(OSError):
                    latest = max(latest, path.lstat().st_mtime)
    return latest - now


def advice(folders: Iterable[str]) -> str:
    """What to say after a failure, if files lie in the future; else nothing."""
    ahead = seconds_ahead(folders, time.time())
    if ahead < _TOLERANCE:
        return ""
    return (
        f"Some files of this study are dated up to {duration(ahead)} from now, so this machine's "
        "clock was set back, or the clock of the disk, or of another machine, is ahead. Wait that "
        "long, or date the files back as docs/how-to/mend-damage.md says"
    )
