"""Corruptions of microscopy: stain, bubbles, illumination."""

import math

import torch
from skimage.color import hed_from_rgb, rgb_from_hed
from torch import Tensor

from pgdose.attack.corruptions.gradings import MEDMNIST_SIDE
from pgdose.attack.corruptions.keyed_draws import pixel_places, uniform, wide

DARKEST = 1e-6  # as skimage.color.rgb2hed: black has no logarithm
FEWEST_BUBBLES, SMALLEST_BUBBLE, RIM = 7, 3 / MEDMNIST_SIDE, 2 / MEDMNIST_SIDE
INSIDE, AT_RIM = 100 / 255, 130 / 255  # opacities of MedMNIST-C's bubbles, which are white


def stain_shift(images: Tensor, strength: float, keys: Tensor) -> Tensor:
    """Each stain's amount times exp(u strength), one u in [-1, 1] for each stain of an image.

    The stains are those of Ruifrok and Johnston (2001), as in skimage.color.rgb2hed: haematoxylin,
    eosin and DAB. The largest u of an image is 1 or -1, so that all are shifted as far. Grey images
    have one density, shifted by the first u.
    """
    shifts = 2 * uniform(keys, "stain_shift", 3, images) - 1
    shifts = shifts / shifts.abs().amax(dim=1, keepdim=True)
    factors = (strength * shifts)[:, :, None, None].exp()
    density = -images.clamp_min(DARKEST).log()
    if images.shape[1] == 1:
        return (-density * factors[:, :1]).exp()
    to_stains, to_density = (torch.from_numpy(m).to(images) for m in (hed_from_rgb, rgb_from_hed))
    stains = torch.einsum("nchw,cs->nshw", density, to_stains)
    return (-torch.einsum("nshw,sc->nchw", stains * factors, to_density)).exp()


def bubbles(images: Tensor, largest: tuple[float, int], keys: Tensor) -> Tensor:
    """White, half transparent circles with a denser rim; after MedMNIST-C.

    `largest`: the largest radius, as a share of the shorter side, and the largest number. Each
    bubble grows at its place from one severity to the next.
    """
    radius, most = largest
    draws = uniform(keys, "bubbles", 1 + 3 * 100, images)
    number = FEWEST_BUBBLES + ((most - FEWEST_BUBBLES) * draws[:, 0]).round()
    y, x = pixel_places(images)
    pixel = 1 / min(images.shape[-2:])
    opacity = images.new_zeros((len(images), 1, *images.shape[-2:]))
    for bubble in range(most):
        down, aside, grown = draws[:, 1 + 3 * bubble : 4 + 3 * bubble].T
        distance = torch.hypot(y - wide(down * y.max()), x - wide(aside * x.max()))
        size = wide(SMALLEST_BUBBLE + (radius - SMALLEST_BUBBLE) * grown)
        inside, within_rim = (  # with soft edges, one pixel wide
            ((size + more - distance) / pixel + 0.5).clamp(0, 1) for more in (0.0, RIM)
        )
        white = AT_RIM * within_rim + (INSIDE - AT_RIM) * inside
        opacity = opacity.maximum(white * wide((bubble < number).to(images)))
    return images + opacity * (1 - images)


def illumination(images: Tensor, missing: float, keys: Tensor) -> Tensor:
    """Uneven light: it falls off towards one side, and from the middle towards the corners.

    At the darkest place the share `missing` is gone, at the brightest nothing.
    """
    y, x = pixel_places(images)
    y, x = y - y.mean(), x - x.mean()
    angle = 2 * math.pi * uniform(keys, "illumination", 1, images)[:, 0]
    corner = torch.hypot(y, x).max()
    slope = (wide(angle.cos()) * x + wide(angle.sin()) * y) / corner
    shade = slope + (y**2 + x**2) / corner**2
    low, high = (wide(end(shade.flatten(1), dim=1)) for end in (torch.amin, torch.amax))
    return images * (1 - missing * (shade - low) / (high - low).clamp_min(DARKEST))
