"""What a job says when the machine ends it or gives it too little: memory, temporary files."""

import os
import signal
from pathlib import Path

import pytest
from helpers.limits import memory_limit, small_disk
from helpers.small_workflow import at_work, logs, make, start

GREEDY = "data = [bytearray(10**6) for _ in range(1500)]"
ADVICE = "give it more (it asked for 1000 MB) with --set-resources attack:mem_mb=2000 or "


def failed(folder: Path, *arguments: str, before: str = "", **environment: str) -> str:
    """Run one job, which must fail; its log, which the terminal shows too."""
    running = start(folder, "out/0", *arguments, before=before, **environment)
    terminal = folder / "terminal"
    assert running.wait(120) == 1, terminal.read_text()
    log = logs(folder)
    assert log and all(line in terminal.read_text() for line in log.splitlines()), log
    return log


def test_a_job_that_the_kernel_kills_for_memory_says_so(tmp_path: Path) -> None:
    with memory_limit(400) as under_limit:
        log = failed(make(tmp_path, GREEDY), before=under_limit)
    assert log.startswith("attack 0: the system killed it because memory ran out, when it held ")
    held = int(log.split("held ")[1].split()[0])
    assert 100 < held < 400
    assert ADVICE in log and "attacks.<name>.mem_mb of the study" in log


def test_a_job_that_somebody_kills_says_so(tmp_path: Path) -> None:
    folder = make(tmp_path)
    running = start(folder, "out/0")
    os.kill(at_work(folder, running, 1)[1], signal.SIGKILL)
    assert running.wait(30) == 1
    log = logs(folder)
    assert log.startswith("attack 0: killed from outside (SIGKILL), by a person or by a limit")
    assert f"If memory ran out: {ADVICE}" in log


@pytest.mark.parametrize("size", [1000, 2500])
def test_too_little_address_space_for_torch_is_said_in_one_sentence(
    tmp_path: Path, size: int
) -> None:
    """Whatever library meets the limit first, and however it fails."""
    folder = make(tmp_path, "pass", imports="import numpy\nimport torch\nimport torchvision")
    log = failed(folder, before=f"ulimit -v {size * 1000}")
    (line,) = log.splitlines()
    assert f"A process may have {size * 1024 // 1000} MB of address space here (ulimit -v)" in line
    assert "a job of a network needs" in line and "raise or remove that limit" in line


def test_an_allocation_that_fails_is_said_to_be_one(tmp_path: Path) -> None:
    log = failed(make(tmp_path, GREEDY), before="ulimit -v 1000000")
    assert log.splitlines()[0] == "tidied" and "out of memory: A process may have 1024 MB" in log


def test_a_library_that_fails_before_the_job_begins_has_its_place_in_the_log(
    tmp_path: Path,
) -> None:
    log = failed(make(tmp_path, "pass", imports="raise ImportError('/home/patient')"))
    assert log.startswith("rule attack failed: ImportError at ") and "patient" not in log


def test_a_full_folder_of_temporary_files_stops_nothing(tmp_path: Path) -> None:
    """Snakemake's greedy scheduler, which the profiles set, writes nothing there."""
    full = tmp_path / "full"
    with small_disk(full, "16k"):
        (full / "file").write_bytes(bytes(16384))
        folder = make(tmp_path / "work", "pass")
        running = start(folder, TMPDIR=str(full))
        assert running.wait(60) == 0, (folder / "terminal").read_text()


def test_a_full_folder_of_temporary_files_is_named(tmp_path: Path) -> None:
    full = tmp_path / "full"
    write = (
        "import tempfile; tempfile.NamedTemporaryFile(dir=os.environ['TMPDIR']).write(bytes(10**6))"
    )
    with small_disk(full, "16k"):
        log = failed(make(tmp_path / "work", write), TMPDIR=str(full))
    assert f"{full}: no space left on its disk" in log and "another folder in TMPDIR" in log
