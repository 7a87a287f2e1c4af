"""Clips: what an attack's epsilon bounds, and all that depends on it. One object for each.

To add a clip, write its object here, put it into CLIPS, and add its name and the parts that it goes
with to `study/attacks.py`. Images are float, n x channels x rows x columns; epsilon is a number or
n x 1 x 1 x 1.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pgdose.attack.draws import uniform_patterns

GREY_LEVELS = 255  # of a stored image: 8 bits
Start = Callable[[Tensor, Tensor, list[np.random.Generator]], Tensor]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Where an attack may go, in all parts that use epsilon.

    Images that are allowed at one epsilon must be allowed at each larger one: the shortcut
    `sharing` and the checks of an attack rely on it. A part is None where the clip has none.

    name:            as the study calls it
    project:         (images, clean, epsilon) -> the nearest allowed images
    limit_gradient:  (gradient, epsilon) -> the gradient that a raw step follows
    bounds_change:   whether epsilon bounds the change of an image; else it bounds the gradient
    is_box:          whether each pixel may change by epsilon, whatever the others do; the attack
                     Square and the picture of a difference need it
    largest_epsilon: 1, the full intensity range, or infinity where a pixel is not what it bounds;
                     as in the study
    full_range:      entries of an image -> the epsilon that allows every image in [0, 1]
    sizes:           change of images -> n, the size of each one's change, in the unit of epsilon
    noise_amplitude: (epsilon, entries of an image) -> that of uniform noise of this size
    apgd_direction:  gradient -> the direction of an APGD step, one row an image
    random_start:    (clean, epsilon, a generator for each image) -> allowed images, drawn evenly;
                     what is drawn may not depend on epsilon
    """

    name: str
    project: Callable[[Tensor, Tensor, Tensor | float], Tensor]
    limit_gradient: Callable[[Tensor, Tensor], Tensor]
    bounds_change: bool
    is_box: bool
    largest_epsilon: float
    full_range: Callable[[int], float]
    sizes: Callable[[Tensor], Tensor]
    noise_amplitude: Callable[[float, int], float] | None
    apgd_direction: Callable[[Tensor], Tensor] | None
    random_start: Start | None


def _lengths(images: Tensor) -> Tensor:
    return images.flatten(1).norm(dim=1)


def _wide(values: Tensor) -> Tensor:
    """n -> n x 1 x 1 x 1."""
    return values[:, None, None, None]


def unit(gradient: Tensor) -> Tensor:
    """The gradient of each image with length 1; a gradient of zeros stays zero."""
    return gradient / _wide(_lengths(gradient)).clamp_min(1e-20)


def largest_changes(change: Tensor) -> Tensor:
    """n, the largest change of a pixel of each image."""
    return change.flatten(1).abs().amax(dim=1)


def whole_gradient(gradient: Tensor, epsilon: Tensor) -> Tensor:
    """The gradient as it is: epsilon bounds the image and not the gradient."""
    return gradient


def into_box(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """The nearest images within epsilon of the clean ones (L-infinity) and within [0, 1]."""
    return torch.minimum(torch.maximum(images, clean - epsilon), clean + epsilon).clamp(0, 1)


def start_in_box(clean: Tensor, epsilon: Tensor, generators: list[np.random.Generator]) -> Tensor:
    """Images drawn evenly from the box round the clean ones."""
    moved = clean + epsilon * uniform_patterns(clean, generators)
    return into_box(moved, clean, epsilon)


BOX = Clip(
    name="iterate",
    project=into_box,
    limit_gradient=whole_gradient,
    bounds_change=True,
    is_box=True,
    largest_epsilon=1.0,
    full_range=lambda entries: 1.0,
    sizes=largest_changes,
    noise_amplitude=lambda epsilon, entries: epsilon,
    apgd_direction=torch.sign,
    random_start=start_in_box,
)


def into_ball(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """Images drawn back to the length epsilon of their change (L2), then cut to [0, 1]."""
    change = images - clean
    lengths = _wide(_lengths(change))
    return torch.where(lengths > epsilon, clean + change * (epsilon / lengths), images).clamp(0, 1)


def start_in_ball(clean: Tensor, epsilon: Tensor, generators: list[np.random.Generator]) -> Tensor:
    """Images drawn evenly from the ball round the clean ones, then cut to [0, 1]."""
    shape = tuple(clean.shape[1:])
    patterns = [torch.from_numpy(source.normal(size=shape)) for source in generators]
    entries = clean[0].numel()
    radius = [source.uniform() ** (1 / entries) for source in generators]
    change = unit(torch.stack(patterns)) * _wide(torch.tensor(radius))
    return into_ball(clean + epsilon * change.to(clean), clean, epsilon)


def _ball_noise(epsilon: float, entries: int) -> float:
    # Uniform noise of amplitude a has the mean square a**2 / 3.
    return min(epsilon * math.sqrt(3 / entries), 1.0)


BALL = Clip(
    name="l2",
    project=into_ball,
    limit_gradient=whole_gradient,
    bounds_change=True,
    is_box=False,
    largest_epsilon=math.inf,
    full_range=math.sqrt,  # the diagonal of the cube of all images
    sizes=_lengths,
    noise_amplitude=_ball_noise,
    apgd_direction=unit,
    random_start=start_in_ball,
)


def into_range(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """Images cut to [0, 1]: only the intensity range bounds them."""
    return images.clamp(0, 1)


def clamp_gradient(gradient: Tensor, epsilon: Tensor) -> Tensor:
    """The gradient with each entry cut to [-epsilon, epsilon]."""
    return torch.minimum(torch.maximum(gradient, -epsilon), epsilon)


GRADIENT = Clip(
    name="gradient",
    project=into_range,
    limit_gradient=clamp_gradient,
    bounds_change=False,
    is_box=False,
    largest_epsilon=1.0,
    full_range=lambda entries: 1.0,
    sizes=largest_changes,
    noise_amplitude=None,
    apgd_direction=None,
    random_start=None,
)

CLIPS = {clip.name: clip for clip in (BOX, BALL, GRADIENT)}


def as_stored(images: Tensor) -> Tensor:
    """Images in [0, 1] rounded to the grey levels of a file of 8 bits."""
    return (images * GREY_LEVELS).round() / GREY_LEVELS
