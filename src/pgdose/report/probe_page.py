"""The page of a network from elsewhere: how right it is here, and what its import found.

Self-contained, without scripts and images. Made from the values of `networks.import_findings`, by
the rule `probe_page`, or where the network is refused by its import:

    python -m pgdose.report.probe_page PAGE < findings.json
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pgdose.analysis.intervals import wilson
from pgdose.analysis.output_order import best_order, is_much_better, share_right
from pgdose.report import templates
from pgdose.report.table_model import Cell, Head, Table

Findings = Mapping[str, Any]
NOTHING = "–"


def write_probe_page(path: str | Path, findings: Findings) -> None:
    """Write the page, atomically. Every text is escaped."""
    confusion = _counts(findings["confusion"])
    page = templates.rendered(
        "probe.html",
        findings=findings,
        advice=advice(findings),
        accuracy=_accuracy(confusion),
        input=_input(findings),
        confusion=_confusion(confusion, findings),
        outputs=_outputs(confusion, findings),
        grid=_grid(findings),
    )
    templates.write_page(path, page)


def _counts(confusion: Sequence[Sequence[int]] | None) -> np.ndarray | None:
    return None if confusion is None else np.array(confusion, np.int64)


def percent(share: float) -> str:
    """A share as "91 %"."""
    return NOTHING if np.isnan(share) else f"{100 * share:.0f} %"


def _accuracy(confusion: np.ndarray | None) -> str:
    if confusion is None or not confusion.sum():
        return ""
    right, images = int(confusion.diagonal().sum()), int(confusion.sum())
    low, high = wilson(np.array([right]), np.array([images]))
    return (
        f"Right on {right:,} of {images:,} images, {percent(right / images)} "
        f"(95 % interval by images {percent(low[0])} to {percent(high[0])})."
    )


# --- advice -----------------------------------------------------------------------------------


class Advice(NamedTuple):
    """A sentence, and the lines of the study that it is about."""

    sentence: str
    lines: Sequence[str]


def advice(findings: Findings) -> Advice | None:
    """What to change; None where nothing is much better."""
    confusion = _counts(findings["confusion"])
    if confusion is None or not confusion.sum():
        return None
    order = best_order(confusion)
    declared, reordered = share_right(confusion), share_right(confusion, order)
    from_grid = _advice_of_grid(findings, reordered)
    is_better = is_much_better(reordered, declared, int(confusion.sum()), _swaps(confusion))
    if from_grid or not is_better:
        return from_grid
    return Advice(
        f"In another order of the classes it is right on {percent(reordered)} of the images "
        f"instead of {percent(declared)}. Write in the study:",
        [_classes_line(order, findings)],
    )


def _advice_of_grid(findings: Findings, other_order: float) -> Advice | None:
    """The best of the other preprocessings, if it is much better than the declared one.

    other_order: the share of right images of the declared one, with the best order of the classes
    """
    rows = findings["grid"]["rows"] if findings["grid"] else []
    if len(rows) < 2:
        return None
    declared, *others = rows
    before, images = _share(declared), findings["grid"]["images"]
    begin = f"Right on {percent(before)} of {images} images as declared"
    plain, reordered = max(others, key=_share), max(others, key=_share_reordered)
    swaps = len(others) * _swaps(_array(declared))
    as_well = max(_share(plain), other_order)
    if is_much_better(_share_reordered(reordered), as_well, images, swaps):
        order = best_order(_array(reordered))
        share = percent(_share_reordered(reordered))
        words = f"{begin}; with {reordered['name']}, and the classes in another order, on {share}."
        words += _others_as_good(others, _share_reordered)
        lines = [_input_line(reordered, findings), _classes_line(order, findings)]
        return Advice(f"{words} {_remedy(reordered)}", lines)
    if _share(plain) > other_order and is_much_better(_share(plain), before, images, len(others)):
        words = f"{begin}; with {plain['name']} on {percent(_share(plain))}."
        words += _others_as_good(others, _share)
        return Advice(f"{words} {_remedy(plain)}", [_input_line(plain, findings)])
    return None


def _others_as_good(rows: Sequence[Any], share: Callable[[Any], float]) -> str:
    """A sentence where the images do not tell which of several preprocessings it is."""
    best = max(map(share, rows))
    equal = sum(share(row) == best for row in rows) - 1
    if not equal:
        return ""
    return (
        f" {equal} other{'s' * (equal > 1)} in the table below {'are' if equal > 1 else 'is'} as "
        "good: take the one that it was trained with."
    )


def _swaps(confusion: np.ndarray) -> int:
    """How many pairs of classes may have changed places."""
    return max(len(confusion) * (len(confusion) - 1) // 2, 1)


def _share(row: Mapping[str, Any]) -> float:
    return share_right(_array(row))


def _remedy(row: Mapping[str, Any]) -> str:
    if not row["step"]:
        return "Write in the study:"
    return (
        f"No key says this: let the network itself {row['step']}, export it again, and write in "
        "the study:"
    )


def _input_line(row: Mapping[str, Any], findings: Findings) -> str:
    """The key `input` with a preprocessing, and with all else that the study says."""
    entries = findings["input"].items()
    said = {key: entry["value"] for key, entry in entries if not entry["default"]} | row["keys"]
    return f"input: {{{', '.join(f'{key}: {_plain(value)}' for key, value in said.items())}}}"


def _plain(value: Any) -> str:
    """A value as a study writes it: one number for a list of one."""
    if not isinstance(value, list):
        return str(value)
    numbers = [f"{number:g}" for number in value]
    return numbers[0] if len(numbers) == 1 else _listed(numbers)


def _classes_line(order: np.ndarray, findings: Findings) -> str:
    """The key `classes` for an order: the class that each output stands for."""
    classes = findings["classes"]
    stands_for = {classes[place]: classes[true] for place, true in enumerate(order)}
    return f"classes: {_listed([stands_for[name] for name in findings['outputs']])}"


def _array(row: Mapping[str, Any]) -> np.ndarray:
    return np.array(row["confusion"], np.int64)


def _share_reordered(row: Mapping[str, Any]) -> float:
    return share_right(_array(row), best_order(_array(row)))


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"


# --- tables -----------------------------------------------------------------------------------


def _input(findings: Findings) -> Table:
    """What the network is given, and whether the study says so."""
    rows: list[list[str | Cell]] = []
    entries = {f"input.{key}": entry for key, entry in findings["input"].items()}
    for key, entry in (entries | {"outputs": findings["kind"]}).items():
        said_by = "default" if entry["default"] else "the study"
        rows.append([key, _plain(entry["value"]), said_by])
    heads = [Head("Key"), Head("Value"), Head("Said by")]
    return Table("What the network is given", heads, rows)


def _confusion(confusion: np.ndarray | None, findings: Findings) -> Table | None:
    if confusion is None:
        return None
    predicted = [Head(f"predicted {name}", "number") for name in findings["classes"]]
    heads = [Head("True class"), *predicted]
    rows: list[list[str | Cell]] = []
    for name, counts in zip(findings["classes"], confusion, strict=True):
        rows.append([name, *(_of_class(count, counts.sum()) for count in counts)])
    return Table("Images by true and predicted class", heads, rows)


def _of_class(count: int, images: int) -> Cell:
    return Cell(f"{count:,}", f"({percent(count / images)})" if images else "")


def _outputs(confusion: np.ndarray | None, findings: Findings) -> Table | None:
    """Each output of the network, its declared class, and the class that it seems to be."""
    if confusion is None:
        return None
    order, classes = best_order(confusion), findings["classes"]
    rows: list[list[str | Cell]] = []
    for number, name in enumerate(findings["outputs"]):
        place = classes.index(name)
        answers = confusion[:, place]
        if not answers.sum():
            rows.append([str(number), name, "never the largest", NOTHING])
            continue
        true = order[place]
        share = Cell(percent(answers[true] / answers.sum()), f"of {answers.sum():,} images")
        seems = classes[true]
        seems_cell = seems if seems == name else Cell(seems, kind="contradicted")
        rows.append([str(number), name, seems_cell, share])
    heads = [
        Head("Place in 'classes'"),
        Head("Declared class"),
        Head("Seems to be"),
        Head("Right", "number"),
    ]
    return Table("Which class each output seems to be", heads, rows)


def _grid(findings: Findings) -> Table | None:
    """The preprocessings that were tried, the best first, below the declared one."""
    if not findings["grid"]:
        return None
    declared, *others = findings["grid"]["rows"]
    others.sort(key=lambda row: -max(_share(row), _share_reordered(row)))
    rows: list[list[str | Cell]] = []
    for row in (declared, *others):
        says = ", ".join(f"{key}: {_plain(value)}" for key, value in row["keys"].items())
        step = f"; let the network {row['step']}" if row["step"] else ""
        shares = _share(row), _share_reordered(row)
        rows.append([row["name"], *map(percent, shares), f"{says}{step}"])
    heads = [
        *(Head("Values"), Head("Right", "number"), Head("In the best order", "number")),
        Head("How to say it in 'input'", "text"),
    ]
    return Table("Other preprocessings", heads, rows)


if __name__ == "__main__":
    write_probe_page(sys.argv[1], json.load(sys.stdin))
