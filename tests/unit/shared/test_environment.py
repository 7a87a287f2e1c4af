"""pyproject, requirements.txt and the conda environments install the same dependencies."""

import ast
import functools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from helpers.workflow import PROJECT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pgdose import rerun_digest

CONDA_NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch", "gdcm": "python-gdcm"}
CONDA_NAMES |= {"python-xxhash": "xxhash"}
IMPORTED_AS = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml", "gdcm": "python-gdcm"}
IMPORTED_AS |= {"openslide": "openslide-python", "pydantic_core": "pydantic"}
IMPORTED_AS |= {"dicomweb_client": "dicomweb-client"}
NOT_ON_PYPI = {"openslide"}  # the C library, which openslide-bin holds on the package index


def pyproject() -> dict:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def ranges() -> dict[str, SpecifierSet]:
    project = pyproject()
    extras = (entry for extra in project["optional-dependencies"].values() for entry in extra)
    requirements = map(Requirement, [*project["dependencies"], *extras])
    return {r.name: r.specifier for r in requirements} | {
        "python": SpecifierSet(project["requires-python"])
    }


def pins() -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for line in (PROJECT / "requirements.txt").read_text().splitlines():
        if match := re.match(r"([a-z0-9-]+)==([^ ;\\]+)", line):
            versions.setdefault(match[1], []).append(match[2])
    return versions


@pytest.mark.parametrize("name", ["data", "network"])
def test_conda_environments_have_pyproject_s_ranges(name: str) -> None:
    entries = yaml.safe_load((PROJECT / f"envs/{name}.yaml").read_text())["dependencies"]
    for entry in entries:
        package, _, spec = entry.partition(" ")
        if package not in NOT_ON_PYPI:
            package = CONDA_NAMES.get(package, package)
            assert SpecifierSet(spec) == ranges()[package], entry


def test_conda_environments_hold_all_of_the_library() -> None:
    installed = {
        CONDA_NAMES.get(name, name)
        for file in ("data", "network")
        for entry in yaml.safe_load((PROJECT / f"envs/{file}.yaml").read_text())["dependencies"]
        for name in [entry.split()[0]]
    }
    library = {Requirement(r).name for r in pyproject()["dependencies"]} - {"openslide-bin"}
    assert library <= installed


SCRIPTS = sorted((PROJECT / "scripts").glob("*.py"))
OURS = {"pgdose", "pgdose_phantom", *(script.stem for script in SCRIPTS)}


@functools.cache  # most modules are imported by many scripts
def imported(path: Path) -> set[str]:
    """The packages and modules that a file imports, by the first part of their name."""
    tree = ast.parse(path.read_text())
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_each_script_finds_its_imports_in_its_environment(script: Path) -> None:
    """It imports, also by way of our modules, only packages of its rule's environment."""
    texts = [path.read_text() for path in (PROJECT / "workflow/rules").glob("*.smk")]
    rules = [rule for text in texts for rule in re.split(r"\n *rule ", text)]
    own = [rule for rule in rules if f"scripts/{script.name}" in rule]
    if not own:  # a module of other scripts
        assert any(script.stem in imported(other) for other in SCRIPTS)
        return
    environment = re.search(r"envs/(\w+)\.yaml", own[0])
    assert environment
    file = PROJECT / f"envs/{environment[1]}.yaml"
    entries = [entry.split()[0] for entry in yaml.safe_load(file.read_text())["dependencies"]]
    installed = {CONDA_NAMES.get(entry, entry) for entry in entries}
    for module in rerun_digest.source_files(script):
        for name in imported(module) - OURS - sys.stdlib_module_names:
            assert IMPORTED_AS.get(name, name) in installed, f"{module.name}: {name}"


def test_pins_lie_within_the_ranges() -> None:
    pinned = pins()
    for name, allowed in ranges().items():
        if name != "python":
            assert pinned[name], name
            assert all(version in allowed for version in pinned[name]), name


def test_pins_carry_hashes_and_no_addresses() -> None:
    text = (PROJECT / "requirements.txt").read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") > len(pins())


def test_torch_is_the_ordinary_one() -> None:
    """2.13.0 exists as a wheel for the CPU alone with which torchvision cannot be imported."""
    assert pins()["torch"] != ["2.13.0"]
    assert len(pins()["torch"]) == len(pins()["torchvision"]) == 1


def test_every_dependency_has_its_reason_in_the_docs() -> None:
    table = (PROJECT / "docs/reference/dependencies.md").read_text()
    named = set(re.findall(r"`([a-z0-9-]+)`", table))
    project = pyproject()
    extras = project["optional-dependencies"]
    optional = [r for name, some in extras.items() if name != "dev" for r in some]
    dependencies = {Requirement(r).name for r in [*project["dependencies"], *optional]}
    assert dependencies <= named


def test_other_libraries_of_attacks_are_exact_and_change_nothing_else() -> None:
    """A figure holds for a version; and torchattacks would have requests of 2020."""
    extras = pyproject()["optional-dependencies"]
    for entry in [*extras["peers"], *extras["bench"]]:
        assert re.fullmatch(r"[a-z-]+==[0-9.]+", entry)
    assert all(version in SpecifierSet(">=2.32") for version in pins()["requests"])
    assert "visdom" not in pins()
    makefile = (PROJECT / "Makefile").read_text()
    assert "pip install --quiet --no-deps --require-hashes -r requirements.txt" in makefile


def audited(tmp_path: Path, answer: str) -> subprocess.CompletedProcess[str]:
    """Run `make audit`'s script with a pip-audit that gives this answer."""
    (tmp_path / "answer").write_text(answer)
    stand_in = tmp_path / "pip-audit"
    stand_in.write_text(f"#!/bin/sh\ncat '{tmp_path}/answer'\n")
    stand_in.chmod(0o700)
    command = [sys.executable, ".ci/audit", str(stand_in)]
    return subprocess.run(command, cwd=PROJECT, text=True, capture_output=True)


def test_the_audit_fails_for_a_known_vulnerability_alone(tmp_path: Path) -> None:
    good = {"name": "a", "version": "1", "vulns": []}
    bad = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
    unknown = {"name": "c", "skip_reason": "not found"}
    run = audited(tmp_path, json.dumps({"dependencies": [good]}))
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "1 packages checked, 0 known vulnerabilities\n"
    run = audited(tmp_path, json.dumps({"dependencies": [good, bad, unknown]}))
    assert run.returncode == 1 and "b 2: PYSEC-1, fixed in 3\n" in run.stdout
    assert "WARNING: 1 of 3 packages were NOT checked" in run.stderr
    run = audited(tmp_path, json.dumps({"dependencies": [unknown]}))
    assert run.returncode == 0 and "WARNING: 1 of 1 packages were NOT checked" in run.stderr
    for answer in ("", "no route to host", "[]"):
        run = audited(tmp_path, answer)
        assert run.returncode == 0 and "WARNING: NO package was checked" in run.stderr


def test_the_audit_s_tool_is_pinned_and_no_part_of_the_project() -> None:
    assert re.search(r"pip-audit==\d+\.\d+\.\d+", (PROJECT / "Makefile").read_text())
    assert "pip-audit" not in pins()
