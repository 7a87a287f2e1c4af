"""The workflow as a module of another one, from workflow/Snakefile, and for Snakemake's catalog."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.workflow import PAIR, PROJECT, Run, planned
from PIL import Image

from pgdose.cli.main import installed_version

ENTRY = PROJECT / "workflow" / "Snakefile"
STUDY = yaml.safe_load((PROJECT / PAIR).read_text())
OUTER = """
configfile: "config/config.yaml"

rule mine:
    output: "mine.txt"
    shell: "echo one; echo two > {{output}}"

module pgdose:
    snakefile: {snakefile!r}
    {lines}

use rule * from pgdose{names}

print("local:", *sorted(workflow._localrules))
"""
# As `snakedeploy deploy-workflow` writes it.
DEPLOYED = """
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


module pgdose:
    snakefile:
        {snakefile!r}
    config:
        config


use rule * from pgdose
"""


def snakemake(folder: Path, *arguments: str | Path) -> Run:
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "src"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)


def outer(
    folder: Path,
    *lines: str,
    study: dict = STUDY,
    snakefile: Path | str = ENTRY,
    names: str = " as pgdose_*",
) -> Path:
    """Another workflow with pgdose as a module, whose study is a part of its configuration."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    content = {"pgdose": study, "other": {"settings": 1}}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    text = OUTER.format(snakefile=str(snakefile), lines="\n    ".join(lines), names=names)
    (folder / "Snakefile").write_text(text)
    return folder


CONFIG = 'config: config["pgdose"]'
OF_FOLDERS = {
    "study": "mine",
    "sources": {
        "films": {
            "kind": "table",
            "modality": "xray",
            "root": "films",
            "layout": ["{class}/*"],
            "patients": "none",
        }
    },
    "groups": {
        "A": {
            "title": "dark / bright",
            "image": {"size": 75},
            "classes": {
                name: {"source": "films", "where": {"class": name}, "count": 4}
                for name in ("dark", "bright")
            },
        }
    },
    "training": {"width": 0.0625, "epochs": 1},
    "attacks": {"paper": {"lr": 0.1, "epsilon": [0.1], "max_iter": 2}},
    "operating_points": {"epsilon": 0.1, "iterations": 2, "epsilons_over_iterations": [0.1]},
}


def as_main(folder: Path) -> dict[str, int]:
    """The jobs that the workflow plans by itself."""
    return planned(snakemake(folder, "-n", "-s", ENTRY, "--configfile", PROJECT / PAIR))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    return as_main(tmp_path_factory.mktemp("main"))


def test_a_module_plans_the_same_jobs(jobs: dict[str, int], tmp_path: Path) -> None:
    run = snakemake(outer(tmp_path, CONFIG), "--dry-run")
    assert planned(run) == {f"pgdose_{rule}": count for rule, count in jobs.items()}
    (local,) = (line for line in run.stdout.splitlines() if line.startswith("local:"))
    assert {"pgdose_report", "pgdose_all"} < set(local.split())
    assert "report" not in local.split()  # may be a rule of the other workflow
    assert "warning: no attack has 20 iterations" in run.stdout + run.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"Snakefile", "config", ".snakemake"}


def test_a_group_is_a_target_under_the_module_s_name(tmp_path: Path) -> None:
    group = planned(snakemake(outer(tmp_path, CONFIG), "--dry-run", "pgdose_X-TB"))
    assert group["pgdose_X-TB"] == 1 and "pgdose_index_slides" not in group


def test_the_other_workflow_keeps_its_shell_and_its_output(tmp_path: Path) -> None:
    run = snakemake(outer(tmp_path, CONFIG), "mine.txt")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "mine.txt").read_text() == "two\n"
    assert "rule mine:" in run.stderr  # Snakemake's own lines
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "private/key").exists()  # nothing of a synthetic study needs one


def test_a_module_of_real_data_has_a_key_but_not_after_a_dry_run(tmp_path: Path) -> None:
    for name in ("dark", "bright"):
        (tmp_path / "films" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (80, 80), 10 * number).save(tmp_path / "films" / name / f"{number}.png")
    outer(tmp_path, CONFIG, study=OF_FOLDERS)
    key = tmp_path / "private" / "key"
    dry = snakemake(tmp_path, "--dry-run", "mine.txt")
    assert dry.returncode == 0, dry.stdout
    assert not key.exists()
    assert snakemake(tmp_path, "mine.txt").returncode == 0
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "the module of pgdose has no study; add `config: config`"),
        ((CONFIG, 'prefix: "mine"'), "`prefix` and `replace_prefix` of a module would move"),
        ((CONFIG, 'replace_prefix: {"results/": "mine/"}'), "would move results/pair/"),
        (("config: config",), "other: unknown key"),
    ],
)
def test_a_module_that_cannot_work_is_refused(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    run = snakemake(outer(tmp_path, *lines), "--dry-run")
    assert run.returncode and message in run.stdout + run.stderr, run.stdout


def test_a_finished_study_is_finished_through_each_entry(finished: Path) -> None:
    """So params and digests are the same, whichever file was started."""
    study = finished / "tests/data/studies/small.yaml"
    by_entry = snakemake(
        finished, "-n", "-s", finished / "workflow/Snakefile", "--configfile", study
    )
    assert planned(by_entry) == {}
    (finished / "Outer").mkdir()
    try:
        content = yaml.safe_load(study.read_text())
        outer(finished / "Outer", CONFIG, study=content, snakefile=finished / "workflow/Snakefile")
        run = snakemake(
            finished,
            *("-n", "-s", "Outer/Snakefile", "--configfile", "Outer/config/config.yaml"),
            *("--workflow-profile", "profiles/default"),
        )
        assert planned(run) == {}
    finally:
        shutil.rmtree(finished / "Outer")


# --- fetched from a repository --------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with both entries: of the installed version (tag v) and of another (tag old)."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repository")
    (folder / "workflow").mkdir()
    shutil.copytree(PROJECT / "workflow/rules", folder / "workflow/rules")
    shutil.copy(PROJECT / "Snakefile", folder / "Snakefile")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], cwd=folder, check=True)
    for tag, version in (("v", installed_version()), ("old", "0.0.1")):
        lines = ENTRY.read_text().splitlines()
        lines = [f'VERSION = "{version}"' if x.startswith("VERSION = ") else x for x in lines]
        (folder / "workflow/Snakefile").write_text("\n".join(lines) + "\n")
        subprocess.run([*git, "add", "."], cwd=folder, check=True)
        subprocess.run([*git, "commit", "-q", "-m", tag], cwd=folder, check=True)
        subprocess.run([*git, "tag", tag], cwd=folder, check=True)
    return folder


def deployed(folder: Path, snakefile: str) -> Path:
    for part in ("workflow", "config"):
        (folder / part).mkdir()
    shutil.copy(PROJECT / PAIR, folder / "config" / "config.yaml")
    (folder / "workflow" / "Snakefile").write_text(DEPLOYED.format(snakefile=snakefile))
    return folder


def test_a_deployment_goes_on_with_the_installed_pgdose(
    repository: Path, jobs: dict[str, int], tmp_path: Path
) -> None:
    folder = deployed(tmp_path, f"git+file://{repository}/workflow/Snakefile@v")
    assert planned(snakemake(folder, "--dry-run")) == jobs


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("workflow/Snakefile@old", f"of pgdose 0.0.1, but {installed_version()} is installed"),
        ("Snakefile@v", "this Snakefile was fetched alone; give workflow/Snakefile"),
    ],
)
def test_a_deployment_that_cannot_work_is_refused(
    repository: Path, tmp_path: Path, place: str, message: str
) -> None:
    run = snakemake(deployed(tmp_path, f"git+file://{repository}/{place}"), "--dry-run")
    assert run.returncode and message in run.stdout + run.stderr, run.stdout


# --- what the catalog asks ------------------------------------------------------------------------


def test_the_catalog_finds_what_it_asks_for() -> None:
    """https://snakemake.github.io/snakemake-workflow-catalog, "standardized usage"."""
    readme = (PROJECT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme
    assert ENTRY.is_file() and (PROJECT / "config/README.md").is_file()
    usage = yaml.safe_load((PROJECT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() >= {"mandatory-flags", "software-stack-deployment", "report"}
    assert any((PROJECT / "workflow/rules").glob("*.smk"))
    config = PROJECT / "config" / "config.yaml"
    assert config.read_bytes() == (PROJECT / "config.yaml").read_bytes()


def test_the_test_study_plans_in_a_folder_of_its_own(tmp_path: Path) -> None:
    shutil.copy(PROJECT / ".test/config.yaml", tmp_path)
    jobs = planned(snakemake(PROJECT, "--dry-run", "--directory", tmp_path))
    assert jobs["train"] == 1 and sum(jobs.values()) < 50
