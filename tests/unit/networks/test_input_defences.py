"""Defences at the input: what they do to images, and the gradient through them."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from helpers.attack import network, pictures
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn

from pgdose.networks import input_defences
from pgdose.networks.input_defences import Defence
from pgdose.study.defended_networks import InputDefence

pytestmark = pytest.mark.usefixtures("one_thread")

ROUNDING: list[dict[str, Any]] = [{"jpeg": {"quality": 60}}, {"bit_depth": {"bits": 2}}]
IN_RANGE = [*ROUNDING, {"median": {"size": 3}}, {"jpeg": {"quality": [20, 80], "draws": 3}}]
ALL = [*IN_RANGE, {"smoothing": {"sigma": 0.2, "draws": 3}}]


def defence(entry: dict[str, Any], gradient: str = "autograd", seed: int = 5) -> Defence:
    return input_defences.make(InputDefence.model_validate(entry), gradient, seed)


def colour(n: int = 3, side: int = 8) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(3))


def gradient(made: Defence, images: Tensor, judge: nn.Module) -> Tensor:
    """Of the second logit at the first copy."""
    images = images.clone().requires_grad_()
    (values,) = torch.autograd.grad(judge(next(made(images)))[:, 1].sum(), images)
    return values


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [1, 50, 95])
def test_jpeg_is_pillow_s(channels: int, quality: int) -> None:
    images = colour(2, 20)[:, :channels]
    defended = next(defence({"jpeg": {"quality": quality}})(images))
    for image, result in zip(images, defended, strict=True):
        pixels = (image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels.squeeze()).save(file, "JPEG", quality=quality)
        expected = np.array(Image.open(file)).reshape(pixels.shape)
        assert torch.equal(result, torch.from_numpy(expected).permute(2, 0, 1) / 255)
    assert defended.shape == images.shape


def test_jpeg_is_that_of_art() -> None:
    art = pytest.importorskip("art.defences.preprocessor")
    images = (colour(3, 16) * 255).round() / 255  # ART cuts to 8 bits where pgdose rounds
    theirs = art.JpegCompression((0.0, 1.0), quality=40, channels_first=True, verbose=False)
    expected, _ = theirs(images.numpy())
    defended = next(defence({"jpeg": {"quality": 40}})(images))
    assert np.abs(defended.numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_bit_depth_is_that_of_feature_squeezing(bits: int) -> None:
    art = pytest.importorskip("art.defences.preprocessor")
    images = colour()
    expected, _ = art.FeatureSqueezing((0.0, 1.0), bit_depth=bits)(images.numpy())
    defended = next(defence({"bit_depth": {"bits": bits}})(images))
    assert np.abs(defended.numpy() - expected).max() < 1e-6
    values = (images.numpy().astype(np.float64) * (2**bits - 1)).round() / (2**bits - 1)
    assert np.abs(defended.numpy() - values).max() < 1e-6
    assert len(np.unique(defended.numpy())) <= 2**bits


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_median_is_scipy_s(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images = (colour(2, 11) * 20).round() / 20  # with equal values in a window
    expected = ndimage.median_filter(images.numpy(), size=(1, 1, size, size))
    whole = next(defence({"median": {"size": size}})(images))
    assert np.array_equal(whole.numpy(), expected)
    monkeypatch.setattr(input_defences, "WINDOW_ENTRIES", 1)  # row by row
    assert torch.equal(next(defence({"median": {"size": size}})(images)), whole)


def test_the_gradient_of_a_median_is_that_of_the_middle_pixel() -> None:
    images = torch.rand(2, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    median = defence({"median": {"size": 3}})
    assert torch.autograd.gradcheck(lambda x: next(median(x)), images.requires_grad_(), eps=1e-7)


@pytest.mark.parametrize("entry", ROUNDING, ids=str)
def test_the_own_gradient_of_rounding_is_0(entry: dict[str, Any]) -> None:
    judge, images = network(), pictures(4)
    assert (gradient(defence(entry), images, judge) == 0).all()


@pytest.mark.parametrize("entry", [*ROUNDING, {"median": {"size": 3}}], ids=str)
def test_bpda_is_the_gradient_at_the_defended_image(entry: dict[str, Any]) -> None:
    judge, images = network(), pictures(4)
    made = defence(entry, "bpda")
    defended = next(made(images)).detach()
    at_defended = defended.clone().requires_grad_()
    (expected,) = torch.autograd.grad(judge(at_defended)[:, 1].sum(), at_defended)
    assert torch.equal(gradient(made, images, judge), expected)
    assert expected.abs().max() > 0 and not torch.equal(defended, images)


@pytest.mark.parametrize("entry", ALL, ids=str)
@settings(max_examples=8)
@given(seed=st.integers(0, 1000), n=st.integers(1, 5))
def test_a_copy_depends_on_its_image_alone(entry: dict[str, Any], seed: int, n: int) -> None:
    images = pictures(n, torch.float32, seed)
    copies = list(defence(entry)(images))
    assert len(copies) == defence(entry).copies
    single = list(defence(entry)(images[-1:]))
    assert all(torch.equal(one[0], many[-1]) for one, many in zip(single, copies, strict=True))


@pytest.mark.parametrize("entry", IN_RANGE, ids=str)
@settings(max_examples=8)
@given(seed=st.integers(0, 1000))
def test_defended_images_lie_in_the_range(entry: dict[str, Any], seed: int) -> None:
    for copy in defence(entry)(pictures(2, torch.float32, seed)):
        assert copy.min() >= 0 and copy.max() <= 1


@settings(max_examples=8)
@given(bits=st.integers(1, 8), seed=st.integers(0, 1000))
def test_rounding_twice_is_rounding_once(bits: int, seed: int) -> None:
    made = defence({"bit_depth": {"bits": bits}})
    once = next(made(pictures(2, torch.float32, seed)))
    assert torch.equal(next(made(once)), once)


def test_noise_follows_from_seed_copy_and_shape() -> None:
    entry, images = {"smoothing": {"sigma": 0.1, "draws": 3}}, torch.zeros(2, 1, 40, 40)
    first, second, third = defence(entry)(images)
    assert torch.equal(first[0], first[1]) and not torch.equal(first, second)
    assert abs(float(torch.stack([first, second, third])[:, 0].std()) - 0.1) < 0.004
    assert torch.equal(next(defence(entry)(images)), first)
    assert not torch.equal(next(defence(entry, seed=6)(images)), first)
    more = defence({"smoothing": {"sigma": 0.2, "draws": 5}})
    assert torch.allclose(next(more(images)), 2 * first)
    made = defence(entry)  # another shape in between changes nothing
    list(made(torch.zeros(1, 1, 8, 8)))
    assert torch.equal(next(made(images)), first)
