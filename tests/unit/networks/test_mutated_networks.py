"""Damaged and hostile network files: no code runs, no job crashes, none takes much of the machine.

500 mutations of each format, of bytes, of the JSON and the protobuf inside, in a process with
limits (30 s a file, 2 GB). Each is either read, and then gives logits of the right shape, or
refused in one sentence.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.mutated_networks import INSIDE

TESTS = Path(__file__).parents[2]
MUTATIONS = 500


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of the mutations of each format."""
    formats = [name for name in INSIDE if name != "onnx" or importlib.util.find_spec("onnx")]
    command = [sys.executable, "-W", "ignore", "-m", "helpers.mutated_networks"]
    run = subprocess.run(
        [*command, f"{MUTATIONS}", "1", *formats],
        cwd=tmp_path_factory.mktemp("mutated"),
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return {line["format"]: line for line in lines}


@pytest.mark.parametrize("format", INSIDE)
def test_a_mutated_file_is_read_or_refused(format: str, results: dict[str, dict[str, Any]]) -> None:
    if format == "onnx":
        pytest.importorskip("onnx")
    result = results[format]
    assert result["read"] == MUTATIONS
    assert result["faults"] == []
    assert result["files"] == []
    assert 0 < result["taken"] < MUTATIONS
