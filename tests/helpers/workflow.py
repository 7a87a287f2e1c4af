"""Running the real workflow in a fresh copy of the project."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pgdose.tables import parquet

PROJECT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "scripts", "src", "resources", "envs")
SMALL = "tests/data/studies/small.yaml"
REAL = PROJECT.parent / "shared" / "real"  # public films, slides and tiles, where they are
PAIR = "tests/data/studies/pair.yaml"

Run = subprocess.CompletedProcess[str]


def checkout(folder: Path) -> Path:
    """A copy of the project as a fresh clone would have it."""
    for part in (*PARTS, "tests/data/studies"):
        source, target = PROJECT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, target, ignore=ignored)
        else:
            shutil.copy(source, target)
    return folder


def snakemake(folder: Path, *arguments: str, study: str | None = SMALL) -> Run:
    """Run Snakemake in a checkout, on the CPU, with its code and not the installed one."""
    command = [sys.executable, "-m", "snakemake"]
    if study:
        command += ["--configfile", study]
    command += ["--resources", "gpu=0", "--cores", "2"]  # in this order: some eat what follows
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, text=True, capture_output=True
    )


def carried_out(folder: Path, study: str = SMALL) -> None:
    """Make a checkout and carry a study out in it."""
    run = snakemake(checkout(folder), study=study)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder that the first process to ask for it makes; the others wait, or fail as it did."""
    done, failed = folder.with_suffix(".done"), folder.with_suffix(".failed")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if failed.exists():
            raise RuntimeError(f"{folder} could not be made: {failed.read_text()}")
        if not done.exists():
            try:
                make(folder)
            except BaseException as error:
                failed.write_text(str(error))
                raise
            done.touch()
    return folder


def copied(folder: Path, to: Path) -> Path:
    """A real copy of a checkout with its results. Snakemake goes by dates, so they are kept."""
    subprocess.run(["cp", "-a", folder, to], check=True)
    return to


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and date of every file of a checkout, without what Python and Snakemake keep there."""
    passing = {"__pycache__", ".snakemake"}
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
        if passing.isdisjoint(path.relative_to(folder).parts)
    }


def tables(folder: Path, study: str) -> dict[str, bytes]:
    """Every table of a study's results but those of seconds, by its path."""
    results = folder / "results" / study
    found = [*results.rglob("[!.]*.csv"), *results.rglob("[!.]*.parquet")]
    named = {path.relative_to(results).as_posix(): path for path in sorted(found)}
    return {
        name: path.read_bytes() for name, path in named.items() if not name.startswith("benchmarks")
    }


def paths_of(private: Path) -> pd.DataFrame:
    """The files of a source's records: record_id, path."""
    paths = parquet.read_table(private / "paths.parquet")
    return paths.assign(path=paths["path"].map(os.fsdecode))


def planned(run: Run) -> dict[str, int]:
    """How many jobs of each rule a dry run plans."""
    assert run.returncode == 0, run.stdout + run.stderr
    text = run.stdout + run.stderr
    if "Nothing to be done" in text:
        return {}
    lines = iter(text.splitlines())
    jobs = {}
    for line in lines:
        if line.split() == ["job", "count"]:
            next(lines)
            for row in lines:
                if len(row.split()) != 2:
                    break
                rule, count = row.split()
                jobs[rule] = int(count)
            break
    jobs.pop("total", None)
    return jobs
