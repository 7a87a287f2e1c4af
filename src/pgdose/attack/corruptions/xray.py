"""Corruptions of radiographs: exposure, quantum noise, grid lines, marker.

Images are grey values of a display, on which more radiation is darker.
"""

import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pgdose.attack.corruptions.keyed_draws import normal_patterns, pixel_places, uniform, wide

DECADES = 1.5  # of the exposure from the black of a display to its white
LEAD = 0.97  # grey value of a lead letter


def exposure(images: Tensor, gammas: tuple[float, float], keys: Tensor) -> Tensor:
    """Grey values to the power of one of two gammas: under 1 brighter, over 1 darker.

    Black and white stay: a display is adjusted to them.
    """
    overexposed = uniform(keys, "exposure", 1, images)[:, 0] < 0.5
    under, over = images.new_tensor(gammas)
    return images ** wide(torch.where(overexposed, over, under))


def quantum_noise(images: Tensor, photons: float, keys: Tensor) -> Tensor:
    """Poisson noise of the photons that reach the detector.

    The grey value is linear in the logarithm of their number (`DECADES` from black to white), of
    which the beam that nothing absorbs gives `photons` per pixel. All channels share the noise.
    Poisson's quantile is Cornish and Fisher's expansion of the normal one, rounded to a count: so
    the same normal pattern serves all numbers of photons.
    """
    normal = normal_patterns(keys, "quantum_noise", images[:, :1])
    expected = photons * 10 ** (-DECADES * images)
    counts = (expected + expected.sqrt() * normal + (normal**2 - 1) / 6).round()
    change = torch.log10(counts.clamp_min(0.5) / expected) / DECADES
    return images - change


def grid_lines(images: Tensor, height: float, keys: Tensor) -> Tensor:
    """Stripes of an anti-scatter grid that does not move, nearly upright or nearly level."""
    y, x = pixel_places(images)
    level, tilt, phase = uniform(keys, "grid_lines", 3, images).T
    angle = (level < 0.5) * (math.pi / 2) + (tilt - 0.5) * math.radians(6)
    along = wide(angle.cos()) * x + wide(angle.sin()) * y
    period = max(1 / 60, 3 / min(images.shape[-2:]))
    stripes = torch.cos(2 * math.pi * (along / period + wide(phase)))
    return images + height * stripes


def marker(images: Tensor, height: float, keys: Tensor) -> Tensor:
    """A lead letter near an upper corner: R at the left of the film, L at the right, as usual."""
    draws = uniform(keys, "marker", 3, images).cpu()
    letters = [_letter(images.shape[-2:], height, *draw) for draw in draws.tolist()]
    masks = torch.from_numpy(np.stack(letters))[:, None].to(images)
    return images + masks * (LEAD - images)


def _letter(
    shape: tuple[int, ...], height: float, place: float, down: float, aside: float
) -> np.ndarray:
    """Rows x columns, float in [0, 1], how much of each pixel the letter covers.

    place: under 1/2 at the left, else at the right; down, aside: in [0, 1), how far from the corner
    """
    rows, columns = shape
    side = min(rows, columns)
    size = max(4, height * side / 0.72)  # of the font; a capital is 0.72 of it high
    font = ImageFont.load_default(size)
    text, stroke = ("R" if place < 0.5 else "L"), round(size * 0.05)
    left, top, right, _ = font.getbbox(text, stroke_width=stroke)
    x, y = ((0.03 + 0.07 * share) * side for share in (aside, down))
    if place >= 0.5:
        x = columns - x - (right - left)
    mask = Image.new("L", (columns, rows))
    ImageDraw.Draw(mask).text((x - left, y - top), text, 255, font, stroke_width=stroke)
    return np.asarray(mask, np.float32) / 255
