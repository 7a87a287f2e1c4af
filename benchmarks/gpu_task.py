"""What the parts of benchmarks/gpu.py compute with: images, networks, attacks, and comparisons.

Images are random fields of several scales; a class has more fine texture than the one before, so a
network learns them in some dozen steps and attacks find something to turn over.
"""

import gc
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from shared import fit_batch_norm, synchronised
from torch import Tensor, nn

from pgdose import devices
from pgdose.attack.apgd import Apgd
from pgdose.attack.noise import Noise
from pgdose.attack.objectives import OBJECTIVES
from pgdose.attack.projections import CLIPS
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack, GradientDescent
from pgdose.attack.surface import Surface
from pgdose.networks import architectures, classifier, folding

CPU = torch.device("cpu")
PRECISIONS = ("fp32", "tf32", "bf16", "fp16")


def the_device(toy: bool) -> torch.device:
    return torch.device("cuda", 0) if torch.cuda.is_available() and not toy else CPU


# --- images and networks --------------------------------------------------------------------------


def fields(n: int, size: int, seed: int, classes: int = 2, channels: int = 1) -> tuple[Any, Any]:
    """n x channels x size x size in [0, 1] on the CPU, and the class of each."""
    source = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    total = torch.zeros(n, channels, size, size)
    fine = 0.1 + 0.5 * labels / (classes - 1)
    for cells, share in ((4, torch.full((n,), 0.6)), (16, torch.full((n,), 0.25)), (size, fine)):
        drawn = torch.randn(n, channels, cells, cells, generator=source)
        grown = nn.functional.interpolate(drawn, size, mode="bilinear")
        total += share[:, None, None, None] * grown
    return (0.5 + 0.2 * total).clamp(0, 1), labels


class Held:
    """Images in memory, in place of a group's members: what a training reads."""

    def __init__(self, n: int, size: int, seed: int, classes: int = 2) -> None:
        images, labels = fields(min(n, 512), size, seed, classes)
        pixels = (255 * images).round().to(torch.uint8).numpy()
        # More images are the same ones, rolled: drawing them would take longer than the training.
        rolled = [np.roll(pixels, shift, axis=2) for shift in range(-(-n // len(pixels)))]
        self.pixels = np.concatenate(rolled)[:n]
        self.labels = np.resize(labels.numpy(), n).astype(np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, rows: Iterable[int]) -> np.ndarray:
        return self.pixels[np.asarray(list(rows))]


def untrained(width: float, size: int, classes: int = 2) -> classifier.Classifier:
    """InceptionV3 with the same random weights at each call, without dropout."""
    torch.manual_seed(0)
    return architectures.build("inception_v3", classes, size, width, dropout=0.0)


def learned(
    width: float, size: int, steps: int, device: torch.device, classes: int = 2, channels: int = 1
) -> classifier.Classifier:
    """The network after some steps of Adam, in evaluation mode; its batch norm fits the images."""
    network = untrained(width, size, classes).to(device).train()
    images, labels = fields(64, size, 0, classes, channels)
    images, labels = images.to(device), labels.to(device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for number in range(steps):
        rows = torch.arange(16 * number, 16 * number + 16, device=device) % len(images)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[rows]), labels[rows]).backward()
        optimizer.step()
    return fit_batch_norm(network, images)


def in_precision(network: nn.Module, precision: str, device: torch.device) -> nn.Module:
    """The network for inference in a precision; on a CPU tf32 is fp32."""
    devices.set_precision(precision, device)
    lower = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    return network if lower is None else devices.Autocast(network, lower).eval()


def folded_copy(network: classifier.Classifier, device: torch.device) -> classifier.Classifier:
    return folding.fold(network).to(device).to(memory_format=torch.channels_last)


def samples_of(images: Tensor, classes: Tensor, device: torch.device) -> Samples:
    images = images.to(device).contiguous(memory_format=torch.channels_last)
    return Samples(images, classes.to(device), torch.arange(len(images)))


# --- attacks --------------------------------------------------------------------------------------


def _descent(objective: str, step: str, rate: float, clip: str = "iterate", **rest: Any) -> Attack:
    parts = {"objective": OBJECTIVES[objective], "clip": CLIPS[clip], "step": step, "rate": rate}
    return GradientDescent(**parts, **rest)


def attacks() -> dict[str, tuple[Attack, tuple[float, ...]]]:
    """All kinds of attack, each with its epsilons; for networks of three classes and more."""
    box, ball = (0.004, 0.02, 0.1), (0.2, 1.0, 4.0)
    apgd = {"start": "random", "clip": CLIPS["iterate"]}
    return {
        "raw step": (_descent("probability", "raw", 0.03), box),
        "sign step": (_descent("cross_entropy", "sign", 0.004), box),
        "sign step in parts of epsilon": (
            _descent("cross_entropy", "sign", 0.25, rate_is_relative=True),
            box,
        ),
        "step of a length, ball": (_descent("margin", "l2", 0.3, "l2"), ball),
        "clipped gradient": (_descent("logit", "raw", 0.03, "gradient"), box),
        "momentum": (_descent("cross_entropy", "sign", 0.004, momentum=1.0), box),
        "random start, two restarts": (
            _descent("cross_entropy", "sign", 0.004, start="random", restarts=2),
            box,
        ),
        "towards class 0": (_descent("margin", "sign", 0.004, target=0), box),
        "towards the least likely class": (
            _descent("cross_entropy", "sign", 0.004, target="least_likely"),
            box,
        ),
        "APGD, cross-entropy": (Apgd(objective=OBJECTIVES["cross_entropy"], **apgd), box),
        "APGD, DLR": (Apgd(objective=OBJECTIVES["dlr"], **apgd), box),
        "APGD, ball": (
            Apgd(objective=OBJECTIVES["margin"], start="random", clip=CLIPS["l2"]),
            ball,
        ),
        "noise": (Noise(), box),
    }


@dataclass(frozen=True)
class Limits:
    """How far two surfaces of one attack may be apart.

    Trajectories in float32 are not the same twice: another order of additions changes the sign of
    a gradient near zero, and logits drift apart. Flips and rates stay.
    """

    logits: float = 1e-3  # of clean images, in parts of the largest logit
    flips: float = 0.02  # the share of (image, epsilon, iteration) whose flip differs
    rate: float = 0.05  # of a success rate at any epsilon and iteration


def compare(
    surface: Surface, reference: Surface, classes: Tensor, limits: Limits | None
) -> dict[str, Any]:
    """How far a surface is from a reference; `holds` by the limits, if there are some."""
    both = surface.attacked & reference.attacked
    flips = [_flips(each, both, classes) for each in (surface, reference)]
    logits = [each.logits[both[each.attacked]] for each in (surface, reference)]
    rates = [each.float().mean(dim=0) for each in flips]
    clean = (surface.clean - reference.clean).abs().max() / reference.clean.abs().max()
    n = int(both.sum())
    found: dict[str, Any] = {
        "images": n,
        "attacked by one alone": int((surface.attacked ^ reference.attacked).sum()),
        "clean logits apart": float(clean),
        "flips": flips[0].numel(),
        "flips that differ": int((flips[0] != flips[1]).sum()),
        "rates apart": float((rates[0] - rates[1]).abs().max()) if n else 0.0,
        "logits apart": float((logits[0] - logits[1]).abs().max()) if n else 0.0,
        "rate at the end": float(rates[1][-1, -1]) if n else 0.0,
    }
    if limits:
        differing = found["flips that differ"] / max(found["flips"], 1)
        found["holds"] = bool(
            n > 0
            and found["clean logits apart"] <= limits.logits
            and differing <= limits.flips
            and found["rates apart"] <= max(limits.rate, 1.5 / n)
            and found["attacked by one alone"] <= 0.02 * len(both)
        )
    return found


def _flips(surface: Surface, both: Tensor, classes: Tensor) -> Tensor:
    """images x epsilons x iterations, bool."""
    rows = both[surface.attacked]
    return surface.logits[rows].argmax(dim=-1) != classes.cpu()[both][:, None, None]


# --- time -----------------------------------------------------------------------------------------


def in_turns(
    ways: Mapping[str, Callable[[], float]], rounds: int, device: torch.device
) -> dict[str, float]:
    """Median seconds of each way for one of what it returns the number of; each warms up first.

    Each round another way begins. Rounds after the first end after 20 seconds.
    """
    for way in ways.values():
        way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    begun = time.monotonic()
    for number in range(rounds):
        if number and time.monotonic() - begun > 20:
            break
        names = list(ways)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = synchronised(device)
            amount = ways[name]()
            taken[name].append((synchronised(device) - start) / amount)
    return {name: median(seconds) for name, seconds in taken.items()}


def tidy(device: torch.device) -> None:
    """Free what earlier entries left, graphs among it, and count the peak of memory anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gigabytes(device: torch.device) -> float:
    """The most that tensors took since `tidy`; 0 on a CPU."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else 0.0
