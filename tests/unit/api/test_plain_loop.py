"""`dose_response` flips what an independent loop of twenty lines flips, in float64 exactly."""

from typing import Any

import numpy as np
import pytest
import torch
from helpers.notebook_networks import Outputs, as_batch, balanced, body, one_number, pictures
from torch import Tensor, nn

import pgdose

pytestmark = pytest.mark.usefixtures("one_thread")

EPSILONS, STEPS = (0.02, 0.1, 0.4), 8


def plain_loop(
    logits: Any, images: Tensor, labels: Tensor, step: str, rate: float, epsilon: float
) -> Tensor:
    """n x steps, bool: which iterates are misclassified. Cross-entropy upwards, written anew."""
    iterate, flips = images.clone(), []
    for _ in range(STEPS):
        iterate.requires_grad_(True)
        loss = nn.functional.cross_entropy(logits(iterate), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, iterate)
        with torch.no_grad():
            if step == "sign":
                gradient = gradient.sign()
            elif step == "l2":
                norm = (gradient**2).sum((1, 2, 3), keepdim=True).sqrt()
                gradient = gradient / norm
            change = iterate + rate * gradient - images
            if step == "l2":
                size = (change**2).sum((1, 2, 3), keepdim=True).sqrt()
                change = change * (epsilon / size).clamp(max=1)
            else:
                change = change.clamp(-epsilon, epsilon)
            iterate = (images + change).clamp(0, 1)
            flips.append(logits(iterate).argmax(1) != labels)
    return torch.stack(flips, dim=1)


ATTACKS: dict[str, dict[str, Any]] = {
    "sign": {"step": "sign", "alpha": 0.03},
    "l2": {"step": "l2", "alpha": 0.1, "clip": "l2"},
    "raw": {"step": "raw", "lr": 2.0},
}
# A network's outputs, what the caller says of them, and the logits of its classes.
NETWORKS: dict[str, tuple[int, Any, dict[str, Any], Any]] = {
    "multiclass": (3, lambda z: z, {}, lambda z: z),
    "dict": (3, lambda z: {"logits": z, "features": -z}, {}, lambda z: z["logits"]),
    "logit": (2, one_number, {"outputs": "logit"}, lambda d: torch.cat([-d, d], 1) / 2),
    "softmax": (3, lambda z: z.softmax(1), {"outputs": "probabilities"}, torch.log),
}


@pytest.mark.parametrize("step", ATTACKS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_flips_are_those_of_a_plain_loop(step: str, kind: str) -> None:
    classes, form, said, logits_of = NETWORKS[kind]
    inner = body(classes, channels=1, dtype=torch.float64)
    images = pictures(18).astype(np.float64)
    labels = balanced(inner, images)
    network = Outputs(inner, form)
    epsilons = [e * 3 for e in EPSILONS] if step == "l2" else list(EPSILONS)
    measured = pgdose.dose_response(
        network,
        images,
        labels,
        epsilons=epsilons,
        max_iter=STEPS,
        attack={"gradient_of": "cross_entropy", **ATTACKS[step]},
        progress=False,
        **said,
    )

    def logits(batch: Tensor) -> Tensor:
        values: Tensor = logits_of(network(batch))
        return values

    pixels, truth = as_batch(images), torch.from_numpy(labels)
    with torch.no_grad():
        right = logits(pixels).argmax(1) == truth
    assert measured.right.tolist() == right.tolist()
    flips = measured.surface.flipped(labels[measured.surface.members])
    rate = ATTACKS[step].get("alpha", ATTACKS[step].get("lr"))
    for level, epsilon in enumerate(epsilons):
        expected = plain_loop(logits, pixels[right], truth[right], step, rate, epsilon)
        assert np.array_equal(flips[:, level, 1:], expected.numpy())
    assert 0 < flips[:, :, -1].mean() < 1
