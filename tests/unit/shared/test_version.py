"""The version stands in several files; all of them say the same."""

import re
import tomllib

import pytest
import yaml
from helpers.workflow import PROJECT

VERSION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
IMAGE = r"\bpgdose:(\d[\w.]*)"
PLACES = {
    "CITATION.cff": r"^version: (\S+)",
    "workflow/Snakefile": r'^VERSION = "(.+)"',
    "profiles/kubernetes/config.yaml": IMAGE,
    "profiles/kubernetes/cluster.yaml": IMAGE,
    "envs/Dockerfile": IMAGE,
    "docs/how-to/kubernetes.md": IMAGE,
}


@pytest.mark.parametrize("name", PLACES)
def test_each_file_names_this_version(name: str) -> None:
    found = re.findall(PLACES[name], (PROJECT / name).read_text(), re.M)
    assert found and set(found) == {VERSION}


def test_the_changelog_begins_with_it() -> None:
    heads = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", (PROJECT / "CHANGELOG.md").read_text(), re.M)
    assert heads[0] == ("Unreleased", "")
    released = yaml.safe_load((PROJECT / "CITATION.cff").read_text())["date-released"]
    assert heads[1] == (VERSION, str(released))
