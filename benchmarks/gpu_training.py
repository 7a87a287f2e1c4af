"""Part `training`: the training loop beside steps on one batch, and beside a plain loop.

floor       steps on one batch of float32 that stays on the device: no reading, no scaling
pinned      `training.epoch.train_epoch`, as a study runs it
overlapped  the same, with images copied to the device ahead of the step
resident    the same, with all images on the device as uint8
plain       a loop in the style of torchvision's reference scripts, with its own workers

All read from memory, in turns; rates are images per second, medians.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import gpu_task
import numpy as np
import torch
from gpu_report import Part
from gpu_task import Held, in_turns, peak_gigabytes
from shared import plain_loop, training_floor

from pgdose import devices
from pgdose.study.training import Training
from pgdose.training import loading
from pgdose.training.epoch import Epoch, train_epoch
from pgdose.training.state import TrainingState

READERS = 4  # threads


def run(part: Part) -> None:
    device = gpu_task.the_device(part.toy)
    devices.set_deterministic(False, device)  # as a study's training
    sizes, n, batch = ((75,), 8, 4) if part.toy else ((256, 128), 1280, 64)
    for precision in ("fp32", "tf32", "bf16", "fp16"):
        for size in sizes:
            compute = partial(rates, device, size, n, batch, precision, part.toy)
            part.measure("images per second", f"{size} px, {precision}", compute, share=0.4)


def rates(
    device: torch.device, size: int, n: int, batch: int, precision: str, toy: bool
) -> dict[str, Any]:
    gpu_task.tidy(device)
    ways, state = ways_of(device, Held(n, size, 6), batch, precision, toy)
    try:
        taken = in_turns(ways, 1 if toy else 3, device)
    finally:
        devices.set_precision("fp32", device)
    found: dict[str, Any] = {name: 1 / seconds for name, seconds in taken.items()}
    found |= {f"{name} / floor": taken["floor"] / taken[name] for name in taken if name != "floor"}
    if "plain" in taken:
        found["pinned / plain"] = taken["plain"] / taken["pinned"]
    found |= {"batch": batch, "images at once": state.images_at_once}
    return found | {"peak GB": peak_gigabytes(device)}


def ways_of(
    device: torch.device, held: Held, batch: int, precision: str, toy: bool
) -> tuple[dict[str, Callable[[], float]], TrainingState]:
    """The loops, each of which gives the number of images that it trained on."""
    settings = Training(epochs=1, batch=batch, lr=1e-4, schedule="constant", precision=precision)
    size, width = held.pixels.shape[-1], 0.0625 if toy else 1.0
    order = np.random.default_rng(0).permutation(len(held))

    def state_of() -> TrainingState:
        network = gpu_task.untrained(width, size).to(device)
        network.to(memory_format=torch.channels_last).train()
        return TrainingState(network, settings, 10**6, device)

    ours, floor_state = state_of(), state_of()

    def epoch(images: loading.ImageSource) -> int:
        train_epoch(ours, images, Epoch(1, "gpu/rates", order), READERS)
        return len(order)

    images, labels = next(loading.batches(held, order, batch))
    pixels, classes = devices.scaled(images, device), labels.to(device)
    ways: dict[str, Callable[[], float]] = {
        "floor": partial(training_floor, floor_state, pixels, classes, len(held) // batch),
        "pinned": partial(epoch, held),
        "overlapped": partial(epoch, loading.Overlapped(held, device)),
        "resident": partial(epoch, loading.Resident(held, device)),
    }
    if precision == "fp32":
        workers = min(8, os.cpu_count() or 1) if device.type == "cuda" else 0
        network = gpu_task.untrained(width, size)
        ways["plain"] = plain_loop(held, batch, device, network, workers)
    return ways, ours
