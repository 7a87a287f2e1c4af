"""Batches from the stores, and bytes on the device."""

import numpy as np
import torch
from helpers.training import CPU, MakeMembers, pictures

from pgdose import devices
from pgdose.training import loading


def test_scaled_images_are_from_zero_to_one() -> None:
    images = np.array([0, 51, 255], np.uint8).reshape(1, 1, 1, 3)
    scaled = devices.scaled(images, CPU)
    assert scaled.dtype == torch.float32
    assert torch.allclose(scaled.ravel(), torch.tensor([0.0, 0.2, 1.0]))


def test_batches_hold_every_row_once_in_the_order_given(members: MakeMembers) -> None:
    images = members(10)
    order = np.array([9, 0, 5, 3, 1, 2, 8, 7, 6, 4])
    parts = list(loading.batches(images, order, 4))
    assert [len(pixels) for pixels, _ in parts] == [4, 4, 2]
    pixels = np.concatenate([pixels for pixels, _ in parts])
    assert np.array_equal(pixels[:, 0], pictures(10)[order])
    assert torch.cat([labels for _, labels in parts]).tolist() == images.labels[order].tolist()
