"""Where a study is started: names of folders, and profiles that do not exist."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.workflow import PAIR, Run, checkout, snakemake


def start(folder: Path, *arguments: str, python: str = sys.executable, **environment: str) -> Run:
    variables = os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"} | environment
    return subprocess.run(
        [python, "-m", "snakemake", *arguments],
        cwd=folder,
        env=variables,
        text=True,
        capture_output=True,
    )


def test_a_study_runs_in_a_folder_with_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results behind a link, and temporary files, too. A script reads, imports and writes."""
    odd = tmp_path / 'мой study, it\'s "x" (a&b) $HOME'
    folder = checkout(odd / "checkout")
    for name in ("results", "temporary"):
        (odd / f"{name} [1]").mkdir()
    (folder / "results").symlink_to(odd / "results [1]")
    monkeypatch.setenv("TMPDIR", str(odd / "temporary [1]"))
    run = snakemake(folder, "hospital/slides.csv", study=PAIR)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (folder / "hospital/slides.csv").is_file()


def test_braces_in_the_path_of_the_checkout_are_refused(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "my {study}")
    run = start(folder, "--cores", "1")
    assert run.returncode == 1 and "braces in this path as a wildcard" in run.stdout + run.stderr
    assert not (folder / "results").exists() and not (folder / "hospital").exists()


def test_an_environment_with_a_space_in_its_path_is_refused(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout")
    (tmp_path / "my env").symlink_to(sys.prefix)
    run = start(folder, "--cores", "1", python=str(tmp_path / "my env/bin/python"))
    text = run.stdout + run.stderr
    assert run.returncode == 1 and "make the environment in a folder without spaces" in text
    assert not (folder / "results").exists() and not (folder / "hospital").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        ("--workflow-profile slrum --cores 1", {}, "did you mean 'slurm'? use one of: default, "),
        ("--workflow-profile slrum", {}, "--workflow-profile slrum: there is no such profile"),
        ("--profile slrum --cores 1", {}, "profile directory given (slrum)"),
        ("--cores 1", {"SNAKEMAKE_PROFILE": "slrum"}, "profile directory given (slrum)"),
        ("--cores 1 --profile profiles/slurm", {}, "write --workflow-profile slurm"),
    ],
)
def test_a_profile_that_would_not_act_stops_the_start(
    tmp_path: Path, arguments: str, environment: dict[str, str], message: str
) -> None:
    folder = checkout(tmp_path)
    run = start(folder, *arguments.split(), **environment)
    assert run.returncode == 1 and message in run.stdout + run.stderr
    assert not (folder / "results").exists() and not (folder / "hospital").exists()
