"""The research object crate: what it says, and that nothing of a path is in it."""

import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from helpers.finished_results import finished_results
from rocrate.rocrate import ROCrate

from pgdose.analysis.study_description import read_description
from pgdose.report.crate import METADATA, CrateData, write_crate


@pytest.fixture
def results(tmp_path: Path) -> Path:
    results = finished_results(tmp_path / "results", {"X-TB": [20, 45]})
    (results / "Snakefile").write_text("rule all:\n    input: []\n")
    files = sorted((results / "tables").glob("*.csv"))
    data = CrateData(results, read_description(results), files, {"xray": ("ab" * 32, 1234)})
    write_crate(results / METADATA, data, datetime(2026, 11, 29, 12, tzinfo=UTC))
    return results


def test_it_reads_back(results: Path) -> None:
    crate = ROCrate(results)
    assert crate.mainEntity.id == "Snakefile"
    assert "ComputationalWorkflow" in crate.mainEntity["@type"]
    (action,) = crate.root_dataset["mentions"]
    assert action["instrument"].id == "Snakefile"
    assert {entity.id for entity in action["object"]} == {"study.json", "#source-xray"}
    assert {entity.id for entity in action["result"]} == {
        f"tables/{name}.csv"
        for name in ("asr", "conclusions", "doses", "doses_reached", "networks")
    }
    assert crate.dereference("#source-xray")["value"] == "ab" * 32
    profiles = {profile.id for profile in crate.root_dataset["conformsTo"]}
    assert "https://w3id.org/ro/wfrun/workflow/0.5" in profiles


def test_every_file_has_its_digest_and_no_path(results: Path) -> None:
    text = (results / METADATA).read_text()
    files = [e for e in json.loads(text)["@graph"] if "File" in e["@type"]]
    assert len(files) == 7 and all(len(file["sha256"]) == 64 for file in files)
    assert all((results / file["@id"]).is_file() for file in files)
    assert str(results.parent) not in text


@pytest.mark.skipif(
    importlib.util.find_spec("rocrate_validator") is None, reason="roc-validator is not installed"
)
def test_it_is_valid(results: Path) -> None:
    from rocrate_validator import models, services

    settings = services.ValidationSettings(
        rocrate_uri=str(results), profile_identifier="workflow-run-crate-0.5"
    )
    result = services.validate(settings)
    assert not result.has_issues(models.Severity.REQUIRED), result.get_issues()
