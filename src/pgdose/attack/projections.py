"""Projections: from any image to the nearest one that an attack may use.

Images are float, n x channels x rows x columns; epsilon is a number or n x 1 x 1 x 1.
"""

import torch
from torch import Tensor

GREY_LEVELS = 255  # of a stored image: 8 bits


def _lengths(images: Tensor) -> Tensor:
    return images.flatten(1).norm(dim=1)[:, None, None, None]


def into_box(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """The nearest images within epsilon of the clean ones (L-infinity) and within [0, 1]."""
    return torch.minimum(torch.maximum(images, clean - epsilon), clean + epsilon).clamp(0, 1)


def into_ball(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """Images drawn back to the length epsilon of their change (L2), then cut to [0, 1]."""
    change = images - clean
    far = _lengths(change) > epsilon
    return torch.where(far, clean + change * (epsilon / _lengths(change)), images).clamp(0, 1)


def into_range(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """Images cut to [0, 1]: only the intensity range bounds them."""
    return images.clamp(0, 1)


# By the names that the study gives them under `clip`.
CLIPS = {"iterate": into_box, "l2": into_ball, "gradient": into_range}


def unit(gradient: Tensor) -> Tensor:
    """The gradient of each image with length 1; a gradient of zeros stays zero."""
    return gradient / _lengths(gradient).clamp_min(1e-20)


def as_stored(images: Tensor) -> Tensor:
    """Images in [0, 1] rounded to the grey levels of a file of 8 bits."""
    return (images * GREY_LEVELS).round() / GREY_LEVELS
