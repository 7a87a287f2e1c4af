"""Networks as people have them, by each way in: as right as at home, and flipped alike?

    python benchmarks/audit_table.py [WORDS OF A NAME ...] [--terminal] > docs/audited-networks.md

Each network of audited_networks.py is handed to `pgdose.dose_response` as a module, and written to
files as its owner would write it, which are imported as a study imports them; with --terminal one
file of each is also carried through `pgdose audit`. A plain loop, which imports nothing of pgdose,
attacks the module with its owner's own preprocessing. All in float64, so that a flip is a flip (the
terminal computes in float32).
"""

import argparse
import contextlib
import io
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from audited_networks import (
    BROUGHT,
    CLASSES,
    Brought,
    decision,
    first_tensor,
    images,
    loss,
    trained,
)
from safetensors.torch import save_file
from torch import Tensor, nn

import pgdose
from pgdose.errors import UserError
from pgdose.networks import network_files
from pgdose.study.networks import ExistingNetwork

EPSILONS, ITERATIONS, SHARE = [0.002, 0.005, 0.01, 0.03], 4, 0.5


def plain_loop(brought: Brought, network: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """Whether each image is flipped, n x epsilons x iterations: signed steps of half epsilon."""
    network, pixels = network.double(), pixels.double()
    flips = torch.zeros(len(labels), len(EPSILONS), ITERATIONS, dtype=torch.bool)
    for level, epsilon in enumerate(EPSILONS):
        x = pixels.clone()
        for iteration in range(ITERATIONS):
            x.requires_grad_()
            output = first_tensor(network(brought.preprocess(x)))
            (gradient,) = torch.autograd.grad(loss(brought, output, labels).sum(), x)
            with torch.no_grad():
                x = x + SHARE * epsilon * gradient.sign()
                x = torch.minimum(torch.maximum(x, pixels - epsilon), pixels + epsilon).clamp(0, 1)
                output = first_tensor(network(brought.preprocess(x)))
                flips[:, level, iteration] = decision(brought, output) != labels
    return flips


def written(brought: Brought, network: nn.Module, way: str, folder: Path) -> Path:
    """The network's file, as the documentation of torch writes one."""
    pixels, _ = images(*brought.shape)
    example = brought.preprocess(pixels[:2])
    if way == "pt2":
        batch = {0: torch.export.Dim("batch", min=1)}
        program = torch.export.export(network, (example,), dynamic_shapes=(batch,))
        torch.export.save(program, folder / "network.pt2")
        return folder / "network.pt2"
    if way == "torchscript":
        path = folder / "network.torchscript"
        torch.jit.trace(network, example, strict=False, check_trace=False).save(str(path))
        return path
    if way == "safetensors":
        save_file(network.state_dict(), folder / "network.safetensors")
        return folder / "network.safetensors"
    options: dict[str, Any] = {}
    if way == "old onnx":
        options = {"dynamo": False, "input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    torch.onnx.export(network, (example[:1],), str(folder / "network.onnx"), **options)
    return folder / "network.onnx"


def declaration(brought: Brought, path: Path) -> dict[str, Any]:
    """What its owner writes into the study."""
    entry: dict[str, Any] = {"file": str(path), "classes": CLASSES, "input": brought.declared}
    entry |= {"outputs": brought.outputs, **brought.extra}
    if path.suffix == ".safetensors":
        entry["architecture"] = brought.architecture
    if path.suffix == ".torchscript":
        entry["trust"] = True
    return entry


def imported(brought: Brought, path: Path, folder: Path) -> nn.Module:
    """The network of a file, as a study imports it."""
    existing = ExistingNetwork.model_validate(declaration(brought, path))
    size = brought.shape[0] if brought.shape[0] == brought.shape[1] else brought.shape
    return network_files.import_network(existing, folder / "imported", CLASSES, size)


def flips_here(network: nn.Module, brought: Brought | None, data: tuple[Tensor, Tensor]) -> Any:
    """Accuracy and flips by `dose_response`; `brought` for a module that says nothing itself."""
    told: dict[str, Any] = {}
    if brought is not None:
        extra = dict(brought.extra)
        if "labels" in extra:
            extra["label_names"] = extra.pop("labels")
        told = {"preprocessing": brought.declared, "outputs": brought.outputs, **extra}
    result = pgdose.dose_response(
        network,
        data[0].double(),
        data[1].numpy(),
        classes=None if brought is None or brought.outputs == "multilabel" else CLASSES,
        epsilons=EPSILONS,
        attack={
            "gradient_of": "cross_entropy",
            "step": "sign",
            "alpha": {"of_epsilon": SHARE},
            "max_iter": ITERATIONS,
        },
        progress=False,
        **told,
    )
    flips = result._outcomes.flipped()[:, :, 1:]
    return result.clean_accuracy, result._outcomes.members, flips


def compare(brought: Brought, ways: list[str]) -> dict[str, str]:
    """A cell for each way: taken, with how many flips differ; or the refusal."""
    network, data = trained(brought), images(*brought.shape)
    with torch.no_grad():
        output = first_tensor(network.double()(brought.preprocess(data[0].double())))
        right = decision(brought, output) == data[1]
    home = float(right.double().mean())
    expected = plain_loop(brought, network, *data)
    cells = {"network": brought.name, "accuracy": f"{home:.2f}"}
    cells["flipped"] = f"{float(expected[right].double().mean()):.2f}"
    for way in ways:
        if way != "module" and way not in brought.ways:
            cells[way] = "-"
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    if way == "module":
                        accuracy, rows, flips = flips_here(network, brought, data)
                    else:
                        path = written(brought, network.float(), way, folder)
                        taken = imported(brought, path, folder).double()
                        accuracy, rows, flips = flips_here(taken, None, data)
            except UserError as error:
                cells[way] = f"refused: {error}"
                continue
            except Exception as error:
                cells[way] = f"FAILED: {type(error).__name__}: {error}"[:300]
                continue
        wrong = int((torch.as_tensor(flips) != expected[rows]).sum())
        same = abs(accuracy - home) < 1e-9 and rows.tolist() == right.nonzero()[:, 0].tolist()
        count = flips.size
        cells[way] = f"{wrong} of {count} differ" if same else f"ACCURACY {accuracy:.2f}"
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    ways = ["module", "pt2", "onnx", "old onnx", "torchscript", "safetensors"]
    rows = []
    for brought in BROUGHT:
        if arguments.names and not any(name in brought.name for name in arguments.names):
            continue
        rows.append(compare(brought, ways))
        print(rows[-1], file=sys.stderr, flush=True)
    print(
        pd.DataFrame(rows).to_markdown(index=False) if False else pd.DataFrame(rows).to_csv(sep="|")
    )


if __name__ == "__main__":
    main()
