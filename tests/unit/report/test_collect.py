"""What the page says of how results were made is gathered from the results' files."""

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.analysis.agreement import measure_agreement
from pgdose.report import appendix, collect, provenance
from pgdose.report.data import CHECKS

MAIN = {"group": "X", "run": "full", "role": "main"}
SIZED = {"group": "X", "run": "n9-r1", "role": "sized", "size": 9, "repeat": 1}


def diagnostics(attack: str, device: str, *verdicts: str) -> pd.DataFrame:
    rows = [
        (attack, f"check {i}", verdict, "A sentence.", device, "fp32")
        for i, verdict in enumerate(verdicts)
    ]
    columns = ["attack", "check", "verdict", "says", "device", "precision"]
    return pd.DataFrame(rows, columns=columns)


DIAGNOSED = [
    (MAIN, pd.concat([diagnostics("paper", "cuda", "passed", "failed"),
                      diagnostics("sign", "cpu", "not done")])),
    (SIZED, diagnostics("paper", "cuda", "passed")),
]  # fmt: skip


def test_checks_of_attacks_and_networks_stand_in_one_table() -> None:
    networks = pd.DataFrame(
        [("X", "full", "main", np.nan, np.nan, "no leak", "passed", "All is well.")],
        columns=["group", "run", "role", "size", "repeat", "check", "verdict", "says"],
    )
    checks = collect.checks(DIAGNOSED, networks)
    assert list(checks) == CHECKS and len(checks) == 5
    assert checks["attack"].tolist() == ["paper", "paper", "sign", "paper", "all"]
    assert checks["role"].tolist() == ["main", "main", "main", "sized", "main"]
    assert checks["verdict"].tolist() == ["passed", "failed", "not done", "passed", "passed"]
    assert list(collect.checks([], networks.iloc[:0])) == CHECKS


def test_devices_count_runs_and_not_checks() -> None:
    devices = collect.devices(DIAGNOSED)
    assert devices.values.tolist() == [["paper", "cuda", "fp32", 2], ["sign", "cpu", "fp32", 1]]
    assert list(collect.devices([])) == list(devices)


def test_rejects_are_counted_by_source_stage_and_reason() -> None:
    rejects = pd.DataFrame(
        [("a", "screen", "dark"), ("b", "screen", "dark"), ("c", "index", "no_image")],
        columns=["record_id", "stage", "reason"],
    )
    left_out = pd.DataFrame(
        [
            ("a", "screen", "dark"),
            ("d", "group", "excluded"),
            ("e", "group", "several_classes"),  # once for each of its classes
            ("e", "group", "several_classes"),
        ],
        columns=["record_id", "stage", "reason"],
    )
    counts = collect.rejects([("xray", rejects)], [("X", left_out), ("H", left_out.iloc[:0])])
    assert counts.values.tolist() == [
        ["X", "group", "excluded", 1],
        ["X", "group", "several_classes", 1],
        ["xray", "index", "no_image", 1],
        ["xray", "screen", "dark", 2],
    ]
    assert list(collect.rejects([], [])) == list(counts)


def test_pairs_that_look_the_same_name_their_group() -> None:
    pairs = pd.DataFrame({"record_a": ["a"], "record_b": ["b"]})
    gathered = collect.near_duplicates([("X", pairs), ("H", pairs.iloc[:0])])
    assert gathered[["group", "record_a"]].values.tolist() == [["X", "a"]]
    assert "group" in collect.near_duplicates([])


def test_agreement_names_its_source() -> None:
    table = pd.DataFrame({"label": ["a"], "n": [3]})
    gathered = collect.agreement([("one", table), ("two", table)])
    assert gathered is not None and gathered["source"].tolist() == ["one", "two"]
    assert collect.agreement([]) is None


def test_benchmarks_sum_the_jobs_of_each_rule(tmp_path: Path) -> None:
    (tmp_path / "attack" / "X").mkdir(parents=True)
    for path, seconds, memory in (
        ("attack/X/0.tsv", 10.0, "5.0"),
        ("attack/X/1.tsv", 20.0, "7.0"),
        ("curves.tsv", 3.5, "-"),
    ):
        (tmp_path / path).write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{memory}\n")
    table = provenance.benchmarks(tmp_path)
    assert list(table) == ["rule", "jobs", "seconds", "max_rss_mb"]
    assert table.iloc[0].tolist() == ["attack", 2, 30.0, 7.0]
    assert table.iloc[1].tolist()[:3] == ["curves", 1, 3.5] and np.isnan(table.iloc[1, 3])
    empty = provenance.benchmarks(tmp_path / "none")
    assert empty.empty and list(empty) == list(table)


def test_versions_and_machine(tmp_path: Path) -> None:
    versions = provenance.versions(["numpy", "no-such-package"])
    assert versions["numpy"] == np.__version__
    assert versions["no-such-package"] == "not installed here"
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A: processor\n")
    machine = provenance.machine(cpuinfo)
    assert machine["Processor"] == "A: processor"
    assert int(machine["Cores"]) > 0 and machine["Memory"].endswith(" GB")
    assert provenance.machine(tmp_path / "none")["Processor"]


@pytest.mark.parametrize("role", ["main", "sized"])
def test_a_run_s_identity_may_say_more(role: str) -> None:
    run = {**SIZED, "role": role}
    checks = collect.checks([(run, diagnostics("paper", "cpu", "passed"))], pd.DataFrame())
    assert checks["role"].tolist() == [role]


def test_the_page_shows_each_measure_of_agreement_with_its_interval() -> None:
    states = pd.DataFrame({"fibrosis": ["present"] * 3 + ["absent"] * 5})
    measured = measure_agreement(states, states[::-1].set_axis(states.index))
    data = SimpleNamespace(agreement=measured.assign(source="xray"))
    table = appendix.agreement(data)  # type: ignore[arg-type]
    assert table is not None
    assert [head.text for head in table.heads][-4:] == [
        *("Precision", "Recall", "F1", "Cohen's kappa")
    ]
    shown = table.rows[0][-1]
    assert shown.text.startswith("−") and shown.aside.startswith("[−1.000, ")  # type: ignore[union-attr]


def test_records_of_a_class_count_once() -> None:
    lost = pd.DataFrame(
        [("a", "C1"), ("a", "C1"), ("b", "C1"), ("a", "C2")], columns=["record_id", "class"]
    )
    unread = pd.DataFrame([("c", "C2")], columns=["record_id", "class"])
    table = collect.chosen([("G", {"C1": 10, "C2": 7}, lost, unread)])
    assert table.to_numpy().tolist() == [["G", "C1", 10, 2, 0], ["G", "C2", 7, 1, 1]]
    assert list(collect.chosen([])) == ["group", "class", "n_fit", "n_left_out", "n_unreadable"]


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@e")
    subprocess.run(["git", *identity, "-C", str(folder), *words], check=True, capture_output=True)


def test_the_commit_is_that_of_a_checkout_of_pgdose(tmp_path: Path) -> None:
    assert provenance.commit(tmp_path) == ""  # no checkout
    for folder in ("src", "scripts", "workflow"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("1")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    commit = provenance.commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert provenance.commit(tmp_path / "src") == ""  # inside another project's checkout
    (tmp_path / "src" / "file").write_text("2")
    assert provenance.commit(tmp_path) == f"{commit}, with changes that are not committed"
    text = provenance.citation({"pgdose": "1.0.0"}, commit)
    assert text.endswith(f"Version 1.0.0, commit {commit[:12]}.")


def test_it_is_cited_as_the_citation_file_says() -> None:
    cited = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    text = provenance.citation({}, "")
    assert text == f"{cited['authors'][0]['name']}. {cited['title']}."
