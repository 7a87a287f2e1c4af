"""Other preprocessings than the declared one, and how often the network is right with each.

A network that is given the values of another range, or other channels, does not fail: it is wrong.
Where it is often wrong, the usual preprocessings are tried on some images, so that its owner can
see which one it was trained with.
"""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgdose.networks.classifier import Classifier

GOOD = 0.9  # accuracy from which on nothing is tried
MOST_IMAGES, LEAST_IMAGES = 96, 24
LEAST_SECONDS = 60.0  # that trying may take, however short the import was
IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
DECLARED = "as declared"
PLAIN = {"range": [0, 1], "mean": [0], "std": [1]}


@dataclass(frozen=True)
class Candidate:
    """A preprocessing.

    name:    for people
    keys:    of the study's `input`, as it would say this
    step:    what the network itself must do first, where no key says it
    pixels:  images in [0, 1], n x 1 or 3 x rows x columns, to what the network's first layer gets
    changes: attributes of `Classifier` that differ
    """

    name: str
    keys: Mapping[str, Any]
    step: str
    pixels: Callable[[Tensor], Tensor]
    changes: Mapping[str, Any] = field(default_factory=dict)


def is_poor(confusion: np.ndarray) -> bool:
    """Whether fewer than GOOD of the images, or than half of some class, are classified correctly.

    confusion: images by true class (rows) and predicted class
    """
    images, right = confusion.sum(axis=1), confusion.diagonal()
    some = images > 0
    return bool(right.sum() < GOOD * images.sum() or (right[some] < images[some] / 2).any())


def rows_to_try(labels: np.ndarray, classes: int, amount: int) -> np.ndarray:
    """Rows of about `amount` images, as many of each class, evenly over the rows of the class."""
    each, rows = max(amount // classes, 1), []
    for number in range(classes):
        of_class = np.flatnonzero(labels == number)
        places = np.linspace(0, len(of_class) - 1, min(each, len(of_class))).round().astype(int)
        rows.append(of_class[places])
    return np.sort(np.concatenate(rows))


def amount_of_images(seconds_an_image: float, seconds: float, candidates: int) -> int:
    """How many images to try each candidate on, so that all find time; within the limits."""
    fitting = seconds / max(seconds_an_image * candidates, 1e-9)
    return int(min(max(fitting, LEAST_IMAGES), MOST_IMAGES))


def candidates(network: Classifier, channels: int) -> list[Candidate]:
    """What is tried, the likeliest first; `channels` are those of the stored images, 1 or 3."""
    declared = Candidate(DECLARED, {}, "", lambda x: (x - network.mean) / network.std)
    usual = _normalisations(network.channels)
    turned = [_inverted(c) for c in usual] if channels == 1 else [_reversed(c) for c in usual]
    layout = "channels_first" if network.channels_last else "channels_last"
    other_layout = Candidate(
        f"{layout}, all else as declared",
        {"layout": layout},
        "",
        declared.pixels,
        {"channels_last": not network.channels_last},
    )
    number = 4 - network.channels  # 1 or 3
    other_channels = Candidate(
        f"{number} channel{'s' * (number > 1)}, all else as declared",
        {"channels": number},
        "",
        declared.pixels,
        {"channels": number},
    )
    of_grey = [other_channels] if channels == 1 else []
    return [declared, *usual, *_of_each_image(), *turned, other_layout, *of_grey]


def _normalisations(channels: int) -> list[Candidate]:
    mean, std = IMAGENET if channels == 3 else ([0.449], [0.226])  # the means of its channels
    as_bytes = [round(255 * value, 3) for value in mean]
    return [
        _normalised("0 to 1", (0, 1)),
        _normalised("ImageNet's mean and std", (0, 1), mean, std),
        _normalised("-1 to 1, which is mean 0.5 and std 0.5", (-1, 1)),
        _normalised("0 to 255", (0, 255)),
        _normalised("0 to 255, less ImageNet's mean", (0, 255), as_bytes),
        _normalised("-1024 to 1024", (-1024, 1024)),
    ]


def _normalised(
    name: str,
    ends: tuple[int, int],
    mean: list[float] | None = None,
    std: list[float] | None = None,
) -> Candidate:
    black, white = ends
    means, stds = mean or [0], std or [1]

    def pixels(images: Tensor) -> Tensor:
        values = black + (white - black) * images
        return (values - _by_channel(means, images)) / _by_channel(stds, images)

    keys = {"range": list(ends), "mean": means, "std": stds}
    return Candidate(name, keys, "", pixels)


def _by_channel(values: list[float], images: Tensor) -> Tensor:
    return torch.tensor(values, dtype=images.dtype, device=images.device).view(-1, 1, 1)


def _of_each_image() -> list[Candidate]:
    def stretched(images: Tensor) -> Tensor:
        low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
        return (images - low) / (high - low).clamp_min(1e-6)

    def standardised(images: Tensor) -> Tensor:
        mean, std = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True)
        return (images - mean) / std.clamp_min(1e-6)

    return [
        Candidate("each image stretched to 0 to 1", PLAIN, "stretch each image", stretched),
        Candidate(
            "each image less its mean, divided by its std",
            PLAIN,
            "subtract each image's mean and divide by its std",
            standardised,
        ),
    ]


def _reversed(candidate: Candidate) -> Candidate:
    return Candidate(
        f"BGR, {candidate.name}",
        candidate.keys,
        "reverse the channels, x.flip(1)",
        lambda images: candidate.pixels(images).expand(-1, 3, -1, -1).flip(1),
    )


def _inverted(candidate: Candidate) -> Candidate:
    return Candidate(
        f"black and white exchanged, {candidate.name}",
        PLAIN,
        f"exchange black and white, 1 - x, and bring that to: {candidate.name}",
        lambda images: candidate.pixels(1 - images),
    )


@torch.no_grad()
def try_candidates(
    network: Classifier,
    images: Tensor,
    labels: np.ndarray,
    classes: int,
    batch: int,
    seconds: float,
) -> dict[str, Any]:
    """How often the network is right with each candidate, as JSON values.

    Args:
        network: in evaluation mode, on the device of the images.
        images: n x 1 or 3 x rows x columns in [0, 1].
        labels: the class of each, in the order of the network's logits.
        classes: how many there are.
        batch: images at a time.
        seconds: after which no other candidate is begun, and one under way is given up.

    Returns:
        images, seconds; rows: name, keys, step and confusion (by true and predicted class) of each
        candidate; not_taken: names of those that the network does not take, or answers with
        another number of outputs or values that are not finite; untried: how many found no time.
    """
    limits = classes, batch, time.monotonic() + seconds
    rows, not_taken, tried = [], [], 0
    all_candidates = candidates(network, images.shape[1])
    declared = all_candidates[0].pixels(images[:1])
    for candidate in all_candidates:
        values = candidate.pixels(images[:1])
        is_declared = not candidate.changes and _are_equal(values, declared)
        if is_declared and candidate.name != DECLARED:
            tried += 1
            continue
        predicted = _predict(network, candidate, images, *limits)
        if predicted is None:
            break
        tried += 1
        if len(predicted):
            rows.append(
                {
                    **{key: getattr(candidate, key) for key in ("name", "keys", "step")},
                    "confusion": confusion(labels, predicted, classes).tolist(),
                }
            )
        else:
            not_taken.append(candidate.name)
    return {
        "images": len(images),
        "seconds": round(seconds),
        "rows": rows,
        "not_taken": not_taken,
        "untried": len(all_candidates) - tried,
    }


def _are_equal(values: Tensor, others: Tensor) -> bool:
    return bool(((values - others).abs() <= 1e-3 * (1 + others.abs())).all())


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Images by true class (rows) and predicted class."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def _predict(
    network: Classifier,
    candidate: Candidate,
    images: Tensor,
    classes: int,
    batch: int,
    deadline: float,
) -> np.ndarray | None:
    """The predicted classes; none if the network does not take this; None if the time is up."""
    variant = copy.copy(network)
    for name, value in candidate.changes.items():
        setattr(variant, name, value)
    predicted = []
    for part in images.split(batch):
        if time.monotonic() > deadline:
            return None
        try:
            # The network takes its own mean and std from them.
            logits = variant(candidate.pixels(part) * network.std + network.mean)
        except Exception:  # of whatever the network is made of
            return np.zeros(0, np.int64)
        if logits.shape != (len(part), classes) or not torch.isfinite(logits).all():
            return np.zeros(0, np.int64)
        predicted.append(logits.argmax(dim=1).cpu().numpy())
    return np.concatenate(predicted)
