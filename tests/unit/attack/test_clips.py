"""Clips: those of the study, and one more that is written into the table."""

from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from helpers import toy_clip
from helpers.attack import ITERATIONS, measure, network, pictures
from pydantic import ValidationError

from pgdose.attack.batching import SHORTCUTS
from pgdose.attack.input_checks import check_doses
from pgdose.attack.loop import initial_items, iterate
from pgdose.attack.projections import CLIPS, GRADIENT
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.surface import Surface
from pgdose.errors import UserError
from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import Doses

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = network(gain=2)
EPSILONS = [0.5, 1.5, 4.0]  # sums of changes
RANDOM = {"lr": 3.0, "start": "random"}
ATTACKS: list[dict[str, Any]] = [
    {"lr": 3.0},
    {"step": "l2", "alpha": 0.1, "momentum": 0.9},
    {"step": "sign", "alpha": 0.02},
    {**RANDOM, "restarts": 2},
    {"schedule": "apgd", "gradient_of": "cross_entropy", "start": "random"},
]


@pytest.fixture
def one_more_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CLIPS, "sum", toy_clip.SUM)


def toy_surface(settings: dict[str, Any], **execution: Any) -> Surface:
    images, attack = pictures(), toy_clip.attack(settings)
    doses = {"epsilons": EPSILONS, "max_iter": ITERATIONS, "keys": torch.arange(len(images))}
    classes = NETWORK(images).argmax(dim=1)
    return measure(NETWORK, images, classes, attack, **doses, **execution)


# --- those of the study ---------------------------------------------------------------------------


def accepted(clip: str, **parts: Any) -> bool:
    try:
        GradientAttack(epsilon=[0.1], clip=clip, **parts)
    except ValidationError:
        return False
    return True


def test_the_study_and_the_clips_agree() -> None:
    names = get_args(GradientAttack.model_fields["clip"].annotation)
    assert sorted(names) == sorted(CLIPS)
    for name, clip in CLIPS.items():
        assert clip.name == name
        settings = GradientAttack(epsilon=[0.1], clip=name, lr=1.0)
        assert settings.largest_epsilon == clip.largest_epsilon
        assert make(settings).clip is clip
        assert accepted(name, lr=1.0, start="random") == (clip.random_start is not None)
        assert accepted(name, schedule="apgd") == (clip.apgd_direction is not None)


def test_a_part_that_a_clip_does_not_have_is_refused_without_a_study_too() -> None:
    for parts, message in ((RANDOM, "no random start"), ({"schedule": "apgd"}, "no APGD step")):
        settings = GradientAttack(epsilon=[0.1], **parts).model_copy(update={"clip": "gradient"})
        with pytest.raises(ValueError, match=message):
            make(settings)


def test_only_where_epsilon_is_a_share_of_the_range_it_ends_at_1() -> None:
    for name, clip in CLIPS.items():
        if name == "l2":
            check_doses(Doses((0.5, 2.0), 1), clip)
            continue
        with pytest.raises(UserError, match="give at most 1, the full intensity range"):
            check_doses(Doses((0.5, 2.0), 1), clip)
    assert GRADIENT.full_range(144) == 1 and CLIPS["l2"].full_range(144) == 12


# --- one more -------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", ATTACKS, ids=str)
@pytest.mark.usefixtures("one_more_clip")
def test_its_surface_keeps_its_bound_and_shortcuts_change_nothing(settings: dict[str, Any]) -> None:
    plain = toy_surface(settings, shortcuts=())
    bounds = torch.tensor(EPSILONS, dtype=torch.float64)
    assert (plain.change <= bounds + 1e-12).all()
    assert (plain.change.amax(dim=0) > 0.9 * bounds).all()  # sums, not changes of one pixel
    for shortcut in SHORTCUTS:
        short = toy_surface(settings, shortcuts=(shortcut,))
        for name in ("logits", "stored", "change"):
            assert torch.allclose(getattr(plain, name), getattr(short, name), rtol=0, atol=1e-8)


@pytest.mark.usefixtures("one_more_clip")
def test_sharing_saves_steps_until_its_bound_binds() -> None:
    settings = {"step": "l2", "alpha": 0.02}
    plain, short = (toy_surface(settings, shortcuts=s).steps for s in ((), ("sharing",)))
    assert short < 0.9 * plain


@pytest.mark.usefixtures("one_more_clip")
def test_its_random_start_and_its_iterates_are_its_own() -> None:
    images = torch.full((4, 1, 8, 8), 0.5, dtype=torch.float64)
    attack, classes = toy_clip.attack(RANDOM), torch.zeros(4).long()
    samples, doses = Samples(images, classes, torch.arange(4)), Doses((1.0, 2.0), 3)
    items = initial_items(attack, samples, classes, doses, [0, 1])
    sizes = toy_clip.sums(items.images - items.clean)
    assert torch.allclose(sizes, torch.tensor([1.0] * 4 + [2.0] * 4, dtype=torch.float64))
    assert not torch.isclose(attack.initial_images(items, 1), items.images).all()
    last, _ = iterate(NETWORK, samples, attack, doses, level=1, iteration=3)
    assert (toy_clip.sums(last - images) <= 2 + 1e-12).all()


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"schedule": "apgd"}, {"apgd_direction": torch.zeros_like}),
        ({"lr": 3.0}, {"limit_gradient": lambda gradient, epsilon: 0 * gradient}),
    ],
    ids=["apgd", "raw"],
)
@pytest.mark.usefixtures("one_more_clip")
def test_a_step_goes_where_its_clip_says(settings: dict[str, Any], part: dict[str, Any]) -> None:
    images = pictures()
    samples = Samples(images, NETWORK(images).argmax(dim=1), torch.arange(len(images)))
    attack, doses = toy_clip.attack(settings), Doses((1.0,), 3)
    moved, _ = iterate(NETWORK, samples, attack, doses, level=0, iteration=3)
    assert not torch.equal(moved, images)
    still = replace(attack, clip=replace(toy_clip.SUM, **part))
    stays, _ = iterate(NETWORK, samples, still, doses, level=0, iteration=3)
    assert torch.equal(stays, images)
