"""The page of a network from elsewhere."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgdose.errors import UserError
from pgdose.networks import import_findings
from pgdose.report.probe_page import advice, write_probe_page
from pgdose.study.networks import ExistingNetwork


def findings(confusion: Any = None, grid: Any = None, **declared: Any) -> dict[str, Any]:
    existing = ExistingNetwork(
        **{"file": "a/patient-name/n&m.pt2", "classes": ["tb", "norm"], **declared}
    )
    found = import_findings.describe(existing, "G/full", [64, 32], ["norm", "tb"])
    if confusion is not None:
        found |= import_findings.counted(np.array(confusion), ["a <note>"], grid)
    return found


def row(name: str, confusion: Any, keys: Any = None, step: str = "") -> dict[str, Any]:
    return {"name": name, "confusion": confusion, "keys": keys or {}, "step": step}


def grid(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"images": 96, "seconds": 60, "rows": list(rows), "not_taken": ["x"], "untried": 2}


POOR = row("as declared", [[48, 0], [48, 0]])
IMAGENET = row("ImageNet's", [[45, 3], [2, 46]], {"mean": [0.485, 0.456], "std": [0.2]})
OTHER = row("0 to 255", [[30, 18], [20, 28]], {"range": [0, 255]})


def page(tmp_path: Path, found: dict[str, Any]) -> str:
    write_probe_page(tmp_path / "probe.html", found)
    return (tmp_path / "probe.html").read_text()


def test_the_better_preprocessing_is_named_with_the_keys_to_write(tmp_path: Path) -> None:
    found = findings(
        [[90, 10], [95, 5]], grid(POOR, OTHER, IMAGENET), input={"layout": "channels_last"}
    )
    text = page(tmp_path, found)
    assert "Right on 95 of 200 images, 48 % (95 % interval by images 41 % to 54 %)" in text
    assert "Right on 50 % of 96 images as declared; with ImageNet&#39;s on 95 %. Write in" in text
    # All that the study says beside it stays.
    assert "input: {layout: channels_last, mean: [0.485, 0.456], std: 0.2}" in text
    assert text.index("ImageNet") < text.index(">0 to 255<")  # the best first
    assert "The network does not take: x." in text and "2 more were not tried" in text


def test_others_that_are_as_good_are_counted() -> None:
    same = IMAGENET | {"name": "-1 to 1"}
    told = advice(findings([[48, 0], [48, 0]], grid(POOR, IMAGENET, same)))
    assert (
        told and "1 other in the table below is as good: take the one that it was" in told.sentence
    )


def test_what_no_key_says_is_to_be_built_into_the_network() -> None:
    turned = row("BGR", [[48, 0], [0, 48]], {"range": [0, 255]}, "reverse the channels")
    told = advice(findings([[48, 0], [48, 0]], grid(POOR, turned)))
    assert told and told.lines == ["input: {range: [0, 255]}"]
    assert (
        "No key says this: let the network itself reverse the channels, export it" in told.sentence
    )


def test_another_order_of_the_classes_is_named() -> None:
    told = advice(
        findings([[5, 95], [90, 10]], grid(row("as declared", [[2, 46], [44, 4]]), OTHER))
    )
    assert told and told.lines == ["classes: [norm, tb]"]
    assert "right on 92 % of the images instead of 8 %" in told.sentence


def test_a_preprocessing_and_an_order_are_named_together() -> None:
    both = row("0 to 255", [[1, 47], [48, 0]], {"range": [0, 255]})
    told = advice(findings([[48, 0], [48, 0]], grid(POOR, both)))
    assert told and told.lines == ["input: {range: [0, 255]}", "classes: [norm, tb]"]
    assert "and the classes in another order, on 99 %" in told.sentence


@pytest.mark.parametrize("confusion", [[[50, 50], [50, 50]], [[95, 5], [5, 95]], [[0, 0], [0, 0]]])
def test_no_advice_where_nothing_is_better(confusion: Any, tmp_path: Path) -> None:
    found = findings(confusion)
    assert advice(found) is None
    assert "<pre>" not in page(tmp_path, found)


def test_the_page_loads_nothing_and_escapes_all(tmp_path: Path) -> None:
    text = page(tmp_path, findings([[90, 10], [95, 5]], grid(POOR, OTHER)))
    assert "<script" not in text and "http://" not in text and "https://" not in text
    assert "default-src 'none'" in text and "<img" not in text
    assert "n&amp;m.pt2" in text and "a &lt;note&gt;" in text and "patient-name" not in text


def test_defaults_are_told_from_what_the_study_says(tmp_path: Path) -> None:
    text = page(tmp_path, findings([[1, 0], [0, 1]], input={"range": [0, 255], "channels": 3}))
    rows = [line for line in text.splitlines() if line.startswith("<tr><th scope")]
    said = {
        name: next(r for r in text.split("<tr>") if f">input.{name}<" in r)
        for name in ("range", "channels")
    }
    assert "the study" in said["range"] and "default" in said["channels"] and rows


def test_the_refusal_has_a_page_and_names_it(tmp_path: Path) -> None:
    target = tmp_path / "run" / "probe.html"
    refusal = import_findings.refused(findings(), UserError("n.pt2: <too> bad"), target)
    assert str(refusal) == f"n.pt2: <too> bad; {target} says what else was found"
    text = target.read_text()
    assert "n.pt2: &lt;too&gt; bad" in text and "input.range" in text
    target = tmp_path / "no-folder"
    target.write_text("")
    refusal = import_findings.refused(findings(), UserError("n.pt2: bad"), target / "probe.html")
    assert str(refusal) == "n.pt2: bad"  # the page could not be written


def test_it_needs_no_matplotlib() -> None:
    """The environment of network jobs has none."""
    code = "import sys, pgdose.report.probe_page; print(json.dumps([m for m in sys.modules]))"
    run = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"], capture_output=True, check=True
    )
    assert not {"matplotlib", "torch"} & set(json.loads(run.stdout))
