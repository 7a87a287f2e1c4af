"""Compression with the codec that stores images."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def jpeg(images: Tensor, quality: int, keys: Tensor) -> Tensor:
    """Rounded to 8 bits, stored as JPEG of a quality from 1 to 95, and read again."""
    pixels = (images * 255).round().to(torch.uint8).movedim(1, -1).cpu().numpy()
    read = [_round_trip(image, quality) for image in pixels]
    return torch.from_numpy(np.stack(read)).movedim(-1, 1).to(images) / 255


def _round_trip(image: np.ndarray, quality: int) -> np.ndarray:
    """Rows x columns x 1 or 3, uint8, as JPEG has it."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
        file, "JPEG", quality=quality
    )
    return np.asarray(Image.open(file)).reshape(image.shape)
