"""Signals end a run and its jobs, wherever they come from, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import small_workflow
from helpers.processes import is_running
from helpers.small_workflow import at_work, heed_signals, logs, make, start
from helpers.workflow import PROJECT

DEAF = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)"


def wait_until_gone(pids: list[int], seconds: float) -> float:
    """The seconds until none of these processes runs."""
    begin = time.monotonic()
    while any(map(is_running, pids)):
        assert time.monotonic() - begin < seconds, "jobs outlived Snakemake"
        time.sleep(0.05)
    return time.monotonic() - begin


def stopped(folder: Path, running: subprocess.Popen) -> str:
    """What the terminal says of a run that has been stopped in good order."""
    assert running.wait(30) == 1
    assert not list(folder.glob(".snakemake/locks/*"))
    text = (folder / "terminal").read_text()
    assert "Error in rule" not in text and "Traceback" not in text, text
    return text


def resume(folder: Path) -> None:
    """The same command, without --unlock."""
    (folder / "go").touch()
    running = start(folder)
    assert running.wait(60) == 0, (folder / "terminal").read_text()
    assert [p.read_text() for p in sorted(folder.glob("out/*"))] == ["done"] * 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_snakemake_alone_ends_its_jobs(tmp_path: Path, number: signal.Signals) -> None:
    folder = make(tmp_path)
    running = start(folder)
    pids = at_work(folder, running)
    running.send_signal(number)
    text = stopped(folder, running)
    assert not any(map(is_running, pids))
    assert f"Stopped by {number.name} after " in text and "The same command goes on" in text
    assert logs(folder) == "tidied\n" * 2  # as at an exception
    if number == signal.SIGTERM:
        resume(folder)


def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path, "time.sleep(600)\n    except SystemExit: time.sleep(2)")
    running = start(folder)
    pids = at_work(folder, running)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        running.send_signal(number)
        time.sleep(0.2)
    assert "Stopped by SIGTERM" in stopped(folder, running)
    assert not any(map(is_running, pids))


def test_ctrl_c_is_for_all_processes_and_ends_in_the_same_way(tmp_path: Path) -> None:
    folder = make(tmp_path)
    running = start(folder)
    at_work(folder, running)
    os.killpg(running.pid, signal.SIGINT)
    assert "Stopped by SIGINT" in stopped(folder, running)
    assert logs(folder) == "tidied\n" * 2


def test_a_signal_to_pgdose_run_reaches_snakemake(tmp_path: Path) -> None:
    """Also where it is sent to all processes: Snakemake gets the time to unlock."""
    program = """
import subprocess, sys
from pgdose.cli import workflow

workflow.snakemake_command = lambda study, options: [
    sys.executable, "-m", "snakemake", "--cores", "2", "--scheduler", "greedy"
]
sys.exit(workflow.run_study(workflow.Path("Snakefile"), []))
"""
    folder = make(tmp_path)
    for send in (os.kill, os.killpg):
        (folder / "pids").unlink(missing_ok=True)
        with (folder / "terminal").open("w") as terminal:
            running = subprocess.Popen(
                [sys.executable, "-c", program],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(PROJECT / "src"), "NO_COLOR": "1"},
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
                preexec_fn=heed_signals,
            )
        pids = at_work(folder, running)
        send(running.pid, signal.SIGTERM if send is os.kill else signal.SIGINT)
        stopped(folder, running)
        assert not any(map(is_running, pids))


def test_a_job_that_obeys_no_signal_is_killed(tmp_path: Path) -> None:
    folder = make(tmp_path, DEAF)
    running = start(folder)
    pids = at_work(folder, running)
    time.sleep(0.5)
    running.terminate()
    stopped(folder, running)
    assert not any(map(is_running, pids))
    assert "killed" not in logs(folder)


@pytest.mark.parametrize("work", [small_workflow.WAITS, DEAF])
def test_jobs_do_not_outlive_a_killed_snakemake(tmp_path: Path, work: str) -> None:
    """Its lock stays, and the next start says what to do."""
    folder = make(tmp_path, work)
    running = start(folder)
    pids = at_work(folder, running)
    time.sleep(0.5)
    running.kill()
    running.wait()
    wait_until_gone(pids, 20)
    make(folder)  # jobs that do end
    assert start(folder).wait(30) == 1
    assert "--unlock" in (folder / "terminal").read_text()
    assert start(folder, "--unlock").wait(30) == 0
    resume(folder)


def test_what_nohup_protects_goes_on(tmp_path: Path) -> None:
    folder = make(tmp_path)
    running = start(folder, before="trap '' HUP")
    pids = at_work(folder, running)
    os.killpg(running.pid, signal.SIGHUP)
    time.sleep(1)
    assert all(map(is_running, pids))
    (folder / "go").touch()
    assert running.wait(30) == 0


def test_a_signal_before_the_first_job_leaves_no_lock(tmp_path: Path) -> None:
    folder = make(tmp_path)
    with (folder / "Snakefile").open("a") as file:
        file.write("open('parsed', 'w').close()\n")
    for pause in (0.0, 0.2, 0.4):
        (folder / "parsed").unlink(missing_ok=True)
        running = start(folder)
        while not (folder / "parsed").exists():
            time.sleep(0.01)
        time.sleep(pause)
        running.terminate()
        assert running.wait(30) != 0
        assert not list(folder.glob(".snakemake/locks/*"))
