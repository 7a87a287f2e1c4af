"""Compression with the codec that stores images."""

from torch import Tensor

from pgdose.networks.input_defences import coded


def jpeg(images: Tensor, quality: int, keys: Tensor) -> Tensor:
    """Rounded to 8 bits, stored as JPEG of a quality from 1 to 95, and read again."""
    return coded(images, quality)
