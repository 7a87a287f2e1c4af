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
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from pgdose import devices
from pgdose.study.training import Training
from pgdose.training import loading
from pgdose.training.epoch import Epoch, train_epoch
from pgdose.training.state import TrainingState

READERS = 4  # threads


class Images(Dataset):
    """One image after another, as a plain loop reads them."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.change = v2.Compose([v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        image = torch.from_numpy(self.held.pixels[row])
        return self.change(image), int(self.held.labels[row])


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
        "floor": partial(floor, floor_state, pixels, classes, len(held) // batch),
        "pinned": partial(epoch, held),
        "overlapped": partial(epoch, loading.Overlapped(held, device)),
        "resident": partial(epoch, loading.Resident(held, device)),
    }
    if precision == "fp32":
        ways["plain"] = plain_loop(held, batch, device, gpu_task.untrained(width, size))
    return ways, ours


def floor(state: TrainingState, pixels: torch.Tensor, classes: torch.Tensor, steps: int) -> int:
    dtype = state.autocast or torch.bfloat16
    for _ in range(steps):
        state.optimiser.zero_grad(set_to_none=True)
        with torch.autocast(state.device.type, dtype, enabled=bool(state.autocast)):
            loss = torch.nn.functional.cross_entropy(state.network(pixels), classes)
        state.scaler.scale(loss).backward()
        state.step()
    return steps * len(pixels)


def plain_loop(
    held: Held, batch: int, device: torch.device, network: torch.nn.Module
) -> Callable[[], float]:
    network = network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    workers = min(8, os.cpu_count() or 1) if device.type == "cuda" else 0
    loader = DataLoader(
        Images(held),
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )

    def run_epoch() -> int:
        done = 0
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            done += len(labels)
        return done

    return run_epoch
