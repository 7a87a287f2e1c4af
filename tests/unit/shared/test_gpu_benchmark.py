"""benchmarks/gpu.py at toy size, on a machine that has torch, torchvision and numpy alone.

Beside them it has a pydantic that is of no use, as one of another version would be.
"""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.cli.expectation import images_of
from pgdose.study.parsing import parse
from pgdose.study.training import Training

BENCHMARKS = PROJECT / "benchmarks"
# Packages that torch, torchvision and numpy bring. All others are hidden from every process.
BARE = """
import sys
from importlib.machinery import PathFinder
THERE = set(
    "torch torchvision torchgen functorch numpy PIL sympy mpmath networkx jinja2 markupsafe fsspec "
    "filelock typing_extensions setuptools _distutils_hack pkg_resources triton nvidia cuda".split()
)

class Bare:
    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target)
        place = str(spec and (spec.origin or spec.submodule_search_locations))
        return spec if "site-packages" not in place or name.split(".")[0] in THERE else None

sys.meta_path[sys.meta_path.index(PathFinder)] = Bare()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run at toy size."""
    hidden, out = tmp_path_factory.mktemp("bare"), tmp_path_factory.mktemp("gpu")
    Path(hidden, "sitecustomize.py").write_text(BARE)
    Path(hidden, "pydantic.py").write_text("raise ImportError('no BaseModel here')")
    environment = os.environ | {"PYTHONPATH": str(hidden), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--toy", "--together", "--out", str(out)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def test_all_parts_run_without_any_further_package(report: Path) -> None:
    content = json.loads((report / "gpu.json").read_text())
    assert list(content["parts"]) == ["machine", "checks", "attack", "training", "compile", "paper"]
    entries = [entry for part in content["parts"].values() for entry in part["entries"]]
    assert not [entry for entry in entries if entry["state"] != "done"]
    assert len(entries) > 50 and "TOY" in content["size"]
    (modules,) = [entry for entry in entries if entry["name"] == "pgdose's modules"]
    assert {"pandas", "pydantic", "safetensors"} <= set(modules["missing or unusable"])
    assert not [entry["name"] for entry in entries if entry.get("holds") is False]
    assert sum(entry.get("holds", False) for entry in entries) > 20


def test_the_page_has_every_entry(report: Path) -> None:
    content = json.loads((report / "gpu.json").read_text())
    page = (report / "gpu.md").read_text()
    for name, part in content["parts"].items():
        assert f"## {name}: done" in page
        for entry in part["entries"]:
            assert f"| {entry['name']} |" in page
    assert not list(report.rglob("*.part"))


# --- what does not go well ------------------------------------------------------------------------


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("gpu", "gpu_report", "gpu_paper", "gpu_imports")
    return {name: importlib.import_module(name) for name in names}


def entries_of(folder: Path, part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / f"parts/{part}.json").read_text())["entries"]
    return found


def test_an_entry_that_fails_or_lasts_too_long_does_not_stop_the_next(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    def fail() -> dict[str, Any]:
        raise RuntimeError("CUDA error: an illegal memory access in /home/somebody/a/net.py")

    def last() -> dict[str, Any]:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    part = modules["gpu_report"].Part("checks", tmp_path, 1000.0)
    part.measure("t", "fails", fail)
    part.measure("t", "lasts", last, least=0.2, share=0.0)
    part.measure("t", "works", lambda: {"holds": False, "figure": 1 / 3, "none": float("nan")})
    part.seconds = 0.0
    assert part.measure("t", "late", lambda: {}) is None
    part.finish()
    fails, lasts, works, late = entries_of(tmp_path, "checks")
    assert fails["state"] == "failed" and "illegal memory access" in fails["error"]
    assert "test_gpu_benchmark.py" in fails["error"] and "access in net.py" in fails["error"]
    assert str(PROJECT) not in fails["error"] and "somebody" not in fails["error"]
    assert lasts["state"] == "cut short" and late["state"] == "skipped, no time left"
    assert works["figure"] == 0.3333 and works["none"] == "nan"
    modules["gpu_report"].write_report(tmp_path, ["checks", "paper"], {})
    page = (tmp_path / "gpu.md").read_text()
    assert "0 of 1 checks hold." in page and "Do not hold: works." in page
    assert "lasts (cut short); late (skipped, no time left)" in page
    assert "illegal memory access" in page and "## paper\n\nNot begun." in page


def test_a_part_that_fails_is_reported(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    wrong = ModuleType("gpu_paper")
    wrong.run = lambda part: 1 / 0  # type: ignore[attr-defined]
    sys.modules["gpu_paper"], right = wrong, sys.modules["gpu_paper"]
    try:
        part = modules["gpu"].run_part("paper", tmp_path, 10.0, True)
    finally:
        sys.modules["gpu_paper"] = right
    assert part.state == "failed" and "ZeroDivisionError" in part.error


def test_graphs_that_failed_in_the_checks_are_left_out(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    attack = importlib.import_module("gpu_attack")
    part = modules["gpu_report"].Part("attack", tmp_path, 10.0)
    table = importlib.import_module("gpu_checks").WITH_GRAPHS
    outcomes = [
        ({"state": "done", "fault": "no"}, True),
        ({"state": "done", "fault": "RuntimeError: capture"}, False),
        ({"state": "failed"}, False),
        ({"state": "its process ended: -11"}, False),
        ({"state": "cut short"}, True),
    ]
    for entry, works in outcomes:
        part.earlier = {"checks": {"entries": [{"table": table, **entry}]}}
        assert attack.graphs_work(part) == works
    task = dataclasses.replace(attack.made(75, 2, True), graphs_work=False)
    for found in (attack.step(task, 2, "fp32", 1), attack.whole(task, "fp32", 1)):
        assert not [name for name in found if "graph" in name]


def test_another_library_that_fails_leaves_the_others(
    modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = importlib.import_module("gpu_attack")

    def fails(*arguments: object) -> object:
        raise ValueError("no CUDA here")

    monkeypatch.setitem(attack.PEERS, "torchattacks", ("torchattacks", fails))
    found = attack.beside_peers(attack.made(75, 2, True), 1)
    assert found["torchattacks failed"] == "ValueError: no CUDA here"
    assert found["foolbox, as called, ms a step"] > 0 and found["pgdose, ms a step"] > 0
    assert found["whole surface, times as fast as foolbox, as called"] > 0


BEGINS = """
import sys
sys.path.insert(0, sys.argv[1])
import os, pathlib, time, gpu_report
part = gpu_report.Part("attack", pathlib.Path(sys.argv[2]), 9.0)
part.measure("t", "first", lambda: {})
part.measure("t", "second", lambda: END)
"""


@pytest.mark.parametrize(
    ("end", "says"),
    [("os.kill(os.getpid(), 11)", "its process ended: -11"), ("time.sleep(60)", "killed")],
)
def test_a_process_that_crashes_or_hangs_leaves_what_it_found(
    modules: dict[str, ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    says: str,
) -> None:
    monkeypatch.setattr(modules["gpu"], "GRACE", 0.5)
    code = BEGINS.replace("END", end)
    command = [sys.executable, "-c", code, str(BENCHMARKS), str(tmp_path)]
    modules["gpu"].supervise("attack", tmp_path, 1.0, command, lambda: None)
    first, second = entries_of(tmp_path, "attack")
    assert first["state"] == "done" and says in second["state"]


# --- the study of the paper -----------------------------------------------------------------------


def test_the_hours_are_those_of_the_paper_study(modules: dict[str, ModuleType]) -> None:
    paper = modules["gpu_paper"]
    study = parse(yaml.safe_load((PROJECT / "resources/studies/paper.yaml").read_text()))
    runs: dict[tuple[str, int, int, int, tuple[str, ...]], int] = {}
    for group in study.groups:
        images = images_of(study, group)
        assert images is not None
        share = study.training_share(group)
        for run in study.runs(group).values():
            assert isinstance(run.network, Training) and run.network.epochs == paper.EPOCHS
            trained, validation = run.size or round(images * share), round(images * (1 - share))
            size = study.groups[group].image.size
            key = (group, size, trained, validation, tuple(run.attacks))
            runs[key] = runs.get(key, 0) + 1
    assert runs == {
        (each.group, each.size, each.trained, each.validation, each.attacks): each.networks
        for each in paper.STUDY
    }
    for name, attack in study.attacks.items():
        expected = paper.ATTACKS[name]
        assert (len(attack.epsilon), attack.max_iter) == (expected.epsilons, expected.max_iter)
        assert (attack.kind == "gradient") == expected.gradient
        relative = hasattr(getattr(attack, "alpha", None), "of_epsilon")
        assert expected.shares == (expected.gradient and not relative)


def test_hours_are_work_times_seconds(modules: dict[str, ModuleType]) -> None:
    paper = modules["gpu_paper"]

    def entry(table: str, name: str, **values: float) -> dict[str, Any]:
        return {"table": table, "name": name, "state": "done"} | values

    step = {"pgdose, ms": 3.6}
    parts = {
        "attack": {
            "entries": [
                entry("step", "128 px, 64 images, fp32", **step),
                entry("step", "256 px, 64 images, fp32", **step),
                entry("step", "256 px, 16 images, fp32", **{"pgdose, ms": 9.0}),
                entry("whole", "128 px", **{"steps per image": 100.0}),
            ]
        },
        "training": {
            "entries": [entry("images per second", "256 px, fp32", pinned=1000.0)],
        },
    }
    found = paper.hours(parts, "fp32", False)
    million = 1e6 * found["million attack steps of an image at most"]
    noise = 200 * sum(each.validation for each in paper.STUDY if "noise" in each.attacks)
    assert found["attacks, least and most"][1] == pytest.approx((million - noise / 2) * 1e-6)
    trained = sum(each.networks * each.trained for each in paper.STUDY if each.size == 256)
    small = 440_064 / 4  # 128 px from 256 px
    assert found["training"] == pytest.approx(20 * (trained + small) / 1000 / 3600)
    assert found["guessed"] == "training at 128 px from 256 px"
    with pytest.raises(LookupError, match="no figure of bf16"):
        paper.hours(parts, "bf16", False)
    found = paper.hours({"attack": parts["attack"]}, "fp32", False)
    assert found["attacks"] > 0 and "training" not in found and "together" not in found
    assert found["guessed"] == "part training has no figure of fp32"
