"""Part `attack`: the step and whole surfaces beside the floor and other libraries.

floor   forward and backward by the images of the folded network in channels_last, nothing else
pgdose  a whole call of `surface`, divided by the gradient steps that it made
graphs  the same with the passes replayed as CUDA graphs
others  PGD of other libraries, of the network as a user has it: not folded, weights not frozen

All ways of one entry take turns, and figures are medians. ms are of one image and step.
"""

import copy
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gpu_task
import torch
from attack_peers import PEERS
from gpu_checks import WITH_GRAPHS
from gpu_report import CUT_SHORT, SKIPPED, Part
from gpu_task import in_turns, peak_gigabytes
from shared import synchronised
from torch import Tensor, nn

from pgdose import devices
from pgdose.attack.batching import Execution
from pgdose.attack.objectives import OBJECTIVES
from pgdose.attack.steps import GradientDescent
from pgdose.attack.surface import Surface, surface
from pgdose.networks.classifier import Classifier
from pgdose.networks.cuda_graphs import CudaGraphs
from pgdose.study.doses import Doses

ALPHA, ITERATIONS = 0.01, 20
EPSILONS = [round(0.02 * k, 2) for k in range(1, 11)]
SIGN = GradientDescent(objective=OBJECTIVES["cross_entropy"], step="sign", rate=ALPHA)
LAYOUTS = {"as called": torch.contiguous_format, "channels_last": torch.channels_last}
STEP, WHOLE = "step", "whole surface, 10 epsilons x 20 iterations"
PEERS_TABLE, OTHER = "beside other libraries", "other ways of the floor"


@dataclass(frozen=True)
class Task:
    """The same images and network for all ways."""

    device: torch.device
    size: int
    images: Tensor  # on the device, channels_last
    plain: nn.Module  # what a user has
    folded: Classifier  # what pgdose makes of it
    network: nn.Module  # that in a precision
    graphs_work: bool = True

    def of(self, precision: str) -> "Task":
        return replace(self, network=gpu_task.in_precision(self.folded, precision, self.device))

    def first(self, n: int) -> "Task":
        return replace(self, images=self.images[:n])


def made(size: int, most: int, toy: bool) -> Task:
    device = gpu_task.the_device(toy)
    devices.set_precision("fp32", device)
    width, steps = (0.0625, 4) if toy else (1.0, 24)
    plain = gpu_task.learned(width, size, steps, device, channels=3)
    folded = gpu_task.folded_copy(plain, device)
    images = gpu_task.fields(most, size, 1, channels=3)[0].to(device)
    images = images.contiguous(memory_format=torch.channels_last)
    return Task(device, size, images, plain, folded, folded)


def run(part: Part) -> None:
    sizes, batches = ((75,), (2, 3)) if part.toy else ((128, 256), (64, 16, 256))
    tasks: dict[int, Task] = {}

    def prepare(size: int) -> dict[str, Any]:
        tasks[size] = replace(made(size, max(batches), part.toy), graphs_work=graphs_work(part))
        return {"px": size, "images": max(batches)}

    for size in sizes:
        part.measure("networks", f"{size} px", partial(prepare, size), share=0.3)
    rounds = 1 if part.toy else 3
    there = [size for size in sizes if size in tasks]
    for size in there:  # what matters most comes first
        compute = partial(step, tasks[size], batches[0], "fp32", rounds)
        part.measure(STEP, step_name(size, batches[0], "fp32"), compute)
    for size in there:
        compute = partial(whole, tasks[size].first(batches[0]), "fp32", rounds)
        part.measure(WHOLE, step_name(size, batches[0], "fp32"), compute)
    for size in there:
        compute = partial(beside_peers, tasks[size].first(batches[0]), rounds)
        part.measure(PEERS_TABLE, step_name(size, batches[0], "fp32"), compute)
    for size in there[:1]:
        part.measure(
            OTHER, f"{size} px", partial(other_ways, tasks[size].first(batches[0]), rounds)
        )
        part.measure("profile", f"{size} px", partial(profile, tasks[size].first(batches[0])))
    for precision in gpu_task.PRECISIONS:
        for batch in batches:
            for size in there:
                if (batch, precision) != (batches[0], "fp32"):
                    compute = partial(step, tasks[size], batch, precision, rounds)
                    part.measure(STEP, step_name(size, batch, precision), compute)
    for precision in gpu_task.PRECISIONS[1:]:
        for size in there:
            compute = partial(whole, tasks[size].first(batches[0]), precision, rounds)
            part.measure(WHOLE, step_name(size, batches[0], precision), compute)


def graphs_work(part: Part) -> bool:
    """Whether part `checks` saw no CUDA graph fail: one that does may leave CUDA unusable."""
    all_entries = part.earlier.get("checks", {}).get("entries", [])
    tried = [entry for entry in all_entries if entry["table"] == WITH_GRAPHS]
    ended = [entry for entry in tried if entry["state"] not in (SKIPPED, CUT_SHORT)]
    return all(entry.get("fault") == "no" for entry in ended)


def step_name(size: int, batch: int, precision: str) -> str:
    return f"{size} px, {batch} images, {precision}"


# --- the ways, each gives the number of images times steps ----------------------------------------


def floor(network: nn.Module, images: Tensor, steps: int) -> int:
    for _ in range(steps):
        own = images.detach().requires_grad_()
        torch.autograd.grad(network(own).sum(), own)
    return len(images) * steps


def attacked(network: nn.Module, task: Task, epsilons: Sequence[float], steps: int) -> Surface:
    with torch.no_grad():
        classes = task.folded(task.images).argmax(dim=1)
    samples = gpu_task.samples_of(task.images, classes, task.device)
    execution = Execution(batch=devices.MOST_AT_ONCE[task.device.type])
    return surface(network, samples, SIGN, Doses(tuple(epsilons), steps), execution)


def peer_ways(task: Task) -> tuple[dict[str, Callable], dict[str, str]]:
    """Calls of the other libraries that are there, and why some of them cannot be called."""
    calls, faults = {}, {}
    with torch.no_grad():
        classes = task.folded(task.images).argmax(dim=1)
    for name, (module, make) in PEERS.items():
        for layout in LAYOUTS if importlib.util.find_spec(module) else ():
            memory = LAYOUTS[layout]
            try:
                network = copy.deepcopy(task.plain).to(memory_format=memory)
                images = task.images.contiguous(memory_format=memory)
                call = make(network, images, classes, ALPHA)
                call([ALPHA], 1)
                calls[f"{name}, {layout}"] = call
            except Exception as error:  # of a foreign library
                faults[f"{name} failed"] = f"{type(error).__name__}: {error}"[:100]
    return calls, faults


# --- entries --------------------------------------------------------------------------------------


def steps_of(task: Task) -> int:
    if task.device.type == "cpu":
        return 2
    return ITERATIONS if task.images.numel() <= 64 * 3 * 256 * 256 else ITERATIONS // 2


def step(task: Task, batch: int, precision: str, rounds: int) -> dict[str, Any]:
    task = task.of(precision).first(batch)
    steps = steps_of(task)
    graphs = CudaGraphs(task.network)
    epsilons = [ALPHA * steps]
    gpu_task.tidy(task.device)
    ways: dict[str, Callable[[], float]] = {
        "floor": partial(floor, task.network, task.images, steps),
        "pgdose": lambda: attacked(task.network, task, epsilons, steps).steps,
    }
    if task.graphs_work:
        ways["floor with graphs"] = partial(floor, graphs, task.images, steps)
        ways["pgdose with graphs"] = lambda: attacked(graphs, task, epsilons, steps).steps
    try:
        taken = in_turns(ways, rounds, task.device)
    finally:
        devices.set_precision("fp32", task.device)
    found: dict[str, Any] = {f"{name}, ms": 1e3 * taken[name] for name in taken}
    found["pgdose, share of the floor"] = taken["floor"] / taken["pgdose"]
    if task.graphs_work:
        replayed = taken["pgdose with graphs"]
        found["graphs, gain"] = taken["pgdose"] / replayed
        found["graphs, share of their floor"] = taken["floor with graphs"] / replayed
        found["graphs' fault"] = graphs.fault or "no"
    return found | {"steps": steps, "peak GB": peak_gigabytes(task.device)}


def beside_peers(task: Task, rounds: int) -> dict[str, Any]:
    """The step, and then whole surfaces, of which the others give the last iterates alone."""
    calls, faults = peer_ways(task)
    if not calls:
        return {"there": "none", **faults}
    steps, n = steps_of(task), len(task.images)
    epsilons = [ALPHA * steps]
    ways: dict[str, Callable[[], float]] = {
        "pgdose": lambda: attacked(task.network, task, epsilons, steps).steps
    }
    for name, call in calls.items():
        ways[name] = lambda call=call: (call(epsilons, steps), n * steps)[1]
    taken = in_turns(ways, rounds, task.device)
    found: dict[str, Any] = {f"{name}, ms a step": 1e3 * taken[name] for name in taken}
    for layout in LAYOUTS:
        alike = {name: taken[name] for name in calls if name.endswith(layout)}
        if alike:
            best = min(alike, key=lambda name: alike[name])
            found[f"times as fast as the fastest {layout}"] = alike[best] / taken["pgdose"]
    many, iterations = (EPSILONS, ITERATIONS) if task.device.type == "cuda" else (EPSILONS[:2], 2)
    ours = timed(lambda: attacked(task.network, task, many, iterations), task)
    for name, call in calls.items():
        if name.endswith("as called"):  # once: they take far longer
            theirs = timed(lambda call=call: call(many, iterations), task)
            found[f"whole surface, times as fast as {name}"] = theirs / ours
    return found | faults


def timed(call: Callable[[], object], task: Task) -> float:
    begun = synchronised(task.device)
    call()
    return synchronised(task.device) - begun


def whole(task: Task, precision: str, rounds: int) -> dict[str, Any]:
    task = task.of(precision)
    graphs, n = CudaGraphs(task.network), len(task.images)
    epsilons, iterations = EPSILONS, ITERATIONS
    if task.device.type == "cpu":
        epsilons, iterations = EPSILONS[:2], 3
    results: dict[str, Surface] = {}

    def surface_of(name: str, network: nn.Module) -> int:
        results[name] = attacked(network, task, epsilons, iterations)
        return n

    gpu_task.tidy(task.device)
    ways: dict[str, Callable[[], float]] = {
        "floor, a step": partial(floor, task.network, task.images, 4),
        "pgdose": partial(surface_of, "pgdose", task.network),
    }
    if task.graphs_work:
        ways["graphs"] = partial(surface_of, "graphs", graphs)
    try:
        taken = in_turns(ways, rounds, task.device)
    finally:
        devices.set_precision("fp32", task.device)
    steps = results["pgdose"].steps / n
    found: dict[str, Any] = {
        "s per image": taken["pgdose"],
        "steps per image": steps,
        "share of the floor": steps * taken["floor, a step"] / taken["pgdose"],
    }
    if task.graphs_work:
        found |= beside(results["graphs"], results["pgdose"], task)
        found["graphs, gain"] = taken["pgdose"] / taken["graphs"]
        found["graphs' fault"] = graphs.fault or "no"
    return found


def beside(surface: Surface, reference: Surface, task: Task) -> dict[str, Any]:
    """How many flips differ."""
    with torch.no_grad():
        classes = task.folded(task.images).argmax(dim=1)
    found = gpu_task.compare(surface, reference, classes, None)
    return {
        "flips that differ": f"{found['flips that differ']} of {found['flips']}",
        "rate at the end": found["rate at the end"],
    }


class InLower(nn.Module):
    """A network whose weights are bfloat16, so that no step has to convert them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).bfloat16()

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images.bfloat16()).float()


def other_ways(task: Task, rounds: int) -> dict[str, Any]:
    """Settings that the library does not use, for forward and backward alone."""
    steps = 10 if task.device.type == "cuda" else 1
    contiguous = copy.deepcopy(task.folded).to(memory_format=torch.contiguous_format)

    def of(network: nn.Module, images: Tensor = task.images) -> Callable[[], float]:
        return partial(floor, network, images, steps)

    def tuned() -> float:
        before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
        try:
            return floor(task.folded, task.images, steps)
        finally:
            torch.backends.cudnn.benchmark = before

    ways = {
        "fp32": of(task.folded),
        "fp32, not folded": of(copy.deepcopy(task.plain).requires_grad_(False)),
        "fp32, contiguous": of(contiguous, task.images.contiguous()),
        "fp32, cudnn.benchmark": tuned,
        "bf16 by autocast": of(devices.Autocast(task.folded, torch.bfloat16).eval()),
        "bf16 weights": of(InLower(task.folded)),
    }
    taken = in_turns(ways, rounds, task.device)
    return {f"{name}, ms": 1e3 * seconds for name, seconds in taken.items()}


def profile(task: Task) -> dict[str, Any]:
    """Where the time of a whole call goes: torch's table of operations, by the GPU and the CPU."""
    cuda = task.device.type == "cuda"
    steps = 5 if cuda else 1
    attacked(task.network, task, [ALPHA * steps], steps)
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if cuda else []
    with torch.profiler.profile(activities=kinds) as profiler:
        attacked(task.network, task, [ALPHA * steps], steps)
    averages = profiler.key_averages()
    orders = ["self_device_time_total", "self_cpu_time_total"] if cuda else ["self_cpu_time_total"]
    tables = [averages.table(sort_by=by, row_limit=12, max_name_column_width=40) for by in orders]
    return {"steps": steps, "text": "\n".join(tables)}
