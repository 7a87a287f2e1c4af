"""Networks of many makers by each way in: as right as at home, and flipped alike?

    .venv/bin/python benchmarks/audit_table.py [WORDS OF A NAME ...] [--terminal] > table.md

Each network of audited_networks.py is handed to `pgdose.dose_response` as a module, and written to
files as its owner would write it, which are imported as a study imports them. A plain loop, which
uses nothing of pgdose, attacks the module with its owner's own preprocessing. All in float64, so
that a flip is a flip; a cell is one image at one epsilon and one iteration.

--terminal instead carries one file of each of a dozen networks through `pgdose audit` to the end,
beside the plain loop in float32, in which a study computes. Run refused_networks.py for those that
must be refused.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import audited_in_terminal
import numpy as np
import pandas as pd
import torch
from audited_networks import BROUGHT, CLASSES, Brought, images, trained
from safetensors.torch import save_file
from torch import Tensor, nn

import pgdose
from pgdose.errors import UserError
from pgdose.networks import network_files
from pgdose.study.networks import ExistingNetwork

EPSILONS, ITERATIONS = [0.002, 0.005, 0.01, 0.03], 4
SHARE = 2.5 / ITERATIONS  # of epsilon: a step of `pgdose audit`
FILES = ("pt2", "onnx", "old onnx", "torchscript", "safetensors")


class Outcome(NamedTuple):
    """What became of n images.

    right:   n bool, whether the clean image is classified right
    flipped: n x epsilons x iterations bool; only rows of `right` count
    """

    right: np.ndarray
    flipped: np.ndarray


def plain_loop(brought: Brought, network: nn.Module, pixels: Tensor, labels: Tensor) -> Outcome:
    """An attack of signed steps, in the kind of numbers that `network` and `pixels` have."""
    with torch.no_grad():
        right = brought.decision(brought.output(network, pixels)) == labels
    flipped = torch.zeros(len(labels), len(EPSILONS), ITERATIONS, dtype=torch.bool)
    for level, epsilon in enumerate(EPSILONS):
        x = pixels.clone()
        for iteration in range(ITERATIONS):
            x.requires_grad_()
            losses = brought.loss(brought.output(network, x), labels)
            (gradient,) = torch.autograd.grad(losses.sum(), x)
            with torch.no_grad():
                x = x + SHARE * epsilon * gradient.sign()
                x = torch.minimum(torch.maximum(x, pixels - epsilon), pixels + epsilon).clamp(0, 1)
                decision = brought.decision(brought.output(network, x))
                flipped[:, level, iteration] = decision != labels
    return Outcome(right.numpy(), flipped.numpy())


def write_file(
    brought: Brought,
    network: nn.Module,
    kind: str,
    folder: Path,
    names: Sequence[str] | None = None,
) -> Path:
    """The network's file, as the documentation of torch writes one; `names` of ONNX's outputs."""
    pixels, _ = images(*brought.shape)
    example = brought.preprocess(pixels[:2])
    path = folder / f"network.{kind.removeprefix('old ')}"
    if kind == "pt2":
        batch = {0: torch.export.Dim("batch", min=1)}
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=(batch,)), path)
    elif kind == "torchscript":
        torch.jit.trace(network, example, strict=False, check_trace=False).save(str(path))
    elif kind == "safetensors":
        save_file(network.state_dict(), path)
    elif kind == "onnx":
        torch.onnx.export(network, (example[:1],), str(path), output_names=names)
    else:
        axes = {"input_names": ["x"], "output_names": names, "dynamic_axes": {"x": {0: "n"}}}
        torch.onnx.export(network, (example[:1],), str(path), dynamo=False, **axes)
    return path


def declared(brought: Brought, path: Path) -> dict[str, Any]:
    """What its owner writes into the study."""
    entry: dict[str, Any] = {"file": str(path), "classes": CLASSES, "input": brought.input}
    entry |= {"outputs": brought.outputs, **brought.extra}
    if path.suffix == ".safetensors":
        entry["architecture"] = brought.architecture
    if path.suffix == ".torchscript":
        entry["trust"] = True
    return entry


def imported(brought: Brought, path: Path) -> nn.Module:
    """The network of a file, as a study imports it."""
    existing = ExistingNetwork.model_validate(declared(brought, path))
    rows, columns = brought.shape
    size = rows if rows == columns else [rows, columns]
    return network_files.import_network(existing, path.parent / "imported", CLASSES, size)


def keywords(brought: Brought) -> dict[str, Any]:
    """What its owner tells `dose_response` of a module."""
    extra = {"label_names" if key == "labels" else key: v for key, v in brought.extra.items()}
    return {"preprocessing": brought.input, "outputs": brought.outputs, **extra}


def measured(network: nn.Module, data: tuple[Tensor, Tensor], **said: Any) -> Outcome:
    """By `dose_response`; `said` of a module that knows nothing of its input and outputs."""
    result = pgdose.dose_response(
        network,
        data[0],
        data[1].numpy(),
        epsilons=EPSILONS,
        attack={
            "gradient_of": "cross_entropy",
            "step": "sign",
            "alpha": {"of_epsilon": SHARE},
            "max_iter": ITERATIONS,
        },
        progress=False,
        **said,
    )
    flipped = np.zeros((len(data[1]), len(EPSILONS), ITERATIONS), bool)
    attacked = result.surface.members
    flipped[attacked] = result.surface.flipped(result.labels[attacked])[:, :, 1:]
    return Outcome(result.right, flipped)


def cell(outcome: Callable[[], Outcome], home: Outcome) -> str:
    """How an outcome differs from the one at home, or why there is none."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            right, flipped = outcome()
    except UserError as error:
        return f"refused: {error}"
    except Exception as error:  # a row of its own in the table
        return f"FAILED: {type(error).__name__}: {str(error)[-300:]}"
    if (right != home.right).any():
        return f"ACCURACY {right.mean():.2f}"
    wrong = int((flipped != home.flipped)[home.right].sum())
    return f"{wrong} of {home.flipped[home.right].size} differ"


def by_file(
    brought: Brought,
    network: nn.Module,
    kind: str,
    data: tuple[Tensor, Tensor],
    names: Sequence[str] | None = None,
) -> Outcome:
    """Of the network's file of a kind, as a study imports it."""
    with tempfile.TemporaryDirectory() as place:
        path = write_file(brought, network, kind, Path(place), names)
        return measured(imported(brought, path).double(), data)


def compare(brought: Brought) -> dict[str, str]:
    """A row of the table."""
    network = trained(brought)
    pixels, labels = images(*brought.shape)
    data = pixels.double(), labels
    home = plain_loop(brought, network.double(), *data)
    flipped = home.flipped[home.right].mean() if home.right.any() else 0.0
    row = {"network": brought.name, "right at home": f"{home.right.mean():.2f}"}
    row["flipped"] = f"{flipped:.2f}"
    row["module"] = cell(lambda: measured(network, data, **keywords(brought)), home)
    network.float()
    for kind in FILES:
        if kind not in brought.files:
            row[kind] = "-"
            continue
        row[kind] = cell(lambda kind=kind: by_file(brought, network, kind, data), home)
        if row[kind].startswith("refused") and brought.names and "output_names" in row[kind]:
            again = cell(lambda k=kind: by_file(brought, network, k, data, brought.names), home)
            row[kind] += f" -- followed: {again}"
    return row


def in_terminal(brought: Brought) -> dict[str, str]:
    """A row of the table of --terminal."""
    assert brought.terminal is not None
    network = trained(brought)
    data = images(*brought.shape)
    home = plain_loop(brought, network, *data)
    with tempfile.TemporaryDirectory() as place:
        path = write_file(brought, network, brought.terminal, Path(place))
        doses = {"epsilons": EPSILONS, "iterations": ITERATIONS}
        command, run = audited_in_terminal.prepare(brought, path, data, **doses)
        differs = cell(lambda: Outcome(*run()), home)
    return {
        "network": brought.name,
        "right at home": f"{home.right.mean():.2f}",
        "flipped": f"{home.flipped[home.right].mean():.2f}",
        "command": f"`{command}`",
        "terminal": differs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--terminal", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    rows = []
    for brought in BROUGHT:
        if arguments.names and not any(name in brought.name for name in arguments.names):
            continue
        if arguments.terminal and brought.terminal is None:
            continue
        rows.append(in_terminal(brought) if arguments.terminal else compare(brought))
        print(rows[-1], file=sys.stderr, flush=True)
    print(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
