"""Starting Snakemake from `pgdose run`."""

import sys
from pathlib import Path

import pytest

from pgdose.cli import workflow


@pytest.mark.parametrize(
    ("act", "status"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137), ("pass", 0)]
)
def test_the_exit_status_is_that_of_a_shell(
    act: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-c", f"import os, sys; {act}"]
    monkeypatch.setattr(workflow, "snakemake_command", lambda study, options: command)
    study = tmp_path / "study.yaml"
    study.touch()
    assert workflow.run_study(study, []) == status
