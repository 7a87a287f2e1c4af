"""Part `checks`: the GPU beside the CPU, precisions beside fp32, and what must not be lost.

At toy size both sides are the CPU.
"""

from functools import partial
from typing import Any

import gpu_task
import torch
from gpu_check_training import halved_training, killed, one_step, several_epochs
from gpu_conditions import Sizes, deterministic, limited_memory
from gpu_report import Part
from gpu_task import CPU, Limits
from torch import nn

from pgdose import devices
from pgdose.attack.batching import Execution
from pgdose.attack.surface import Surface, surface
from pgdose.networks.cuda_graphs import CudaGraphs
from pgdose.study.doses import Doses

IN_FP32 = "surfaces in fp32 beside the CPU"
WITH_GRAPHS = "surfaces with CUDA graphs beside those without"


def run(part: Part) -> None:
    device, sizes = gpu_task.the_device(part.toy), Sizes.of(part.toy)
    devices.set_precision("fp32", device)
    part.measure("training", "one training step", partial(one_step, sizes, device))
    checks = Checks(sizes, device)
    prepared = part.measure(IN_FP32, "the network", checks.prepare) is not None
    if prepared:
        attack_checks(part, checks)
        devices.set_precision("fp32", device)
    part.measure("deterministic mode", "killed and resumed training", partial(killed, part, sizes))
    part.measure("memory that runs out", "training", partial(halved_training, sizes, device))
    for name in ("sign step", "raw step", "APGD, cross-entropy") if prepared else ():
        # A capture that fails may leave CUDA unusable, so these come late.
        part.measure(WITH_GRAPHS, name, partial(checks.with_graphs, name))
    part.measure("training", "several epochs", partial(several_epochs, sizes, device))


def attack_checks(part: Part, checks: "Checks") -> None:
    part.measure(IN_FP32, "CPU, other batches", checks.own_spread)
    for name in gpu_task.attacks():
        part.measure(IN_FP32, name, partial(checks.beside_cpu, name))
    for precision in gpu_task.PRECISIONS[1:]:
        for name in ("sign step", "raw step"):
            compute = partial(checks.in_precision, name, precision)
            part.measure("lower precisions beside fp32", f"{precision}, {name}", compute)
    part.measure("deterministic mode", "attack", checks.deterministic_attack)
    part.measure("memory that runs out", "attack", checks.halved_attack)


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
