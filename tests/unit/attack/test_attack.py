"""The attack engine against the formulas written out, in float64 on a small network."""

from typing import Any

import pytest
import torch
from helpers.attack import attack as make
from helpers.attack import measure, trajectory
from torch import Tensor, nn

from pgdose.attack.samples import Samples

EPSILONS = [0.03, 0.2]
ITERATIONS = 5


pytestmark = pytest.mark.usefixtures("one_thread")


def network(classes: int = 3) -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(6 * 9, classes),
    )
    return body.double().eval().requires_grad_(False)


NETWORK = network()


def pictures(n: int = 7, seed: int = 1) -> Tensor:
    """8 x 8 greys in [0, 1]; some pixels at either end."""
    source = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 1, 8, 8, generator=source, dtype=torch.float64) * 1.4 - 0.2
    return images.clamp(0, 1)


def predicted(images: Tensor) -> Tensor:
    return NETWORK(images).argmax(dim=1)


def gradient_attack(**settings: Any) -> Any:
    known = {"kind": "gradient", "gradient_of": "probability", "step": "raw", "clip": "iterate"}
    known |= settings
    rate = {"lr": 2.0} if known["step"] == "raw" else {"alpha": 0.01}
    return make(rate | known)


NOISE = make({"kind": "noise"})


def keys(n: int) -> Tensor:
    return torch.arange(100, 100 + n)


def iterates(
    attack: Any, epsilon: float, images: Tensor, own: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    own = keys(len(images)) if own is None else own
    samples = Samples(images, predicted(images), own)
    return list(trajectory(NETWORK, attack, samples, epsilon, ITERATIONS))


def whole_surface(attack: Any, images: Tensor, classes: Tensor | None = None, **named: Any) -> Any:
    settings: dict[str, Any] = {
        "epsilons": EPSILONS,
        "max_iter": ITERATIONS,
        "keys": keys(len(images)),
    }
    true = predicted(images) if classes is None else classes
    return measure(NETWORK, images, true, attack, **(settings | named))


# --- the formulas written out -----------------------------------------------------------------


def output(images: Tensor, target: int, gradient_of: str) -> Tensor:
    logits = NETWORK(images)[:, target].sum()
    exponentials = NETWORK(images).exp()
    probability = (exponentials[:, target] / exponentials.sum(dim=1)).sum()
    return {"logit": logits, "probability": probability, "cross_entropy": probability.log()}[
        gradient_of
    ]


def gradient(image: Tensor, target: int, gradient_of: str) -> Tensor:
    image = image.clone().requires_grad_()
    output(image[None], target, gradient_of).backward()
    assert image.grad is not None
    return image.grad


def by_hand(image: Tensor, epsilon: float, settings: dict[str, Any]) -> list[Tensor]:
    """Eq. 1 for one image, one pixel bound after the other."""
    target = int(predicted(image[None]))
    x, path = image.clone(), [image]
    for _ in range(ITERATIONS):
        g = gradient(x, target, settings["gradient_of"])
        if settings["clip"] == "gradient":
            g[g > epsilon] = epsilon
            g[g < -epsilon] = -epsilon
            x = x - settings["lr"] * g
        else:
            if settings["step"] == "sign":
                x = x - settings["alpha"] * (g > 0).double() + settings["alpha"] * (g < 0).double()
            else:
                x = x - settings["lr"] * g
            change = x - image
            change[change > epsilon] = epsilon
            change[change < -epsilon] = -epsilon
            x = image + change
        x[x < 0] = 0
        x[x > 1] = 1
        path.append(x)
    return path


READINGS = [
    {"clip": clip, "step": step, "gradient_of": gradient_of}
    for clip, step in (("iterate", "raw"), ("iterate", "sign"), ("gradient", "raw"))
    for gradient_of in ("probability", "logit", "cross_entropy")
]


@pytest.mark.parametrize("reading", READINGS, ids=lambda r: "-".join(r.values()))
def test_each_reading_of_equation_1_is_as_written(reading: dict[str, str]) -> None:
    settings: dict[str, Any] = {"lr": 2.0, "alpha": 0.01} | reading
    rate = "alpha" if reading["step"] == "raw" else "lr"
    attack = gradient_attack(**{k: v for k, v in settings.items() if k != rate})
    images = pictures(3)
    for epsilon in EPSILONS:
        found = iterates(attack, epsilon, images)
        assert len(found) == ITERATIONS + 1
        for i, image in enumerate(images):
            for step, expected in enumerate(by_hand(image, epsilon, settings)):
                assert torch.allclose(found[step][0][i], expected, rtol=0, atol=1e-12)
        assert (found[-1][0] - images).abs().amax() > 1e-3


def test_a_step_lowers_what_the_gradient_is_of() -> None:
    images = pictures()
    for gradient_of in ("probability", "logit", "cross_entropy"):
        attack = gradient_attack(gradient_of=gradient_of, lr=0.02)
        path = iterates(attack, 0.2, images)
        for i, target in enumerate(predicted(images).tolist()):
            before, after = (
                output(images_at[i : i + 1], target, gradient_of) for images_at, _ in path[:2]
            )
            assert after < before


def test_a_gradient_cut_at_epsilon_is_another_attack_than_one_that_is_not() -> None:
    images = pictures(2)
    wide, narrow = (
        iterates(gradient_attack(clip="gradient", lr=2.0), epsilon, images)[1][0]
        for epsilon in (10.0, 0.001)
    )
    moved = (narrow - images).abs()
    assert moved.max() <= 2.0 * 0.001 + 1e-12
    assert (wide - images).abs().max() > 0.01


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(
    "attack",
    [gradient_attack(lr=50.0), gradient_attack(step="sign", alpha=0.05), NOISE],
    ids=["raw", "sign", "noise"],
)
def test_every_iterate_stays_in_the_box_and_in_the_intensity_range(
    attack: Any, epsilon: float
) -> None:
    images = pictures()
    for iterate, _ in iterates(attack, epsilon, images):
        assert (iterate - images).abs().max() <= epsilon + 1e-12
        assert iterate.min() >= 0 and iterate.max() <= 1
    assert (iterate - images).abs().max() > 0.9 * epsilon


def test_nothing_but_the_intensity_range_bounds_the_iterate_of_a_cut_gradient() -> None:
    images = pictures()
    path = iterates(gradient_attack(clip="gradient", lr=5.0), 0.03, images)
    last = path[-1][0]
    assert (last - images).abs().max() > 0.03 * 2
    assert last.min() >= 0 and last.max() <= 1


# --- the surface ------------------------------------------------------------------------------


def test_the_surface_holds_the_logits_of_every_iterate() -> None:
    images, attack = pictures(), gradient_attack()
    found = whole_surface(attack, images)
    assert found.logits.shape == (7, 2, ITERATIONS + 1, 3)
    for e, epsilon in enumerate(EPSILONS):
        path = iterates(attack, epsilon, images)
        for k, (iterate, _) in enumerate(path):
            assert torch.allclose(found.logits[:, e, k], NETWORK(iterate), rtol=0, atol=1e-12)
        change = (path[-1][0] - images).abs().flatten(1).max(dim=1).values
        assert torch.allclose(found.change[:, e], change, rtol=0, atol=1e-12)


@pytest.mark.parametrize("attack", [gradient_attack(), NOISE], ids=["gradient", "noise"])
def test_iteration_0_is_the_clean_image(attack: Any) -> None:
    images = pictures()
    found = whole_surface(attack, images)
    assert torch.allclose(found.clean, NETWORK(images), rtol=0, atol=1e-12)
    for e in range(len(EPSILONS)):
        assert torch.allclose(found.logits[:, e, 0], found.clean, rtol=0, atol=1e-12)


def test_images_that_are_wrong_are_not_attacked() -> None:
    images = pictures()
    true = predicted(images)
    true[[1, 4]] = (true[[1, 4]] + 1) % 3
    found = whole_surface(gradient_attack(), images, true)
    right = [0, 2, 3, 5, 6]
    assert found.attacked.tolist() == [i in right for i in range(7)]
    assert found.clean.shape == (7, 3)
    alone = whole_surface(gradient_attack(), images[right])
    assert torch.allclose(found.logits, alone.logits, rtol=0, atol=1e-8)


def test_a_wrong_image_does_not_shift_the_noise_of_the_others() -> None:
    images = pictures()
    true = predicted(images)
    true[0] = (true[0] + 1) % 3
    found = whole_surface(NOISE, images, true)
    everyone = whole_surface(NOISE, images)
    assert torch.allclose(found.logits, everyone.logits[1:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("attack", [gradient_attack(), NOISE], ids=["gradient", "noise"])
@pytest.mark.parametrize("batch", [1, 2, 3, 6])
def test_the_surface_does_not_go_by_the_batch(attack: Any, batch: int) -> None:
    whole, parts = (whole_surface(attack, pictures(), batch=b) for b in (32, batch))
    for name in ("clean", "logits", "change"):
        assert torch.allclose(getattr(whole, name), getattr(parts, name), rtol=0, atol=1e-8)
    assert torch.equal(whole.attacked, parts.attacked)


def test_each_epsilon_is_an_attack_of_its_own() -> None:
    both = whole_surface(gradient_attack(), pictures())
    alone = whole_surface(gradient_attack(), pictures(), epsilons=EPSILONS[1:])
    assert torch.allclose(both.logits[:, 1:], alone.logits, rtol=0, atol=1e-12)


def test_where_every_image_is_wrong_the_surface_is_empty() -> None:
    images = pictures()
    found = whole_surface(gradient_attack(), images, (predicted(images) + 1) % 3)
    assert found.logits.shape == (0, 2, ITERATIONS + 1, 3)
    assert found.change.shape == (0, 2)
    assert not found.attacked.any() and len(found.clean) == 7


def test_the_surface_of_no_images_is_empty() -> None:
    """A shard may be empty."""
    none = torch.zeros(0, dtype=torch.int64)
    found = whole_surface(gradient_attack(), pictures()[:0], none)
    assert found.logits.shape == (0, 2, ITERATIONS + 1, 3)
    assert found.clean.shape == (0, 3)
    assert found.attacked.shape == (0,) and found.change.shape == (0, 2)


def test_the_images_themselves_are_left_alone() -> None:
    images = pictures()
    before = images.clone()
    whole_surface(gradient_attack(lr=50.0), images)
    whole_surface(NOISE, images)
    assert torch.equal(images, before) and not images.requires_grad


def test_progress_tells_the_images_done_after_each_batch() -> None:
    told: list[int] = []
    whole_surface(
        gradient_attack(), pictures(), batch=3, progress=lambda done, of, steps: told.append(done)
    )
    assert told == [3, 6, 7]


def test_a_network_in_training_mode_is_refused() -> None:
    images = pictures(1)
    learning = network().train()
    with pytest.raises(ValueError, match="evaluation mode"):
        measure(
            *(learning, images, predicted(images), NOISE), epsilons=[0.1], max_iter=1, keys=keys(1)
        )


def test_a_network_whose_weights_are_not_frozen_is_refused() -> None:
    images = pictures(1)
    free = network().requires_grad_()
    with pytest.raises(ValueError, match="frozen weights"):
        measure(*(free, images, predicted(images), NOISE), epsilons=[0.1], max_iter=1, keys=keys(1))


# --- noise ------------------------------------------------------------------------------------


def noise(images: Tensor, own: Tensor, epsilon: float = 0.1) -> list[Tensor]:
    return [iterate - images for iterate, _ in iterates(NOISE, epsilon, images, own)]


GREY = torch.full((4, 1, 8, 8), 0.5, dtype=torch.float64)


def test_noise_fills_the_box_evenly() -> None:
    for added in noise(GREY, keys(4))[1:]:
        assert 0.09 < added.abs().max() <= 0.1
        assert abs(added.mean()) < 0.015
        assert added.std() == pytest.approx(0.1 / 3**0.5, rel=0.1)


def test_noise_is_keyed_by_the_image_and_not_by_its_place() -> None:
    forwards, backwards = noise(GREY, keys(4)), noise(GREY, keys(4).flip(0))
    for one, other in zip(forwards, backwards, strict=True):
        assert torch.equal(one, other.flip(0))


def patterns(own: Tensor) -> list[bytes]:
    """The signs of the noise of all images and iterations."""
    return [
        bytes((image > 0).flatten().tolist()) for added in noise(GREY, own)[1:] for image in added
    ]


def test_noise_differs_by_image_and_iteration() -> None:
    assert len(set(patterns(keys(4)))) == 4 * ITERATIONS


def test_all_of_a_key_s_digits_count() -> None:
    """Keys have 53 bits."""
    assert len(set(patterns(torch.tensor([5, 5 + 2**32, 5 + 2**40, 5 + 2**52])))) == 4 * ITERATIONS


def test_noise_is_one_pattern_for_all_epsilons() -> None:
    weak, strong = (noise(GREY, keys(4), epsilon) for epsilon in (0.1, 0.2))
    for one, other in zip(weak, strong, strict=True):
        assert torch.allclose(2 * one, other, rtol=0, atol=1e-12)


def test_noise_asks_for_no_gradient() -> None:
    class Flat(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert not torch.is_grad_enabled()
            return images.flatten(1)[:, :3]

    clean = pictures(2)
    samples = Samples(clean, torch.zeros(2).long(), keys(2))
    path = trajectory(Flat().eval(), NOISE, samples, 0.1, 2)
    assert len(list(path)) == 3
