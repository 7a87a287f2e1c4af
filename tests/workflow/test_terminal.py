"""What a person sees while Snakemake runs: a small workflow with the lines of the real one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.small_workflow import NAMES
from helpers.workflow import PROJECT

SNAKEFILE = """
{names}
STOPPED_BY = []

include: "{project}/workflow/rules/functions/terminal.smk"

rule all:
    input: f"{{RESULTS}}/report.html"

rule train:
    output: f"{{RESULTS}}/groups/{{{{group}}}}/{{{{run}}}}/network"
    log: f"{{RESULTS}}/logs/train/{{{{group}}}}-{{{{run}}}}.log"
    params: ending=config.get("ending", "true")
    shell: "echo what went wrong >{{log}}; {{params.ending}}; touch {{output}}"

rule G:
    input: f"{{RESULTS}}/groups/G/full/network"

rule report:
    input: expand(f"{{RESULTS}}/groups/{{{{group}}}}/full/network", group=list("GH"))
    output: f"{{RESULTS}}/report.html"
    log: f"{{RESULTS}}/logs/report.log"
    shell: "touch {{output}}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(names=NAMES, project=PROJECT))
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit status and the lines on the terminal."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "src"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--show-failed-logs"]
    done = subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, text=True, capture_output=True
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_a_run_ends_with_where_to_look(folder: Path) -> None:
    status, lines = run(folder, "G")
    assert status == 0
    assert lines[-3].startswith("Study tiny: 1 job, at least ")
    assert lines[-2].split()[:3] == ["1/1", "train", "G/full"]
    assert lines[-1].startswith("Done in ")
    assert lines[-1].endswith(" s. Look at results/tiny/groups/G/")
    status, lines = run(folder)
    assert status == 0
    assert [line.split()[:2] for line in lines[-3:-1]] == [["1/2", "train"], ["2/2", "report"]]
    assert lines[-1].endswith(" s. Look at results/tiny/report.html")
    assert len(lines) <= 5
    (_, log) = sorted((folder / ".snakemake/log").iterdir())
    for words in ("rule report:", "Job stats:", "Finished jobid: ", "2 of 3 steps", "Done in "):
        assert words in log.read_text()
    status, lines = run(folder)
    assert status == 0 and lines[-2].startswith("Nothing to be done")
    assert lines[-1] == "Look at results/tiny/report.html"


def test_a_failure_loses_nothing(folder: Path) -> None:
    status, lines = run(folder, "--keep-going", "--config", "ending=exit 3")
    text = "\n".join(lines)
    assert status == 1
    for group in "GH":
        log = f"results/tiny/logs/train/{group}-full.log"
        assert f"    log: {log} (check log file(s) for error details)" in lines
        assert f"  train {group}/full: {log}" in lines
    failed = [line.split()[:3] for line in lines if line.startswith("failed", 1)]
    assert sorted(failed) == [["failed", "train", "G/full"], ["failed", "train", "H/full"]]
    for words in (
        "Error in rule train:",
        "what went wrong",
        "2 jobs failed after ",
        "Complete log",
    ):
        assert words in text
    assert lines[-1] == "At least one job did not complete successfully."
    assert "Done in" not in text and "Look at" not in text and "clock" not in text


def test_a_failure_beside_files_of_the_future_tells_of_the_clock(folder: Path) -> None:
    table = folder / "private/tiny/table.parquet"
    table.parent.mkdir(parents=True)
    table.touch()
    later = time.time() + 2.5 * 3600
    os.utime(table, (later, later))
    status, lines = run(folder, "--config", "ending=exit 3")
    assert status == 1
    (advice,) = [line for line in lines if "clock was set back" in line]
    assert "dated up to 2 h" in advice and "mend-damage.md" in advice


@pytest.mark.parametrize("option", ["--dry-run", "--printshellcmds"])
def test_snakemake_s_own_output_stays_for_those_who_want_it(folder: Path, option: str) -> None:
    status, lines = run(folder, option)
    assert status == 0
    assert {"Job stats:", "    wildcards: group=G, run=full", "rule report:"} <= {
        line.removeprefix("local") for line in lines
    }
    assert not any(line.startswith("Study") for line in lines)


def test_a_job_on_a_cluster_adds_no_lines_of_its_own(folder: Path) -> None:
    """There the executor runs Snakemake again, with its `--mode remote`."""
    status, lines = run(folder, "--mode", "remote", "--nolock", "results/tiny/report.html")
    assert status == 0 and (folder / "results/tiny/report.html").exists()
    assert not any(line.startswith("Study") for line in lines)
