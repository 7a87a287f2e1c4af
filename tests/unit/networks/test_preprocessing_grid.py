"""Where a network is often wrong, the usual preprocessings are tried."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pgdose.networks import preprocessing_grid as grid
from pgdose.networks.classifier import Classifier, Preprocessing

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES, EACH = 3, 12
LABELS = np.repeat(np.arange(CLASSES), EACH)


class Trained(nn.Module):
    """Right on images whose brightest channel is the class, if it gets what `seen` makes of them.

    It answers class 0 to all others, as networks do that get values of another range.
    """

    def __init__(self, seen: Any) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, pixels: Tensor) -> Tensor:
        right = self.seen(colours())[: len(pixels)]
        known = (pixels.mean((2, 3))[:, None] - self.seen(colours()).mean((2, 3))).abs().amax(2)
        nearest = known.min(dim=1)
        answers = torch.from_numpy(LABELS)[nearest.indices]
        answers = torch.where(nearest.values < 1e-3 * right.abs().amax(), answers, 0)
        return nn.functional.one_hot(answers, CLASSES).float()


def colours() -> Tensor:
    source = torch.Generator().manual_seed(0)
    images = 0.3 + 0.1 * torch.rand(len(LABELS), 3, 4, 4, generator=source)
    images[np.arange(len(LABELS)), LABELS] += 0.2
    return images


def classifier(seen: Any, **declared: Any) -> Classifier:
    expected = Preprocessing("logits", None, [0.0], [1.0], 3, "channels_first", [0.0, 1.0])
    return Classifier(Trained(seen), replace(expected, **declared)).frozen()


def tried(network: Classifier, images: Tensor, seconds: float = 60) -> dict[str, Any]:
    return grid.try_candidates(network, images, LABELS[: len(images)], CLASSES, 8, seconds)


MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in grid.IMAGENET)
SEEN = {
    "ImageNet's mean and std": lambda x: (x - MEAN) / STD,
    "-1 to 1, which is mean 0.5 and std 0.5": lambda x: 2 * x - 1,
    "0 to 255": lambda x: 255 * x,
    "0 to 255, less ImageNet's mean": lambda x: 255 * (x - MEAN),
    "-1024 to 1024": lambda x: 2048 * x - 1024,
    "BGR, 0 to 1": lambda x: x.flip(1),
    "BGR, ImageNet's mean and std": lambda x: ((x - MEAN) / STD).flip(1),
    "each image stretched to 0 to 1": lambda x: (
        (x - x.amin((1, 2, 3), keepdim=True))
        / (x.amax((1, 2, 3), keepdim=True) - x.amin((1, 2, 3), keepdim=True))
    ),
}


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("declared", [{}, {"range": [0.0, 255.0], "mean": [3.0], "std": [7.0]}])
def test_the_preprocessing_of_the_training_is_found(name: str, declared: dict[str, Any]) -> None:
    """Whatever is declared instead."""
    found = tried(classifier(SEEN[name], **declared), colours())
    first, *others = found["rows"]
    assert first["name"] == grid.DECLARED and np.trace(first["confusion"]) < 2 * EACH
    right = {row["name"]: int(np.trace(row["confusion"])) for row in others}
    assert right.pop(name) == len(LABELS)
    assert max(right.values()) < len(LABELS) and found["untried"] == 0


@pytest.mark.parametrize("name", ["0 to 255", "ImageNet's mean and std", "-1024 to 1024"])
def test_the_keys_of_a_candidate_mean_what_was_tried(name: str) -> None:
    """A network with these keys is as right as the grid says."""
    keys = {c.name: c.keys for c in grid.candidates(classifier(SEEN[name]), 3)}[name]
    network = classifier(SEEN[name], **{key: list(map(float, v)) for key, v in keys.items()})
    with torch.no_grad():
        logits = torch.cat([network(part) for part in colours().split(8)])
    assert (logits.argmax(dim=1).numpy() == LABELS).all()


def test_exchanged_black_and_white_is_found_in_grey_images() -> None:
    class Bright(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            bright = pixels.mean((1, 2, 3))
            return torch.stack([bright, 1 - bright], dim=1)

    images = torch.cat([torch.full((8, 1, 4, 4), 0.1), torch.full((8, 1, 4, 4), 0.8)])
    labels = np.repeat([0, 1], 8)
    expected = Preprocessing("logits", None, [0.0], [1.0], 3, "channels_first", [0.0, 1.0])
    network = Classifier(Bright(), expected).frozen()
    rows = grid.try_candidates(network, images, labels, 2, 8, 60)["rows"]
    right = {row["name"]: int(np.trace(row["confusion"])) for row in rows}
    assert right[grid.DECLARED] == 0 and right["black and white exchanged, 0 to 1"] == 16
    assert not any(name.startswith("BGR") for name in right)


def test_another_layout_is_tried_and_what_is_not_taken_is_named() -> None:
    class Flat(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return pixels.flatten(1)[:, :3]  # the first pixel's colours, of channels last

    found = tried(Classifier(Flat(), EXPECTED_COLOUR).frozen(), colours())
    right = {row["name"]: int(np.trace(row["confusion"])) for row in found["rows"]}
    assert right["channels_last, all else as declared"] == len(LABELS) > right[grid.DECLARED]
    convolution = nn.Sequential(nn.Conv2d(3, 3, 4), nn.Flatten())
    found = tried(Classifier(convolution, EXPECTED_COLOUR).frozen(), colours())
    assert found["not_taken"] == ["channels_last, all else as declared"]


EXPECTED_COLOUR = Preprocessing("logits", None, [0.0], [1.0], 3, "channels_first", [0.0, 1.0])


def test_what_is_declared_is_not_tried_twice_and_nothing_is_left_changed() -> None:
    network = classifier(SEEN["0 to 255"], range=[0.0, 255.0])
    before = dict(network.__dict__)
    names = [row["name"] for row in tried(network, colours())["rows"]]
    assert names[0] == grid.DECLARED and "0 to 255" not in names and "0 to 1" in names
    assert network.__dict__ == before


def test_it_ends_when_the_time_is_up() -> None:
    found = tried(classifier(SEEN["0 to 255"]), colours(), seconds=-1)
    assert found["rows"] == []
    assert found["untried"] == len(grid.candidates(classifier(None), 3))


def test_values_that_are_not_finite_are_no_answer() -> None:
    class Root(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            return pixels.mean((2, 3)).sqrt()  # NaN below 0

    found = tried(Classifier(Root(), EXPECTED_COLOUR).frozen(), colours())
    # With channels last it has an output for each row of pixels.
    assert {"-1024 to 1024", "channels_last, all else as declared"} <= set(found["not_taken"])


@pytest.mark.parametrize(
    ("confusion", "poor"),
    [
        ([[9, 1], [1, 9]], False),
        ([[8, 2], [1, 9]], True),
        ([[96, 0], [3, 1]], True),  # 97 of 100, but a class is lost
        ([[10, 0], [0, 0]], False),
        ([[0, 0], [0, 0]], False),
    ],
)
def test_when_other_preprocessings_are_tried(confusion: list[list[int]], poor: bool) -> None:
    assert grid.is_poor(np.array(confusion)) == poor


def test_the_images_are_as_many_of_each_class() -> None:
    labels = np.repeat([0, 1, 2], [100, 5, 40])
    rows = grid.rows_to_try(labels, 3, 30)
    assert np.bincount(labels[rows]).tolist() == [10, 5, 10]
    assert len(set(rows)) == 25 and {0, 99} <= set(rows)
    assert len(grid.rows_to_try(np.repeat([0, 2], 3), 3, 2)) == 2  # a class without images


@pytest.mark.parametrize(
    ("seconds_an_image", "amount"), [(0.0, 96), (0.001, 96), (0.1, 40), (10.0, 24)]
)
def test_slow_networks_are_tried_on_fewer_images(seconds_an_image: float, amount: int) -> None:
    assert grid.amount_of_images(seconds_an_image, 60, 15) == amount
