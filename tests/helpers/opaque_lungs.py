"""A chest film with one of its lungs painted as grey as the mediastinum."""

import numpy as np
from scipy.ndimage import gaussian_filter

from pgdose.xray.chest_fit import ChestFit


def with_opaque_lung(image: np.ndarray, side: int, tone: float = 50) -> np.ndarray:
    """A copy of a frontal film (uint8) whose lung on one side (-1: left in the picture) is opaque.

    `tone` is the percentile of the midline's greys that the lung takes.
    """
    thorax = ChestFit(image).thorax()
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    cos, sin = np.cos(thorax.tilt), np.sin(thorax.tilt)
    across = ((x - thorax.x) * cos + (y - thorax.top) * sin) / (thorax.width / 2)
    down = (-(x - thorax.x) * sin + (y - thorax.top) * cos) / thorax.height
    lung = (side * across > 0.12) & (side * across < 1) & (down > -0.05) & (down < 1.1)
    cover = gaussian_filter(lung.astype(float), 0.015 * max(image.shape))
    midline = image[max(int(thorax.top), 0) :, max(int(thorax.x) - 3, 0) : int(thorax.x) + 3]
    opaque = np.percentile(midline, tone) + 0.15 * (image - image.mean())
    return np.clip(image * (1 - cover) + cover * opaque, 0, 255).astype(np.uint8)
