"""Keyed random images: an image's draw depends on its key alone, not on its batch or epsilon."""

import numpy as np
import torch
from torch import Tensor

from pgdose.attack.projections import into_ball, into_box, unit


def generator(key: int, *purpose: int) -> np.random.Generator:
    """A generator for one image (its key) and purpose."""
    # numpy's, since torch's generator on the CPU takes no more than 32 bits of a seed.
    return np.random.default_rng(np.random.SeedSequence(key, spawn_key=purpose))


def uniform_patterns(like: Tensor, generators: list[np.random.Generator]) -> Tensor:
    """Uniform in [-1, 1], one pattern for each generator, shaped as the images."""
    shape = tuple(like.shape[1:])
    patterns = [torch.from_numpy(source.uniform(-1, 1, shape)) for source in generators]
    return torch.stack(patterns).to(like)


def random_start(
    clean: Tensor, epsilon: Tensor, keys: list[int], clip: str, restart: int
) -> Tensor:
    """Images drawn evenly from the box (`clip: iterate`) or the ball (`l2`) round the clean ones.

    Keyed by image and restart: one pattern for all epsilons.
    """
    generators = [generator(key, restart, 1) for key in keys]
    if clip == "iterate":
        moved = clean + epsilon * uniform_patterns(clean, generators)
        return into_box(moved, clean, epsilon)
    shape = tuple(clean.shape[1:])
    patterns = [torch.from_numpy(source.normal(size=shape)) for source in generators]
    entries = clean[0].numel()
    radius = [source.uniform() ** (1 / entries) for source in generators]
    change = unit(torch.stack(patterns)) * torch.tensor(radius)[:, None, None, None]
    return into_ball(clean + epsilon * change.to(clean), clean, epsilon)
