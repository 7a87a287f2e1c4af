"""The profiles beside the default one: they parse, and plan the same jobs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.workflow import PROJECT, checkout, planned

pytest.importorskip("snakemake_executor_plugin_slurm")

EXPORT = "attacks={paper: {export: 2}}"  # the study exports nothing by itself
NETWORK = {
    "train",
    "import_network",
    "defend",
    "attack",
    "attack_paper",  # smaller training sets
    "certify",
    "transfer",
    "diagnose",
    "examples",
    "export",
}
EXAMPLES = ("default-resources", "set-resources", "slurm-status-command")


def profile(name: str, folder: Path = PROJECT) -> dict:
    return yaml.safe_load((folder / f"profiles/{name}/config.yaml").read_text())


def resources(text: str) -> dict[str, set[str]]:
    """What the jobs of each rule ask for, as a dry run tells it."""
    found: dict[str, set[str]] = {}
    for rule, asked in re.findall(r"^ *rule ([\w-]+):$.*?^ *resources: (.*?)$", text, re.M | re.S):
        found.setdefault(rule, set()).update(asked.split(", "))
    return found


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("profiles"))


def dry_run(folder: Path, *arguments: str) -> tuple[dict[str, int], str]:
    """Without the arguments of conftest.snakemake, which would go before the profile's."""
    study = ["--configfile", "tests/data/studies/small.yaml", "--config", EXPORT]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "NO_COLOR": "1"}
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", *arguments, *study],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
    )
    return planned(run), run.stdout


@pytest.fixture(scope="module")
def default(fresh: Path) -> dict[str, int]:
    return dry_run(fresh, "--cores", "2")[0]


@pytest.mark.parametrize("name", ["slurm", "workstation"])
def test_a_profile_plans_what_the_default_does(
    fresh: Path, default: dict[str, int], name: str
) -> None:
    jobs, text = dry_run(fresh, "--workflow-profile", name)
    assert jobs == default
    asked = resources(text)
    assert asked.keys() == jobs.keys()
    asking = {rule for rule, those in asked.items() if "gpu=1" in those}
    # All networks of this study are trained, and none is smoothed.
    assert asking == NETWORK - {"import_network", "defend", "certify"}
    assert not re.search(r"gpu=[^1]", text)


@pytest.mark.parametrize("name", ["slurm", "workstation"])
def test_a_profile_repeats_the_default_s_keys(name: str) -> None:
    """It stands in for profiles/default: what is left out there, is not set at all."""
    default = profile("default")
    own = profile(name)
    for key in default.keys() - {"resources"}:
        assert own[key] == default[key], key
    assert own["scheduler"] == "greedy"  # the other one dies where TMPDIR is full
    # A limit on gpu is for one machine; Slurm knows how many there are. A PACS is one for all.
    assert "pacs=1" in own["resources"] and "pacs=1" in default["resources"]
    assert any("gpu" in text for text in own["resources"]) == (name == "workstation")


def test_the_profile_of_kubernetes_repeats_them_but_for_its_definitions() -> None:
    default, own = profile("default"), profile("kubernetes")
    for key in default.keys() - {"resources", "default-resources", "__definitions__"}:
        assert own[key] == default[key], key
    assert own["default-resources"].items() >= default["default-resources"].items()
    assert own["resources"] == ["pacs=1"]
    assert set(default["__definitions__"]) <= set(own["__definitions__"])


def test_slurm_s_examples_for_a_site_work(fresh: Path, tmp_path: Path) -> None:
    """With the comments taken off, GPU rules alone get the GPU's partition and model."""
    text = (fresh / "profiles/slurm/config.yaml").read_text()
    text = re.sub(rf"^# (({'|'.join(EXAMPLES)}):|  \w+: )", r"\1", text, flags=re.M)
    (tmp_path / "config.yaml").write_text(text)
    own = yaml.safe_load(text)
    assert set(EXAMPLES) <= own.keys()
    assert own["set-resources"].keys() == NETWORK
    _, told = dry_run(fresh, "--workflow-profile", str(tmp_path))
    for rule, asked in resources(told).items():
        assert ("gpu_model=a100" in asked) == (rule in NETWORK), rule
        assert f"slurm_partition={'gpu' if rule in NETWORK else 'cpu'}" in asked, rule
        assert "slurm_account=my_account" in asked, rule
