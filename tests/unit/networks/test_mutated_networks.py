"""Damaged and hostile network files: no code runs, no job crashes, none takes much of the machine.

500 mutations of each format in a process with limits (30 s a file, 2 GB): of bytes, of the JSON and
the protobuf inside. Each is either read, and then gives logits of the right shape, or refused in
one sentence.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.mutated_networks import INSIDE

TESTS = Path(__file__).parents[2]
MUTATIONS = 500


@pytest.mark.parametrize("format", INSIDE)
def test_a_mutated_file_is_read_or_refused(format: str, tmp_path: Path) -> None:
    if format == "onnx":
        pytest.importorskip("onnx")
    command = [sys.executable, "-W", "ignore", "-m", "helpers.mutated_networks"]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])
    run = subprocess.run(
        [*command, format, str(MUTATIONS), "1"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    result = json.loads(run.stdout.splitlines()[-1])
    assert result["read"] == MUTATIONS
    assert result["faults"] == []
    assert result["files"] == []
    assert 0 < result["taken"] < MUTATIONS
