"""`pgdose gate`: exit status, one line, and the files for a build server."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import surfaces

from pgdose import tensor_files
from pgdose.analysis import acceptance
from pgdose.analysis.acceptance import RunFiles
from pgdose.cli.main import main
from pgdose.manifest import document
from pgdose.manifest.files import MANIFEST
from pgdose.manifest.writing import write_manifest
from pgdose.study.acceptance import Limit
from pgdose.study.doses import Doses
from pgdose.tables import parquet, result_csv

DOSES = Doses((0.002, 0.004), 1)
IMAGES = 40
FLIPS = {"good": 0, "middling": 6, "bad": 30}  # of each group's images, at the larger epsilon
GIVEN = ["--attack", "sign", "--epsilon", "0.004", "--max-asr", "0.2"]


def write_results(folder: Path, limits: list[Limit] | None = None, patient: str = "p") -> Path:
    """Results of three groups, with a manifest; with the table of the study's limits."""
    rows, runs = [], []
    for group, flips in FLIPS.items():
        run = folder / "groups" / group / "full"
        run.mkdir(parents=True)
        tensor_files.save({"weight": torch.zeros(1)}, run / "network.safetensors")
        logits = np.zeros((IMAGES, 2, 2, 2), np.float32)
        logits[..., 0] = 1
        logits[:flips, 1, 1] = [0, 1]
        shard = run / "sign" / "surface" / "0.parquet"
        table = surfaces.surface_table(range(IMAGES), DOSES, logits)
        surfaces.write(table, shard, run / "network.safetensors")
        members = pd.DataFrame(
            {
                "member": range(IMAGES),
                "class_index": np.arange(IMAGES) * 0,
                "class": "A",
                "patient": [f"{patient}{n}" for n in range(IMAGES)],
            }
        )
        # A second class, so that the surface's two logits are those of the group.
        other = members.iloc[:1].assign(member=IMAGES, class_index=1, **{"class": "B"})
        parquet.write_table(pd.concat([members, other]), run.parent / "members.parquet")
        identity = {"group": group, "run": "full", "role": "main", "size": None, "repeat": None}
        rows += [{**identity, "attack": "sign", "epsilon": e} for e in DOSES.epsilons]
        files = {"sign": [shard]}
        network = run / "network.safetensors"
        runs.append(RunFiles(identity, run.parent / "members.parquet", network, files))
    (folder / "tables").mkdir()
    result_csv.write_csv(pd.DataFrame(rows), folder / "tables" / "asr.csv")
    if limits:
        table = acceptance.judge_all(limits, runs)
        result_csv.write_csv(table, folder / "tables" / "acceptance.csv")
    listed = [re.escape(str(path)) + "$" for path in folder.rglob("*") if path.is_file()]
    write_manifest(folder, listed, [], folder / MANIFEST, "mine")
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(tmp_path / "results")


def run(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str | Path,
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["pgdose", "gate", *map(str, arguments)])
    status = main()
    return status, *capfd.readouterr()


def test_status_and_line(
    results: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, line, _ = run(capfd, monkeypatch, results, *GIVEN, "--group", "good")
    assert (status, line) == (0, "PASS: 1 of 1 limits are surely kept\n")
    status, line, _ = run(capfd, monkeypatch, results, *GIVEN, "--group", "middling")
    assert status == 1 and line.startswith("UNDECIDED: 0 of 1") and line.count("\n") == 1
    status, line, _ = run(capfd, monkeypatch, results, *GIVEN)
    assert status == 1 and line.startswith("FAIL: 1 of 3 limits are surely kept, 1 broken, 1 und")
    assert "bad/full: fail, sign at epsilon 0.004 flips 30 of 40" in line
    smaller = [*GIVEN[:3], "0.002", *GIVEN[4:]]
    assert run(capfd, monkeypatch, results, *smaller)[0] == 0


def test_unknown_patients_are_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = write_results(tmp_path / "results", patient="unknown-")
    status, line, _ = run(capfd, monkeypatch, results, *GIVEN, "--group", "good")
    assert status == 0 and line.endswith("; patients are not known, so each image counts as one\n")


def test_files_for_a_build_server(
    results: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = results.parent / "gate.json", results.parent / "gate.xml"
    run(capfd, monkeypatch, results, *GIVEN, "--json", paths[0], "--junit", paths[1])
    told = json.loads(paths[0].read_text())
    assert told["passed"] is False
    verdicts = {row["group"]: row["verdict"] for row in told["limits"]}
    assert verdicts == {"good": "pass", "middling": "undecided", "bad": "fail"}
    suite = ElementTree.parse(paths[1]).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    failures = {case.get("classname"): case.find("failure") for case in suite}
    assert failures["good.full"] is None
    assert failures["middling.full"].get("type") == "undecided"  # type: ignore[union-attr]
    assert run(capfd, monkeypatch, results, *GIVEN, "--json", results)[0] == 2


def test_the_study_s_limits_count_where_none_is_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = [
        Limit(attack="sign", epsilon=0.004, max_asr=0.2, groups=["good"]),
        Limit(attack="sign", epsilon=0.002, max_asr=0.1, confidence=0.9),
    ]
    results = write_results(tmp_path / "results", limits)
    status, line, _ = run(capfd, monkeypatch, results)
    assert (status, line) == (0, "PASS: 4 of 4 limits are surely kept\n")
    assert run(capfd, monkeypatch, results, *GIVEN)[0] == 1  # the command line goes before them


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "the study sets no limit; give --attack, --epsilon and --max-asr"),
        (["--attack", "sign"], "needs --epsilon, --max-asr too"),
        (["--confidence", "0.9"], "needs --attack, --epsilon, --max-asr too"),
        ([*GIVEN, "--attack", "sgin"], "'sgin' is not an attack of these results, did you mean"),
        ([*GIVEN, "--epsilon", "0.003"], "0.003 was not measured by attack sign; the nearest"),
        ([*GIVEN, "--group", "best"], "--group: 'best' is not a group of these results"),
    ],
)
def test_what_is_not_there_is_an_error(
    options: list[str],
    message: str,
    results: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    status, out, err = run(capfd, monkeypatch, results, *options)
    assert status == 2 and not out and message in err


@pytest.mark.parametrize(
    "file",
    ["tables/asr.csv", "groups/good/members.parquet", "groups/bad/full/sign/surface/0.parquet"],
)
def test_results_that_changed_are_not_judged(
    file: str, results: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = results / file
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    status, _, err = run(capfd, monkeypatch, results, *GIVEN)
    assert status == 2 and "has changed" in err
    path.unlink()
    status, _, err = run(capfd, monkeypatch, results, *GIVEN)
    assert status == 2 and "missing" in err


def test_results_without_curves_are_not_judged(
    results: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = document.read(results)
    others = [entry for entry in written.entries if entry.path != "tables/asr.csv"]
    document.write(others, results / MANIFEST, "phantom")
    (results / "tables/asr.csv").unlink()
    status, _, err = run(capfd, monkeypatch, results, *GIVEN)
    assert status == 2 and "its manifest does not list tables/asr.csv" in err


def test_an_unfinished_study_is_not_judged(
    results: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (results / MANIFEST).unlink()
    status, _, err = run(capfd, monkeypatch, results, *GIVEN)
    assert status == 2 and "has no manifest, so its study has not come to its end" in err
    assert run(capfd, monkeypatch, results.parent / "no", *GIVEN)[0] == 2
