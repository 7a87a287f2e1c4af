"""Part `checks`: the GPU beside the CPU, precisions beside fp32, and what must not be lost.

At toy size both sides are the CPU.
"""

import contextlib
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gpu_task
import torch
from gpu_report import Part
from gpu_task import CPU, Held, Limits
from torch import Tensor, nn

from pgdose import devices, tensor_files
from pgdose.attack.batching import Execution
from pgdose.attack.surface import Surface, surface
from pgdose.networks.cuda_graphs import CudaGraphs
from pgdose.study.doses import Doses
from pgdose.study.training import Training
from pgdose.training import loop
from pgdose.training.data import TrainingData

LOSS_WITHIN, GRADIENT_WITHIN, ACCURACY_WITHIN = 1e-4, 5e-3, 0.1  # the first two in parts of it
EPOCHS, KILLED_AFTER = 6, 2  # of the training that is killed


@dataclass(frozen=True)
class Sizes:
    width: float
    size: int
    images: int  # under attack
    iterations: int
    trained: int  # images
    epochs: int
    steps: int  # by which the attacked network learns

    @classmethod
    def of(cls, toy: bool) -> "Sizes":
        return cls(0.0625, 75, 6, 3, 24, 2, 6) if toy else cls(0.25, 96, 24, 8, 160, 10, 40)


def run(part: Part) -> None:
    device, sizes = gpu_task.the_device(part.toy), Sizes.of(part.toy)
    devices.set_precision("fp32", device)
    part.measure("training", "one training step", partial(one_step, sizes, device))
    attack_checks(part, sizes, device)
    devices.set_precision("fp32", device)
    part.measure("deterministic mode", "killed and resumed training", partial(killed, part, sizes))
    part.measure("memory that runs out", "training", partial(halved_training, sizes, device))
    part.measure("training", "several epochs", partial(several_epochs, sizes, device))


def attack_checks(part: Part, sizes: Sizes, device: torch.device) -> None:
    checks = Checks(sizes, device)
    if part.measure("surfaces in fp32 beside the CPU", "the network", checks.prepare) is None:
        return  # all others need it
    part.measure("surfaces in fp32 beside the CPU", "CPU, other batches", checks.own_spread)
    for name in gpu_task.attacks():
        part.measure("surfaces in fp32 beside the CPU", name, partial(checks.beside_cpu, name))
    for name in ("sign step", "raw step", "APGD, cross-entropy"):
        part.measure(
            "surfaces with CUDA graphs beside those without",
            name,
            partial(checks.with_graphs, name),
        )
    for precision in gpu_task.PRECISIONS[1:]:
        for name in ("sign step", "raw step"):
            compute = partial(checks.in_precision, name, precision)
            part.measure("lower precisions beside fp32", f"{precision}, {name}", compute)
    devices.set_precision("fp32", device)
    part.measure("deterministic mode", "attack", checks.deterministic_attack)
    part.measure("memory that runs out", "attack", checks.halved_attack)


# --- attacks --------------------------------------------------------------------------------------


class Checks:
    """One network and its images, attacked on both devices."""

    def __init__(self, sizes: Sizes, device: torch.device) -> None:
        self.sizes, self.device = sizes, device
        self.on_cpu: dict[str, Surface] = {}

    def prepare(self) -> dict[str, Any]:
        sizes, device = self.sizes, self.device
        network = gpu_task.learned(sizes.width, sizes.size, sizes.steps, CPU, classes=3)
        self.network = {kind: gpu_task.folded_copy(network, kind) for kind in {CPU, device}}
        self.images, _ = gpu_task.fields(sizes.images, sizes.size, 1, classes=3)
        with torch.no_grad():
            self.classes = self.network[CPU](self.images).argmax(dim=1)
        counts = torch.bincount(self.classes, minlength=3).tolist()
        return {"width": sizes.width, "px": sizes.size, "images of each class": counts}

    def attacked(
        self,
        name: str,
        device: torch.device,
        network: nn.Module | None = None,
        batch: int = 64,
        repeat: int = 1,
    ) -> Surface:
        attack, epsilons = gpu_task.attacks()[name]
        images, classes = self.images.repeat(repeat, 1, 1, 1), self.classes.repeat(repeat)
        samples = gpu_task.samples_of(images, classes, device)
        doses = Doses(epsilons, self.sizes.iterations)
        return surface(
            network or self.network[device], samples, attack, doses, Execution(batch=batch)
        )

    def reference(self, name: str) -> Surface:
        if name not in self.on_cpu:
            self.on_cpu[name] = self.attacked(name, CPU)
        return self.on_cpu[name]

    def compared(
        self, ours: Surface, reference: Surface, limits: Limits | None, repeat: int = 1
    ) -> dict[str, Any]:
        return gpu_task.compare(ours, reference, self.classes.repeat(repeat), limits)

    def own_spread(self) -> dict[str, Any]:
        """The yardstick: what the CPU differs by from itself when batches are cut differently."""
        name = "sign step"
        return self.compared(self.attacked(name, CPU, batch=5), self.reference(name), Limits())

    def beside_cpu(self, name: str) -> dict[str, Any]:
        return self.compared(self.attacked(name, self.device), self.reference(name), Limits())

    def with_graphs(self, name: str) -> dict[str, Any]:
        graphs = CudaGraphs(self.network[self.device])
        ours = self.attacked(name, self.device, graphs)
        found = self.compared(ours, self.attacked(name, self.device), Limits())
        found |= {"replays": graphs.replays, "batches": graphs.rows, "fault": graphs.fault or "no"}
        if self.device.type == "cuda":
            found["holds"] = found["holds"] and graphs.replays > 0 and not graphs.fault
        return found

    def in_precision(self, name: str, precision: str) -> dict[str, Any]:
        reference = self.attacked(name, self.device)
        network = gpu_task.in_precision(self.network[self.device], precision, self.device)
        try:
            ours = self.attacked(name, self.device, network)
        finally:
            devices.set_precision("fp32", self.device)
        found = self.compared(ours, reference, None)
        for measured in ("zero_gradient", "bad_gradient"):
            found[measured.replace("_", " ")] = float(getattr(ours, measured).nanmean())
        return found

    def deterministic_attack(self) -> dict[str, Any]:
        def twice() -> tuple[bool, Surface]:
            first, second = (self.attacked("raw step", self.device) for _ in range(2))
            return torch.equal(first.logits, second.logits), first

        usual, _ = twice()
        with deterministic(self.device) as messages:
            equal, _ = twice()
        return {"equal to the bit": equal, "without the mode": usual, "holds": equal} | messages

    def halved_attack(self) -> dict[str, Any]:
        """As many images as the limit lets in only by halves."""
        repeat = 2 if self.device.type == "cpu" else 24
        batch = repeat * len(self.images)
        name = "sign step"
        whole = self.attacked(name, self.device, batch=batch, repeat=repeat)
        with limited_memory(self.network[self.device], self.device, batch, self.images) as network:
            ours = self.attacked(name, self.device, network, batch, repeat)
        found = {"images at a time": ours.batch, "without the limit": whole.batch}
        found |= self.compared(ours, whole, Limits(), repeat)
        found["holds"] = found["holds"] and ours.batch < batch == whole.batch
        return found


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[dict[str, str]]:
    """Deterministic mode; what torch says of operations that have none comes into the mapping."""
    messages: dict[str, str] = {}
    before = torch.backends.cudnn.benchmark
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        devices.set_deterministic(True, device)
        try:
            yield messages
        finally:
            devices.set_deterministic(False, device)
            torch.backends.cudnn.benchmark = before
    said = {str(warning.message)[:150] for warning in caught}
    if said:
        messages["warnings"] = " / ".join(sorted(said)[:3])


class OfCapacity(nn.Module):
    """On the CPU, where no memory can be limited: more images at a time run out of it."""

    def __init__(self, network: nn.Module, capacity: int) -> None:
        super().__init__()
        self.network, self.capacity = network, capacity
        self.train(network.training)

    def forward(self, images: Tensor) -> Any:
        if len(images) > self.capacity:
            raise torch.OutOfMemoryError("out of memory: more images than the toy's capacity")
        return self.network(images)


@contextlib.contextmanager
def limited_memory(
    network: nn.Module, device: torch.device, batch: int, image: Tensor
) -> Iterator[nn.Module]:
    """A limit that a forward and backward pass of the batch does not fit into, half of it does."""
    if device.type == "cpu":
        yield OfCapacity(network, batch // 2)
        return
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_reserved(device)
    repeated = image[:1].to(device).repeat(batch, 1, 1, 1)
    images = repeated.contiguous(memory_format=torch.channels_last).requires_grad_()
    output = network(images)
    logits = output[0] if isinstance(output, tuple) else output
    logits.sum().backward()  # also of the weights, if they are not frozen
    network.zero_grad(set_to_none=True)
    needed = torch.cuda.max_memory_allocated(device) - before
    del output, logits, images, repeated
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(device).total_memory
    allowed = torch.cuda.memory_reserved(device) + 0.7 * max(needed, 0)
    torch.cuda.set_per_process_memory_fraction(min(allowed / total, 1.0), device)
    try:
        yield network
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
        torch.cuda.empty_cache()


# --- training -------------------------------------------------------------------------------------


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
import gpu_checks
gpu_checks.train_and_say(Path(sys.argv[2]), sys.argv[3] == "toy")
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
    """Kill the child once it has said that the epoch is over, in the midst of the next."""
    here = str(Path(__file__).resolve().parent)
    command = [sys.executable, "-c", CHILD, here, str(work), "toy" if toy else "whole"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        try:
            for line in child.stdout:
                if line.split() == ["epoch", str(epoch)]:
                    break
        finally:
            child.kill()
        return child.wait()
