"""Chest films of the synthetic hospital, real ones, and pictures that show no chest."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.workflow import PROJECT
from pgdose_phantom.chest import FINDINGS, draw_chest

SIZES = ((288, 260), (260, 288), (350, 310), (332, 350))
NIH = PROJECT.parent / "shared" / "real" / "nih" / "images"
real = pytest.mark.skipif(not NIH.is_dir(), reason="the real NIH films are not here")

EMPTY = {
    "black": np.zeros((300, 200), np.uint8),
    "white": np.full((64, 64), 255, np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "a strip": np.full((1000, 3), 7, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8),
    "a ramp": np.tile(np.arange(256, dtype=np.uint8), (200, 1)),
}

Film = tuple[np.ndarray, dict]


def chest_film(number: int, lateral: bool = False) -> Film:
    """A film of the hospital, uint8, and its truth; every second one has a finding."""
    finding = FINDINGS[number // 2 % len(FINDINGS)]
    tone, truth = draw_chest(
        np.random.default_rng(number),
        SIZES[number % len(SIZES)],
        age=20 + number * 7 % 60,
        sex="FM"[number // 3 % 2],
        findings=frozenset({finding}) if number % 2 and not lateral else frozenset(),
        lateral=lateral,
    )
    return np.rint(tone * 255).astype(np.uint8), truth


def real_film(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))
