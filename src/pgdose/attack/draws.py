"""Keyed random images: an image's draw depends on its key alone, not on its batch or epsilon."""

import numpy as np
import torch
from torch import Tensor


def generator(key: int, *purpose: int) -> np.random.Generator:
    """A generator for one image (its key) and purpose."""
    # numpy's, since torch's generator on the CPU takes no more than 32 bits of a seed.
    return np.random.default_rng(np.random.SeedSequence(key, spawn_key=purpose))


def uniform_patterns(like: Tensor, generators: list[np.random.Generator]) -> Tensor:
    """Uniform in [-1, 1], one pattern for each generator, shaped as the images."""
    shape = tuple(like.shape[1:])
    patterns = [torch.from_numpy(source.uniform(-1, 1, shape)) for source in generators]
    return torch.stack(patterns).to(like)
