"""Images on the device are varied as copies in the stores are."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pgdose import devices
from pgdose.images import rendering
from pgdose.study.augmentation import Augment
from pgdose.training import device_augmentation

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE = 40
NAMES = device_augmentation.COLUMNS


def pictures(n: int, channels: int, size: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """Smooth, so that two ways of interpolating differ by little."""
    rng = np.random.default_rng(2)
    coarse = torch.from_numpy(rng.uniform(0, 255, (n, channels, 6, 6)))
    return (
        torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 255).byte().numpy()
    )


def parameters(*changes: dict[str, float]) -> Tensor:
    return torch.tensor([[change.get(name, 0) for name in NAMES] for change in changes]).double()


@pytest.mark.parametrize(
    ("channels", "size"), [(1, (SIDE, SIDE)), (3, (SIDE, SIDE)), (1, (SIDE, 90)), (3, (90, SIDE))]
)
@pytest.mark.parametrize(
    "change",
    [
        {"flip": 1},
        {"rotation": 20},
        {"scale": 0.3},
        {"scale": -0.2},
        {"shift_x": 0.2},
        {"shift_y": -0.15},
        {"contrast": 0.4, "brightness": 0.1},
        {"flip": 1, "rotation": -33, "scale": 0.2, "shift_x": -0.1, "shift_y": 0.3},
    ],
)
def test_each_is_changed_as_a_copy_would_be(
    change: dict[str, float], channels: int, size: tuple[int, int]
) -> None:
    stored = pictures(2, channels, size)
    varied = device_augmentation.augment_batch(
        devices.scaled(stored, torch.device("cpu")), parameters(change, {})
    )
    original = stored[0].transpose(1, 2, 0) if channels == 3 else stored[0, 0]
    copy = rendering.augment(original, change) / 255
    expected = copy.transpose(2, 0, 1) if channels == 3 else copy[None]
    assert np.abs(varied[0].numpy() - expected).max() < 0.02
    assert np.abs(varied[1].numpy() * 255 - stored[1]).max() < 1e-3  # and its neighbour by nothing
    assert np.abs(varied[0].numpy() * 255 - stored[0]).max() > 10


def test_noise_is_as_strong_as_it_says_and_comes_again() -> None:
    grey = torch.full((2, 1, 200, 200), 0.5)
    varied = [
        device_augmentation.augment_batch(grey, parameters({"noise": 0.05, "noise_seed": s}, {}))
        for s in (1, 1, 2)
    ]
    assert float(varied[0][0].std()) == pytest.approx(0.05, rel=0.02)
    assert torch.equal(varied[0], varied[1]) and not torch.equal(varied[0], varied[2])
    assert torch.equal(varied[0][1], grey[1])


def test_parameters_keep_to_their_limits() -> None:
    limits = Augment(flip=True, rotation=30.0).model_dump()
    table = device_augmentation.draw_augmentations(np.random.default_rng(0), limits, 500)
    by_name = dict(zip(NAMES, table.T, strict=True))
    assert 25 < by_name["rotation"].abs().max() <= 30
    assert 0.035 < by_name["shift_x"].abs().max() <= 0.04
    assert 200 < by_name["flip"].sum() < 300
    assert set(by_name["noise"].tolist()) == {0.012}
