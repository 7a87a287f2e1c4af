"""Results that go on elsewhere, and code that changes between a kill and the next start."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.image_site import NETWORK, RECORDS, RESULTS, SITE, image_site
from helpers.workflow import Run, copied, planned, snakemake, tables

from pgdose.cli.verify import verify
from pgdose.tables import parquet

SURFACE = f"{RESULTS}/groups/G/full/paper/surface/0.parquet"


def run_study(folder: Path, *arguments: str) -> Run:
    return snakemake(folder, *arguments, study=SITE)


def finish(folder: Path, *arguments: str) -> None:
    run = run_study(folder, *arguments)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that has come to its end on the machine where it began."""
    folder = image_site(tmp_path_factory.mktemp("here") / "made")
    finish(folder)
    return folder


def other_dates(folder: Path, *parts: str, seed: int = 1) -> None:
    """New dates in a random order, and no permissions, as copies without them have."""
    now = time.time()
    draw = random.Random(seed)
    for part in parts:
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                moment = now - draw.uniform(1, 1000)
                os.utime(path, (moment, moment))
            path.chmod(0o755 if path.is_dir() else 0o644)


def same_results(one: Path, other: Path) -> bool:
    first, second = tables(one, "site"), tables(other, "site")
    assert len(first) > 20
    return first == second


def test_a_copy_with_its_dates_has_nothing_to_do(made: Path, tmp_path: Path) -> None:
    """As of `rsync -a` and `cp -a`, under another absolute path."""
    moved = copied(made, tmp_path / "another path")
    moved = moved.rename(tmp_path / "moved")
    assert planned(run_study(moved, "--dry-run")) == {}
    verify(moved / RESULTS)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_copy_with_other_dates_ends_in_the_same_tables(
    made: Path, tmp_path: Path, seed: int
) -> None:
    """As of `cp -r`: Snakemake makes again what looks older than its input."""
    moved = copied(made, tmp_path / "moved")
    key = (moved / "private/key").read_text()
    other_dates(moved, "results", "private", "src", "scripts", "workflow", seed=seed)
    print(planned(run_study(moved, "--dry-run")))
    finish(moved)
    assert same_results(made, moved)
    assert (moved / "private/key").read_text() == key
    assert (moved / "private").stat().st_mode & 0o777 == 0o700
    verify(moved / RESULTS)


def test_an_archive_with_other_dates_is_indexed_anew_or_refused(made: Path, tmp_path: Path) -> None:
    """An image that may have changed is never taken for the one that was indexed."""
    moved = copied(made, tmp_path / "moved")
    other_dates(moved, "data")
    assert planned(run_study(moved, "--dry-run")) == {}  # no rule reads single images as input
    run = run_study(moved, "--forcerun", "screen")
    text = run.stdout + run.stderr
    rejects = parquet.read_table(moved / f"{RESULTS}/sources/mine/rejects.parquet")
    assert run.returncode == 1 and set(rejects["reason"]) == {"file_changed"}, text[-3000:]
    finish(moved, "--forcerun", "index_table")
    assert same_results(made, moved)


@pytest.mark.parametrize("change", [None, ("0.02", "0.03")])
def test_results_without_snakemakes_records_are_not_taken_for_this_study(
    made: Path, tmp_path: Path, change: tuple[str, str] | None
) -> None:
    """A copy without .snakemake/, with the study as it was or another."""
    moved = copied(made, tmp_path / "moved")
    shutil.rmtree(moved / ".snakemake")
    if change:
        study = (moved / SITE).read_text()
        (moved / SITE).write_text(study.replace(*change))
        assert (moved / SITE).read_text() != study
    before = tables(moved, "site")
    for arguments in ((), ("--dry-run",)):
        run = run_study(moved, *arguments)
        text = run.stdout + run.stderr
        assert run.returncode == 1 and ".snakemake/ has no record" in text
        assert "Nothing to be done" not in text
    assert tables(moved, "site") == before
    finish(moved, "--forceall", *(() if change else ("--touch",)))
    assert same_results(made, moved) == (change is None)
    assert planned(run_study(moved, "--dry-run")) == {}


def test_without_private_nothing_goes_on_and_the_key_is_enough(made: Path, tmp_path: Path) -> None:
    moved = copied(made, tmp_path / "moved")
    shutil.rmtree(moved / "private")
    run = run_study(moved)
    assert run.returncode == 1 and "privacy.key: there is no key file" in run.stdout + run.stderr
    assert not (moved / "private/key").exists()
    (moved / "private").mkdir()
    shutil.copy(made / "private/key", moved / "private/key")
    finish(moved)
    assert same_results(made, moved)
    assert (moved / RECORDS).read_bytes() == (made / RECORDS).read_bytes()


# --- the code changes between a kill and the next start -----------------------------------------

TRAINED = {"training": {"epochs": 60}}
ATTACKED = {
    "attacks": {
        "paper": {"lr": 0.0001, "epsilon": [0.02, 0.1], "max_iter": 150, "batch": 1, "threads": 1}
    }
}
LOOP, STEPS = "src/pgdose/training/loop.py", "src/pgdose/attack/steps.py"


@pytest.mark.parametrize(
    ("settings", "target", "state", "code", "old", "new", "resumes"),
    [
        (TRAINED, NETWORK, "train-*", LOOP, "if state.history:", "if state.history:  # then", True),
        (TRAINED, NETWORK, "train-*", LOOP, "draw_epoch(plan.seed,", "draw_epoch(5,", False),
        (ATTACKED, SURFACE, "attack-*", STEPS, "alpha=self.rate)", "alpha=self.rate)  # c", True),
        (ATTACKED, SURFACE, "attack-*", STEPS, "alpha=self.rate", "alpha=self.rate / 2", False),
    ],
    ids=["training, comment", "training, change", "attack, comment", "attack, change"],
)
def test_state_of_other_code_is_not_used(
    tmp_path: Path,
    settings: dict,
    target: str,
    state: str,
    code: str,
    old: str,
    new: str,
    resumes: bool,
) -> None:
    """After a comment the job goes on; after a change it ends as if it had begun with it."""
    folder = image_site(tmp_path / "killed", **settings)
    members = f"{RESULTS}/groups/G/members.parquet"
    finish(folder, "--", NETWORK if target == SURFACE else members)
    shutil.rmtree(folder / "work", ignore_errors=True)
    kill_when(folder, target, state)
    path = folder / code
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    fresh = copied(folder, tmp_path / "fresh")
    shutil.rmtree(fresh / "work")
    assert run_study(folder, "--unlock").returncode == 0
    assert run_study(fresh, "--unlock").returncode == 0
    for place in (folder, fresh):
        finish(place, "--", target)
    rule = "train" if target == NETWORK else "attack"
    logs = [
        "".join(log.read_text() for log in (place / RESULTS / "logs" / rule).glob("*.log"))
        for place in (folder, fresh)
    ]
    assert ["resuming after" in log for log in logs] == [resumes, False]
    assert (folder / target).read_bytes() == (fresh / target).read_bytes()


def kill_when(folder: Path, target: str, state: str) -> None:
    """Start Snakemake, and kill it and its jobs when a job has left some state."""
    command = [sys.executable, "-m", "snakemake", target, "--configfile", SITE, "--cores", "2"]
    running = subprocess.Popen(
        [*command, "--resources", "gpu=0"],
        **{"cwd": folder, "env": os.environ | {"PYTHONPATH": str(folder / "src")}},
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True},
    )
    while not list(folder.glob(f"work/{state}/[!.]*")):
        assert running.poll() is None, "it came to its end before it left any state"
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (folder / target).exists()
