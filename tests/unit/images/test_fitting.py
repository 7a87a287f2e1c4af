"""Images are brought to their group's size as torchvision's evaluation transforms do it."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torchvision.transforms import v2

from pgdose.images import fitting
from pgdose.images.fitting import fit_image

LENGTHS = st.integers(1, 130)


def grey(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image)[None]


def smooth(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """A dozen structures along each axis, as in pictures of organs."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (1, 1, 12, 12))
    fine = torch.nn.functional.interpolate(
        torch.from_numpy(coarse), (rows, columns), mode="bicubic"
    )
    return fine.clamp(0, 255).round().byte().numpy()[0, 0]


def places(rows: int, columns: int) -> torch.Tensor:
    """An image whose pixels say where they are; none is 0."""
    return 1 + torch.arange(rows * columns).reshape(1, rows, columns)


# --- sizes and places are exactly torchvision's -------------------------------------------------


@given(st.tuples(LENGTHS, LENGTHS), st.integers(1, 70), st.data())
@example((66, 100), 33, None)
@settings(max_examples=150, deadline=None)
def test_a_crop_lies_where_torchvision_cuts_it(
    shape: tuple[int, int], resize_to: int, data: Any
) -> None:
    size = resize_to if data is None else data.draw(st.integers(1, resize_to))
    resized = fitting.cropped_from(shape, (size, size), resize_to)
    assert v2.Resize(resize_to)(torch.zeros(1, *shape)).shape[1:] == resized
    corner = int(v2.CenterCrop(size)(places(*resized))[0, 0, 0]) - 1
    starts = (fitting.crop_start(length, size) for length in resized)
    assert divmod(corner, resized[1]) == tuple(starts)
    if size == resize_to:  # and this is the default
        assert fitting.cropped_from(shape, (size, size), None) == resized


@given(st.tuples(LENGTHS, LENGTHS), st.integers(1, 70))
@example((130, 1), 30)  # torchvision itself makes 0 columns of it
@settings(max_examples=150, deadline=None)
def test_a_padded_image_lies_where_torchvision_puts_it(shape: tuple[int, int], size: int) -> None:
    longest = max(shape)
    expected = tuple(max(size * length // longest, 1) for length in shape)
    assert fitting.largest_within(shape, (size, size)) == expected
    if min(size * length // longest for length in shape):
        resized = v2.Resize(None, max_size=size)(torch.zeros(1, *shape))
        assert resized.shape[1:] == expected
    white = np.full(shape, 255, np.uint8)
    padded = v2.CenterCrop(size)(torch.full((1, *expected), 255, dtype=torch.uint8))
    assert np.array_equal(fit_image(white, size, "pad"), padded[0].numpy())


@given(st.tuples(LENGTHS, LENGTHS), st.tuples(LENGTHS, LENGTHS))
@settings(max_examples=150, deadline=None)
def test_every_shape_is_covered_by_a_crop_and_held_by_a_pad(
    shape: tuple[int, int], target: tuple[int, int]
) -> None:
    covering, within = (
        fitting.cropped_from(shape, target, None),
        fitting.largest_within(shape, target),
    )
    assert all(new >= side for new, side in zip(covering, target, strict=True))
    assert any(new == side for new, side in zip(covering, target, strict=True))
    assert all(0 < new <= side for new, side in zip(within, target, strict=True))
    assert any(new == side for new, side in zip(within, target, strict=True))
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for fit in ("squeeze", "crop", "pad"):
        assert fit_image(image, target, fit).shape == target


# --- values are near torchvision's ------------------------------------------------------------

LARGEST, MEAN = 3, 0.5  # grey levels; exact areas against antialiased bilinear, of smooth images


@pytest.mark.parametrize("shape", [(300, 400), (512, 300), (1000, 1300), (240, 250)])
@pytest.mark.parametrize(
    ("size", "resize_to"), [(224, 256), (224, 224), ((128, 64), 128), (96, (110, 110))]
)
def test_a_crop_looks_like_torchvision_s(shape: tuple[int, int], size: Any, resize_to: Any) -> None:
    image = smooth(*shape)
    ours = fit_image(image, size, "crop", resize_to).astype(int)
    theirs = v2.CenterCrop(size)(v2.Resize(resize_to, antialias=True)(grey(image)))[0].numpy()
    difference = np.abs(ours - theirs)
    assert difference.max() <= LARGEST and difference.mean() <= MEAN
    moved = np.abs(np.roll(ours, 2, axis=1) - theirs)[:, 2:]
    assert moved.mean() > 2 * difference.mean()  # a place two pixels off would be seen


def test_a_crop_is_the_middle_of_the_resized_image() -> None:
    image = np.random.default_rng(1).integers(0, 256, (333, 517, 3), np.uint8)
    whole = fit_image(image, (256, 397))
    assert fitting.cropped_from((333, 517), (224, 224), 256) == (256, 397)
    middle = whole[16 : 16 + 224, 86 : 86 + 224]  # 86.5 is rounded to even
    assert np.abs(fit_image(image, 224, "crop", 256).astype(int) - middle).max() <= 1


def test_what_is_padded_is_black_on_both_sides() -> None:
    padded = fit_image(np.full((40, 20, 3), 200, np.uint8), 64, "pad")
    assert (padded[:, 16:48] == 200).all()
    assert not padded[:, :16].any() and not padded[:, 48:].any()


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 200_000), (200_000, 1)])
def test_a_long_image_takes_little_memory(shape: tuple[int, int], fit: str) -> None:
    image = np.full(shape, 77, np.uint8)
    tracemalloc.start()
    assert fit_image(image, 256, fit, 256 if fit == "crop" else None).max() == 77
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 10**6


def test_a_square_is_the_same_however_it_is_written() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 70), np.uint8)
    assert np.array_equal(fit_image(image, 32), fit_image(image, [32, 32]))
