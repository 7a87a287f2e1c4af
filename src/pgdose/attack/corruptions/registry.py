"""From a corruption's name and severity to corrupted images."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pgdose.attack.corruptions.blur import defocus, motion_blur
from pgdose.attack.corruptions.gradings import GRADINGS
from pgdose.attack.corruptions.jpeg import jpeg
from pgdose.attack.corruptions.microscopy import bubbles, illumination, stain_shift
from pgdose.attack.corruptions.rotation import rotation
from pgdose.attack.corruptions.xray import exposure, grid_lines, marker, quantum_noise

#: (images, the parameter of `gradings`, keys) -> images, which may leave [0, 1].
CORRUPTIONS: Mapping[str, Callable[[Tensor, Any, Tensor], Tensor]] = {
    "exposure": exposure,
    "quantum_noise": quantum_noise,
    "motion_blur": motion_blur,
    "grid_lines": grid_lines,
    "marker": marker,
    "stain_shift": stain_shift,
    "bubbles": bubbles,
    "illumination": illumination,
    "defocus": defocus,
    "rotation": rotation,
    "jpeg": jpeg,
}


def corrupt(images: Tensor, corruption: str, severity: int, keys: Tensor) -> Tensor:
    """Corrupted images in [0, 1], of the same shape, type and device.

    Args:
        images: n x channels x rows x columns, float32 or float64 in [0, 1]; 1 or 3 channels.
        corruption: a name in CORRUPTIONS.
        severity: 1 (slight) to 5 (gross).
        keys: n, int64, identities of the images, as `attack.samples.Samples` has them. An image of
            one key is always changed in the same way, whatever the others of the batch.

    Raises:
        ValueError: another corruption, severity, shape, type or number of keys.
    """
    if corruption not in CORRUPTIONS:
        raise ValueError(f"corruption {corruption!r}; give one of {', '.join(CORRUPTIONS)}")
    if severity not in range(1, 6):
        raise ValueError(f"severity {severity}; give 1 to 5")
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.is_floating_point():
        raise ValueError(
            f"images of shape {list(images.shape)} and {images.dtype}; give n x channels x rows x "
            "columns, float, with 1 or 3 channels"
        )
    if keys.shape != images.shape[:1]:
        raise ValueError(f"{len(keys)} keys for {len(images)} images; give one for each")
    if not len(images):
        return images.clone()
    parameter = GRADINGS[corruption].values[severity - 1]
    with torch.no_grad():
        changed: Tensor = CORRUPTIONS[corruption](images, parameter, keys)
        return changed.clamp(0, 1)
