"""A workflow of a second with the project's handling of signals, its terminal and its jobs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from helpers.workflow import PROJECT

# What the Snakefile and workflow/rules/common.smk give to the files that small workflows include.
NAMES = """
from types import SimpleNamespace

STUDY = SimpleNamespace(study="tiny", phantom=None, groups=dict.fromkeys("GH"))
RESULTS = "results/tiny"
PRIVATE = "private/tiny"
"""
SNAKEFILE = """
{names}

include: "{project}/workflow/rules/functions/stopping.smk"
include: "{project}/workflow/rules/functions/terminal.smk"

onstart:
    catch_signals()

rule all:
    input: expand("out/{{n}}", n=range(3))

rule attack:
    output: "out/{{n}}"
    log: "log/{{n}}.log"
    benchmark: "benchmark/{{n}}.tsv"
    resources: mem_mb=1000
    script: "work.py"
"""
SCRIPT = """
import sys

sys.path.insert(0, {scripts!r})
from job import job

{imports}
import os
import time

with job(snakemake) as log:
    with open("pids", "a") as file:
        file.write(f"{{os.getppid()}}\\n{{os.getpid()}}\\n")
    try:
        {work}
    finally:
        log.info("tidied")
    with open(snakemake.output[0], "w") as file:
        file.write("done")
"""
WAITS = "while not os.path.exists('go'): time.sleep(0.05)"


def make(folder: Path, work: str = WAITS, imports: str = "") -> Path:
    """Write the workflow; its jobs do `work`, which is a line of Python, after `imports`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Snakefile").write_text(SNAKEFILE.format(names=NAMES, project=PROJECT))
    scripts = str(PROJECT / "scripts")
    (folder / "work.py").write_text(SCRIPT.format(scripts=scripts, work=work, imports=imports))
    return folder


def heed_signals() -> None:
    """In a new process: tests that run behind `nohup` or `&` would have it ignore what ends it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(folder: Path, *arguments: str, before: str = "", **environment: str) -> subprocess.Popen:
    """Start Snakemake in a session of its own; what it prints goes to `terminal`.

    `before` are shell commands that set limits for it.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--show-failed-logs"]
    command += ["--rerun-incomplete", "--scheduler", "greedy", *arguments]
    if before:
        command = ["bash", "-c", f'{before}; exec "$@"', "bash", *command]
    variables = os.environ | {"PYTHONPATH": str(PROJECT / "src"), "NO_COLOR": "1"} | environment
    with (folder / "terminal").open("a") as terminal:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=heed_signals,
        )


def at_work(folder: Path, running: subprocess.Popen, jobs: int = 2) -> list[int]:
    """Wait until so many jobs are at work; the ids of their processes, two of each."""
    pids = folder / "pids"
    for _ in range(600):
        lines = pids.read_text().splitlines() if pids.exists() else []
        if len(lines) >= 2 * jobs:
            return list(map(int, lines))
        assert running.poll() is None, (folder / "terminal").read_text()
        time.sleep(0.1)
    raise AssertionError((folder / "terminal").read_text())


def logs(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.glob("log/*")))
