"""A study under random kills: does it end in the tables of an undisturbed run, byte for byte?

    python benchmarks/soak.py config.yaml --minutes 30
    python benchmarks/soak.py tests/data/studies/pair.yaml --kills 20

A running `snakemake` and all its jobs are killed (SIGKILL to the process group) once in each rule,
at a random moment of its job, and wherever they are if that takes long; the folder is unlocked, and
the same command is given again. When the study is done, it begins anew in another folder. Tables,
image stores and networks are compared with those of a run that nobody disturbed: one that is made
first, or `--reference`, a folder where the study has been carried out by the same code. When the
time is over, what the last run has written by then is compared too.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "scripts", "src", "resources", "envs")
COMPARED = (".csv", ".parquet", ".npy", ".safetensors")
PATIENCE = 30, 120  # seconds, drawn between them, that a rule may keep the next kill waiting


def checkout(folder: Path, study: Path) -> None:
    """A copy of the project as a fresh clone would have it, and the study."""
    folder.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        if (PROJECT / part).is_dir():
            shutil.copytree(PROJECT / part, folder / part, ignore=ignored)
        else:
            shutil.copy(PROJECT / part, folder / part)
    shutil.copy(study, folder / "study.yaml")


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--configfile", "study.yaml"]
    command += ["--resources", "gpu=0", "--cores", "2", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    with (folder / "snakemake.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def finish(folder: Path, *arguments: str) -> None:
    if start(folder, *arguments).wait():
        raise SystemExit((folder / "snakemake.log").read_text()[-5000:])


def contents(folder: Path) -> dict[str, bytes]:
    """Every table, store and network of the results, but tables of seconds."""
    (results,) = folder.glob("results/*")
    files = {p.relative_to(results).as_posix(): p for p in sorted(results.rglob("[!.]*"))}
    return {
        name: path.read_bytes()
        for name, path in files.items()
        if path.suffix in COMPARED and not name.startswith("benchmarks")
    }


def jobs(folder: Path) -> dict[str, list[Path]]:
    """The records of finished jobs, by rule, in the order in which the rules came to an end."""
    done = defaultdict(list)
    found = folder.glob("results/*/benchmarks/**/*.tsv")
    for path in sorted(found, key=lambda path: path.stat().st_mtime):
        done[path.relative_to(folder).parts[3].removesuffix(".tsv")].append(path)
    return done


def seconds_of(path: Path) -> float:
    return float(path.read_text().splitlines()[1].split("\t")[0])


def rules_at_work(process: subprocess.Popen) -> list[str]:
    """The rules whose scripts run below a process."""
    found = set()
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            words = " ".join(child.cmdline())
        except psutil.Error:  # it has just ended
            continue
        found |= set(re.findall(r"\.snakemake/scripts/\w+\.(\w+)\.py", words))
    return sorted(found) or ["between jobs"]


def kill_in(folder: Path, rule: str, seconds: float, deadline: float) -> list[str] | None:
    """Run until `rule` has been at work for so long, or until the deadline, then kill.

    Returns the rules that were at work; None if the study was done before that.
    """
    process = start(folder)
    while process.poll() is None and time.monotonic() < deadline:
        if rule in rules_at_work(process):
            break
        time.sleep(0.1)
    rest = min(time.monotonic() + seconds, deadline)
    while process.poll() is None and time.monotonic() < rest:
        time.sleep(0.05)
    if process.poll() is not None:
        if process.returncode:
            raise SystemExit((folder / "snakemake.log").read_text()[-5000:])
        return None
    rules = rules_at_work(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return rules


def compare(reference: dict[str, bytes], found: dict[str, bytes], whole: bool) -> list[str]:
    """Files that differ; of a run that is not `whole` those that it lacks do not."""
    names = set(reference) | set(found) if whole else set(found)
    return sorted(name for name in names if reference.get(name) != found.get(name))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--kills", type=float, default=float("inf"))
    parser.add_argument("--reference", type=Path, help="where the study was carried out")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    if given.minutes == given.kills:
        parser.error("how long? --minutes or --kills")
    dice, rules = random.Random(given.seed), Counter()
    kills = runs = compared = 0
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as top:
        if not given.reference:
            given.reference = Path(top, "undisturbed")
            checkout(given.reference, given.study)
            finish(given.reference)
        reference = contents(given.reference)
        usual = jobs(given.reference)
        deadline = time.monotonic() + 60 * given.minutes
        while kills < given.kills and time.monotonic() < deadline:
            folder = Path(top, f"run{runs}")
            checkout(folder, given.study)
            whole, hit = False, set()
            while not whole and kills < given.kills and time.monotonic() < deadline:
                done = jobs(folder)
                left = [r for r in usual if r not in hit and len(done[r]) < len(usual[r])]
                if not left:
                    break
                rule = left[0]
                seconds = dice.uniform(0, seconds_of(dice.choice(usual[rule])))
                soon = min(time.monotonic() + dice.uniform(*PATIENCE), deadline)
                stopped = kill_in(folder, rule, seconds, soon)
                hit |= {rule} & set(stopped or [rule])
                whole = stopped is None
                if stopped:
                    kills += 1
                    rules.update(stopped)
                    finish(folder, "--unlock")
            if not whole and time.monotonic() < deadline:
                finish(folder)
                whole = True
            found = contents(folder)
            wrong += compare(reference, found, whole)
            compared += len(found)
            runs += whole
            shutil.rmtree(folder)
    told = {"study": str(given.study), "seed": given.seed, "kills": kills, "finished_runs": runs}
    told |= {
        "files_compared": compared,
        "differences": wrong,
        "killed": dict(sorted(rules.items())),
    }
    print(json.dumps(told, indent=1))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
