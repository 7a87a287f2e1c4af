"""Training in the part `checks`: beside the CPU, halved batches, and a process that is killed."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gpu_task
import torch
from gpu_conditions import Sizes, deterministic, limited_memory
from gpu_report import Part
from gpu_task import CPU, Held
from torch import Tensor, nn

from pgdose import devices, tensor_files
from pgdose.study.training import Training
from pgdose.training import loop
from pgdose.training.data import TrainingData

LOSS_WITHIN, GRADIENT_WITHIN, ACCURACY_WITHIN = 1e-4, 5e-3, 0.1  # the first two in parts of it
EPOCHS, KILLED_AFTER = 6, 2  # of the training that is killed


def settings_of(epochs: int, batch: int = 16) -> Any:
    return Training(epochs=epochs, batch=batch, lr=1e-3)


def first_step(
    sizes: Sizes, device: torch.device, batch: int, limited: bool = False
) -> tuple[dict[str, Any], Tensor]:
    """A training of a single step: the row of its epoch, and the gradient of all weights.

    The gradient is one vector, float64 on the CPU.
    """
    network = gpu_task.untrained(sizes.width, sizes.size).to(device)
    network.to(memory_format=torch.channels_last)
    held = Held(batch, sizes.size, 3)
    rows: list[dict[str, Any]] = []

    def train(model: nn.Module) -> None:
        data, few = TrainingData(held, Held(4, sizes.size, 5)), settings_of(1, batch)
        with tempfile.TemporaryDirectory() as work:
            resources = loop.Resources([device], Path(work))
            loop.train(model, data, few, resources, seed=0, name="gpu", on_epoch=rows.append)

    if limited:
        before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        images = torch.from_numpy(held.pixels[:1]).float() / 255
        with limited_memory(network, device, batch, images) as model:
            network.load_state_dict(before)  # the pass that measured the memory has changed it
            train(model)
    else:
        train(network)
    gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
    return rows[0], torch.cat([part.detach().cpu().double() for part in gradients])


def one_step(sizes: Sizes, device: torch.device) -> dict[str, Any]:
    """Gradients, not weights: Adam's first step is the sign of the gradient, near 0 too."""
    (on_cpu, reference), (row, gradient) = (first_step(sizes, d, 16) for d in (CPU, device))
    loss = on_cpu["loss"]
    found = {
        "loss on the CPU": loss,
        "loss apart": abs(row["loss"] - loss) / loss,
        "gradient apart": float((gradient - reference).norm() / reference.norm()),
    }
    found["holds"] = (
        found["loss apart"] <= LOSS_WITHIN and found["gradient apart"] <= GRADIENT_WITHIN
    )
    return found


def trained(
    sizes: Sizes,
    device: torch.device,
    work: Path,
    epochs: int,
    on_epoch: Callable[[dict[str, Any]], None] = lambda row: None,
    nudge: float = 0.0,
) -> tuple[list[dict[str, Any]], dict[str, Tensor]]:
    """The rows of a whole training's epochs, and its weights on the CPU."""
    network = gpu_task.untrained(sizes.width, sizes.size)
    for parameter in network.parameters():
        parameter.data *= 1 + nudge
    data = TrainingData(Held(sizes.trained, sizes.size, 4), Held(48, sizes.size, 5))
    rows: list[dict[str, Any]] = []

    def keep(row: dict[str, Any]) -> None:
        rows.append(row)
        on_epoch(row)

    resources = loop.Resources([device], work)
    loop.train(
        network, data, settings_of(epochs), resources, seed=0, name="gpu/check", on_epoch=keep
    )
    return rows, {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def several_epochs(sizes: Sizes, device: torch.device) -> dict[str, Any]:
    """Beside the CPU, and as the yardstick the CPU with weights that differ in the 7th digit."""
    runs = {"CPU": (CPU, 0.0), "CPU, weights nudged": (CPU, 1e-6), "this device": (device, 0.0)}
    found: dict[str, Any] = {}
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, (place, nudge)) in enumerate(runs.items()):
            work = Path(folder, str(number))
            rows[name], _ = trained(sizes, place, work, sizes.epochs, nudge=nudge)
            found[f"{name}: first loss"] = rows[name][0]["loss"]
            found[f"{name}: last loss"] = rows[name][-1]["loss"]
            found[f"{name}: accuracy"] = rows[name][-1]["validation_accuracy"]
    ours, nudged = (
        abs(found[f"{name}: accuracy"] - found["CPU: accuracy"])
        for name in ("this device", "CPU, weights nudged")
    )
    first = abs(found["this device: first loss"] / found["CPU: first loss"] - 1)
    found["holds"] = ours <= max(ACCURACY_WITHIN, 2 * nudged) and first <= 0.1
    return found


def halved_training(sizes: Sizes, device: torch.device) -> dict[str, Any]:
    """Batch norm's statistics are then those of the smaller parts, so the loss is not the same."""
    batch = 8 if device.type == "cpu" else 256
    whole, _ = first_step(sizes, device, batch)
    row, _ = first_step(sizes, device, batch, limited=True)
    apart = abs(row["loss"] / whole["loss"] - 1)
    return {
        "images at a time": row["at_once"],
        "of a batch of": batch,
        "loss apart": apart,
        "holds": 2 <= row["at_once"] < batch and apart < 0.2,
    }


# --- a training that is killed --------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import gpu_imports
gpu_imports.prepare()
import gpu_check_training
gpu_check_training.train_and_say(Path(sys.argv[2]), sys.argv[3] == "toy")
"""


def train_and_say(work: Path, toy: bool) -> None:
    """In a process of its own: train in deterministic mode, and print each epoch's number."""
    device = gpu_task.the_device(toy)
    devices.set_precision("fp32", device)
    with deterministic(device):
        trained(
            Sizes.of(toy),
            device,
            work,
            EPOCHS,
            lambda row: print("epoch", row["epoch"], flush=True),
        )


def killed(part: Part, sizes: Sizes) -> dict[str, Any]:
    """A training in a process that is killed, resumed here, beside one that ran through."""
    device = gpu_task.the_device(part.toy)
    with tempfile.TemporaryDirectory() as folder:
        work, rows = Path(folder, "killed"), []
        status = kill_after(KILLED_AFTER, work, part.toy)
        _, metadata = tensor_files.load(work / "epoch.safetensors")
        with deterministic(device) as messages:
            _, through = trained(sizes, device, Path(folder, "through"), EPOCHS)
            _, resumed = trained(sizes, device, work, EPOCHS, rows.append)
    equal = all(torch.equal(tensor, resumed[name]) for name, tensor in through.items())
    return {
        "killed after epoch": KILLED_AFTER,
        "its exit status": status,
        "resumed after epoch": len(metadata["history"]),
        "epochs in the end": len(rows),
        "equal to the bit": equal,
        "holds": equal and status == -9 and len(metadata["history"]) < len(rows) == EPOCHS,
    } | messages


def kill_after(epoch: int, work: Path, toy: bool) -> int:
    """Kill the child once it has said that the epoch is over, in the midst of the next.

    Returns its exit status; RuntimeError if it ended before.
    """
    here = str(Path(__file__).resolve().parent)
    command = [sys.executable, "-c", CHILD, here, str(work), "toy" if toy else "whole"]
    errors = work.with_suffix(".stderr")
    with (
        errors.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as child,
    ):
        assert child.stdout
        try:
            for line in child.stdout:
                if line.split() == ["epoch", str(epoch)]:
                    break
        finally:
            child.kill()
        status = child.wait()
    if status != -signal.SIGKILL:
        said = errors.read_text().strip()[-800:]
        raise RuntimeError(f"the child ended by itself, with status {status}: {said}")
    return status
