"""Part `compile`: forward and backward of the folded network through torch.compile.

pgdose does not use it: it stays off until flips are equal and something is gained. Compiling takes
one to three minutes, and again for each new batch size.
"""

from functools import partial
from typing import Any

import gpu_attack
import gpu_task
import torch
from gpu_report import Part
from shared import synchronised
from torch import nn

from pgdose.attack.surface import Surface

TOY_NETWORK = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())


def run(part: Part) -> None:
    size, batch = (75, 2) if part.toy else (128, 64)
    for precision in ("fp32",) if part.toy else ("fp32", "bf16"):
        compute = partial(compiled, size, batch, precision, part.toy)
        part.measure("step", f"{size} px, {batch} images, {precision}", compute, share=0.95)


def compiled(size: int, batch: int, precision: str, toy: bool) -> dict[str, Any]:
    task = gpu_attack.made(size, batch, toy).of(precision)
    network = task.network
    if toy:  # compiling InceptionV3 takes minutes on a CPU
        network = nn.Sequential(TOY_NETWORK, nn.Linear(16, 2)).eval().requires_grad_(False)
    faster = torch.compile(network, dynamic=False, backend="eager" if toy else "inductor")
    steps = 10 if task.device.type == "cuda" else 1
    begun = synchronised(task.device)
    gpu_attack.floor(faster, task.images, 1)
    first = synchronised(task.device) - begun
    surfaces: dict[str, Surface] = {}

    def attacked(name: str, module: nn.Module) -> int:
        # One epsilon, so that the batch keeps its size.
        surfaces[name] = gpu_attack.attacked(module, task, [0.01 * steps], steps)
        return max(surfaces[name].steps, 1)

    ways = {
        "floor": partial(gpu_attack.floor, network, task.images, steps),
        "floor, compiled": partial(gpu_attack.floor, faster, task.images, steps),
    }
    if not toy:
        ways |= {"pgdose": partial(attacked, "plain", network)}
        ways |= {"pgdose, compiled": partial(attacked, "compiled", faster)}
    taken = gpu_task.in_turns(ways, 3, task.device)
    found: dict[str, Any] = {f"{name}, ms": 1e3 * seconds for name, seconds in taken.items()}
    found["gain"] = taken["floor"] / taken["floor, compiled"]
    found["s until the first step"] = first
    if surfaces:
        found |= gpu_attack.beside(surfaces["compiled"], surfaces["plain"], task)
    return found
