"""The surface: shortcuts that change nothing, parts as their papers have them, input looked at."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.attack import EPSILONS, ITERATIONS, measure, network, pictures, trajectory
from helpers.attack import attack as make
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pgdose.attack.batching import SHORTCUTS, Part
from pgdose.attack.loop import initial_items
from pgdose.attack.objectives import difference_of_logits_ratio, margin
from pgdose.attack.projections import into_ball
from pgdose.attack.samples import Samples
from pgdose.attack.surface import Surface
from pgdose.errors import UserError
from pgdose.study.doses import Doses

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORK = network(gain=2)


def found(settings: dict[str, Any], body: nn.Module = NETWORK, **named: Any) -> Surface:
    images = named.pop("images", None)
    images = pictures() if images is None else images
    true = named.pop("true", None)
    true = body(images).argmax(dim=1) if true is None else true
    known = {"epsilons": EPSILONS, "max_iter": ITERATIONS, "keys": torch.arange(len(images)) + 7}
    attack = make({"kind": "gradient"} | settings)
    return measure(body, images, true, attack, **(known | named))


RATES = {"raw": {"lr": 0.3}, "sign": {"alpha": 0.011}, "l2": {"alpha": 0.09}}
COMBINED = [
    {"gradient_of": of, "step": step, "clip": clip, "momentum": momentum, **RATES[step]}
    for of, step, clip, momentum in itertools.product(
        ("probability", "logit", "cross_entropy", "margin", "dlr"),
        ("raw", "sign", "l2"),
        ("iterate", "l2", "gradient"),
        (0.0, 0.9),
    )
    if not (clip == "gradient" and (step != "raw" or momentum)) and not (step == "raw" and momentum)
]
RELATIVE: list[dict[str, Any]] = [
    {"step": "sign", "alpha": {"of_epsilon": 0.25}, "gradient_of": "cross_entropy"},
    {"step": "sign", "alpha": {"of_epsilon": 1.0}, "gradient_of": "margin", "momentum": 0.9},
    {"step": "l2", "alpha": {"of_epsilon": 0.4}, "gradient_of": "margin", "clip": "l2"},
    {"step": "sign", "alpha": {"of_epsilon": 0.3}, "start": "random", "restarts": 2},
]
OTHERS: list[dict[str, Any]] = [
    *RELATIVE,
    {"schedule": "apgd", "gradient_of": "cross_entropy"},
    {"schedule": "apgd", "gradient_of": "dlr", "clip": "l2", "start": "random"},
    {"step": "sign", "alpha": 0.02, "start": "random", "restarts": 3},
    {"step": "sign", "alpha": 0.011, "target": "least_likely", "gradient_of": "cross_entropy"},
    {"kind": "noise"},
]
FIELDS = ("clean", "logits", "stored", "change", "zero_gradient", "bad_gradient")


def named(settings: dict[str, Any]) -> str:
    return " ".join(str(value) for value in settings.values())


def alike(one: Surface, other: Surface, within: float) -> None:
    assert torch.equal(one.attacked, other.attacked)
    for name in FIELDS:
        values = getattr(one, name), getattr(other, name)
        assert torch.allclose(*values, rtol=0, atol=within, equal_nan=True), name


# --- shortcuts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", COMBINED + OTHERS, ids=named)
def test_shortcuts_change_nothing(settings: dict[str, Any]) -> None:
    """In float64; some images are wrong to begin with."""
    true = NETWORK(pictures()).argmax(dim=1)
    true[[2, 5]] = (true[[2, 5]] + 1) % 3
    plain = found(settings, true=true, shortcuts=())
    assert plain.attacked.sum() == 7 or "target" in settings
    for shortcut in SHORTCUTS:
        alike(plain, found(settings, true=true, shortcuts=(shortcut,)), 1e-8)
    alike(plain, found(settings, true=true, batch=2), 1e-8)


@given(settings=st.sampled_from(COMBINED), seed=st.integers(0, 2**32 - 1))
def test_shortcuts_change_no_rate_in_float32(settings: dict[str, Any], seed: int) -> None:
    """Of pictures that nobody chose, under any of the attacks above."""
    body, images = network(dtype=torch.float32, gain=2), pictures(30, torch.float32, seed)
    plain, short = (found(settings, body, images=images, shortcuts=s) for s in ((), SHORTCUTS))
    true = plain.clean.argmax(dim=1)[:, None, None]
    flips = [one.logits.argmax(dim=-1) != true for one in (plain, short)]
    assert (flips[0] != flips[1]).float().mean() <= 0.005
    rates = [flip.float().mean(dim=0) for flip in flips]
    assert (rates[0] - rates[1]).abs().max() <= 0.01 + 1e-6 or (
        (flips[0] != flips[1]).sum(dim=0).max() <= 1  # one image of 30 is more than a point
    )


def test_the_surface_is_that_of_each_epsilon_s_own_trajectory() -> None:
    for settings in (COMBINED[0], COMBINED[3], *RELATIVE[:3], {"schedule": "apgd"}):
        whole, images = found(settings), pictures()
        attack = make({"kind": "gradient"} | settings)
        true = NETWORK(images).argmax(dim=1)
        for e, epsilon in enumerate(EPSILONS):
            samples = Samples(images, true, torch.arange(len(images)) + 7)
            path = list(trajectory(NETWORK, attack, samples, epsilon, ITERATIONS))
            for k, (_, logits) in enumerate(path):
                assert torch.allclose(whole.logits[:, e, k], logits, rtol=0, atol=1e-8)
            rounded = NETWORK((path[-1][0] * 255).round() / 255)
            assert torch.allclose(whole.stored[:, e], rounded, rtol=0, atol=1e-8)


@pytest.mark.parametrize("settings", RELATIVE, ids=named)
def test_a_step_in_parts_of_epsilon_is_one_of_that_length(settings: dict[str, Any]) -> None:
    """Each epsilon alone, with the product of both as its alpha."""
    together = found(settings)
    for e, epsilon in enumerate(EPSILONS):
        alpha = settings["alpha"]["of_epsilon"] * epsilon
        alone = found(settings | {"alpha": alpha}, epsilons=[epsilon])
        assert torch.allclose(together.logits[:, [e]], alone.logits, rtol=0, atol=1e-8)
        assert torch.allclose(together.change[:, [e]], alone.change, rtol=0, atol=1e-8)


def test_steps_in_parts_of_epsilon_share_no_way_but_cycles_end_early() -> None:
    """Every epsilon takes its own max_iter steps unless its iterates return."""
    images = torch.full((4, 1, 8, 8), 0.5, dtype=torch.float64) + 0.01 * (pictures(4) - 0.5)
    doses = {"epsilons": [0.02, 0.04, 0.08], "max_iter": 20}
    steps = {
        shortcuts: found(RELATIVE[0], images=images, shortcuts=shortcuts, **doses).steps / 4
        for shortcuts in ((), ("sharing",), ("repeats",))
    }
    assert steps[()] == steps["sharing",] == 3 * 20
    assert steps["repeats",] < 3 * 20


def test_sharing_saves_the_steps_before_a_box_binds() -> None:
    """20 + 2 + 4 + .. + 18 gradient steps at alpha = 0.01, where nothing else ends a run."""
    doses = {"epsilons": [0.02 * i for i in range(1, 11)], "max_iter": 20}
    images = torch.full((4, 1, 8, 8), 0.5, dtype=torch.float64) + 0.01 * (pictures(4) - 0.5)
    settings = {"step": "sign", "alpha": 0.01, "gradient_of": "cross_entropy"}
    counted = {
        shortcuts: found(settings, images=images, shortcuts=shortcuts, **doses).steps / 4
        for shortcuts in ((), ("sharing",))
    }
    assert counted[()] == 200
    assert 90 < counted[("sharing",)] <= 110


class Counted(nn.Module):
    """A network that notes the size of each batch, with and without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network(gain=2)
        self.batches: dict[bool, list[int]] = {True: [], False: []}

    def forward(self, images: Tensor) -> Tensor:
        self.batches[torch.is_grad_enabled()].append(len(images))
        output: Tensor = self.body(images)
        return output


@pytest.mark.parametrize("step", [{"alpha": 0.01}, {"alpha": 0.01, "momentum": 0.9}], ids=named)
def test_few_images_fill_batches_with_several_epsilons(step: dict[str, Any]) -> None:
    """Smaller epsilons join the largest as soon as they part from it; ends cost no gradient."""
    body = Counted().eval()
    images = torch.full((4, 1, 8, 8), 0.5, dtype=torch.float64) + 0.01 * (pictures(4) - 0.5)
    doses = {"epsilons": [0.02 * i for i in range(1, 11)], "max_iter": 20}
    settings = {"step": "sign", "gradient_of": "cross_entropy", **step}
    clean = body.body(images)
    measured = found(
        settings,
        body,
        images=images,
        true=clean.argmax(dim=1),
        clean=clean,
        batch=16,
        shortcuts=["sharing"],
        **doses,
    )
    sizes = body.batches[True]
    assert max(sizes) == 16 and sum(sizes) == measured.steps
    assert len(sizes) <= 1.25 * measured.steps / 16, sizes
    # Of each image and epsilon the last iterate and its stored twin.
    without = body.batches[False]
    assert sum(without) <= 2 * 4 * 10 and max(without) <= 16 and len(without) <= 8


def test_attacks_that_remember_something_wait_for_those_that_have_begun() -> None:
    """With momentum and no shared way: the second batch begins when the first has ended."""
    settings = {"step": "sign", "alpha": {"of_epsilon": 0.2}, "momentum": 0.9}
    settings |= {"gradient_of": "cross_entropy"}
    alike(found(settings, shortcuts=()), found(settings, batch=3), 1e-8)


def test_where_no_box_binds_one_trajectory_is_enough() -> None:
    short = found({"lr": 1e-4})
    assert short.steps == len(pictures()) * ITERATIONS
    assert torch.equal(short.logits[:, 0], short.logits[:, -1])


def test_a_cycle_is_filled_in() -> None:
    """A network of one edge: the sign step runs to it and swings there for ever."""

    class Edge(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            distance = (images.flatten(1).mean(dim=1) - 0.4371).abs()
            return torch.stack([distance * 50 + 0.5, torch.full_like(distance, 0.2)], dim=1)

    images = torch.full((2, 1, 4, 4), 0.7, dtype=torch.float64)
    images[1] = 0.6
    settings = {"step": "sign", "alpha": 0.05, "gradient_of": "logit"}
    doses = {"epsilons": [0.5], "max_iter": 19, "images": images}
    plain, short = (found(settings, Edge().eval(), shortcuts=s, **doses) for s in ((), ["repeats"]))
    alike(plain, short, 1e-12)
    assert not torch.allclose(plain.logits[:, 0, -1], plain.logits[:, 0, -2])
    assert plain.steps == 38 and short.steps < 25


def test_a_fixed_point_is_filled_in() -> None:
    """A gradient of zero moves nothing, and black images are no sign of having been there."""

    class Blind(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([0 * images.sum(dim=(1, 2, 3)) + 2, 0 * images[:, 0, 0, 0]], dim=1)

    black = torch.zeros(3, 1, 4, 4, dtype=torch.float64)
    still = found({"step": "sign", "alpha": 0.1}, Blind().eval(), images=black)
    assert still.steps == 3
    assert (still.zero_gradient == 1).all() and (still.bad_gradient == 0).all()
    moving = found({"step": "sign", "alpha": 0.001, "gradient_of": "logit"}, images=pictures() * 0)
    assert moving.steps > 2 * len(pictures())


# --- clean logits that are known ------------------------------------------------------------------


def test_known_clean_logits_are_iteration_0_and_choose_who_is_attacked() -> None:
    images = pictures()
    clean = NETWORK(images) * 1.25
    true = clean.argmax(dim=1)
    clean[3] = clean[3].roll(1)
    plain, known = (found({"lr": 0.3}, true=true, clean=c) for c in (None, clean))
    rows = known.attacked
    assert rows.tolist() == [i != 3 for i in range(9)] and plain.attacked.all()
    assert torch.equal(known.clean, clean)
    assert torch.equal(known.logits[:, :, 0], clean[rows][:, None].expand(-1, 4, -1))
    assert torch.allclose(known.logits[:, :, 1:], plain.logits[rows, :, 1:], rtol=0, atol=1e-9)


def test_known_clean_logits_must_be_those_of_the_images() -> None:
    with pytest.raises(UserError, match=r"clean logits of shape \[2, 3\] for 9 images"):
        found({"lr": 0.3}, clean=torch.zeros(2, 3))
    with pytest.raises(UserError, match="probabilities"):
        found({"lr": 0.3}, clean=NETWORK(pictures()).softmax(dim=1))


# --- parts ----------------------------------------------------------------------------------------


def ends(settings: dict[str, Any], epsilon: float, images: Tensor) -> list[Tensor]:
    attack = make({"kind": "gradient"} | settings)
    samples = Samples(images, NETWORK(images).argmax(dim=1), torch.arange(len(images)))
    path = trajectory(NETWORK, attack, samples, epsilon, ITERATIONS)
    return [iterate for iterate, _ in path]


def test_the_ball_bounds_the_length_of_the_change() -> None:
    images = pictures()
    for settings in ({"step": "l2", "alpha": 0.3}, {"schedule": "apgd"}, {"lr": 50.0}):
        for iterate in ends({"clip": "l2", **settings}, 0.5, images):
            assert (iterate - images).flatten(1).norm(dim=1).max() <= 0.5 + 1e-12
            assert iterate.min() >= 0 and iterate.max() <= 1
        assert (iterate - images).flatten(1).norm(dim=1).min() > 0.3
    far = into_ball(images + 3, images, 0.5)
    assert (far - (images + 0.5 / 8).clamp(0, 1)).abs().max() < 1e-12  # 8: the length of 64 ones


def test_a_length_is_what_change_tells_under_l2() -> None:
    whole = found({"clip": "l2", "step": "l2", "alpha": 0.02}, epsilons=[0.05])
    assert whole.change.min() > 0.04 and whole.change.max() <= 0.05 + 1e-12


def test_momentum_goes_on_where_the_gradient_has_turned() -> None:
    images = pictures(3)
    plain, heavy = (
        ends({"step": "sign", "alpha": 0.01, "momentum": m}, 0.2, images) for m in (0.0, 1.0)
    )
    assert torch.equal(plain[1], heavy[1])
    assert not torch.equal(plain[-1], heavy[-1])


def test_random_starts_fill_box_and_ball_and_differ() -> None:
    images = torch.full((4, 1, 8, 8), 0.5, dtype=torch.float64)
    for clip, length in (("iterate", lambda d: d.abs().amax((1, 2, 3))), ("l2", None)):
        attack = make({"kind": "gradient", "lr": 1.0, "clip": clip, "start": "random"})
        true = torch.zeros(4).long()
        samples = Samples(images, true, torch.arange(4))
        items = initial_items(attack, samples, true, Doses((0.1, 0.2), 3), [0, 1])
        change = items.images - items.clean
        size = length(change) if length else change.flatten(1).norm(dim=1)
        assert (size[:4] > 0.05).all() and (size[:4] <= 0.1 + 1e-12).all()
        assert torch.allclose(2 * change[:4], change[4:])  # one pattern for all epsilons
        again = attack.initial_images(items, 1) - items.clean
        assert not torch.isclose(again, change).all()
        assert len({float(value) for value in change[:4, 0, 0, 0]}) == 4


def test_another_restart_never_makes_it_worse() -> None:
    settings = {"step": "sign", "alpha": 0.004, "start": "random", "gradient_of": "margin"}
    one, three = (found(settings | {"restarts": n}) for n in (1, 3))
    true = one.clean.argmax(dim=1)
    for e in range(len(EPSILONS)):
        before, after = (margin(s.logits[:, e, -1], true) for s in (one, three))
        assert (after <= before + 1e-12).all()
    assert not torch.equal(one.logits, three.logits)
    flipped = one.logits.argmax(dim=-1) != true[:, None, None]
    assert flipped.any() and not flipped.all()
    assert torch.equal(one.logits[flipped], three.logits[flipped])  # what is flipped stays
    assert torch.equal(three.logits[:, :, 0], three.clean[:, None].expand(-1, 4, -1))


def test_a_surface_of_restarts_holds_all_shorter_runs() -> None:
    settings = {"step": "sign", "alpha": 0.004, "start": "random", "restarts": 3}
    whole = found(settings)
    for k in (1, 4):
        short = found(settings, max_iter=k)
        assert torch.allclose(whole.logits[:, :, : k + 1], short.logits, rtol=0, atol=1e-8)


def test_apgd_is_at_least_as_strong_as_a_plain_step() -> None:
    """Its loss never falls from one iteration to the next: the best so far is what counts."""
    plain = found({"step": "sign", "alpha": 0.011, "gradient_of": "cross_entropy"})
    apgd = found({"schedule": "apgd", "gradient_of": "cross_entropy"})
    true = plain.clean.argmax(dim=1)
    picked = true[:, None, None, None].expand(-1, len(EPSILONS), ITERATIONS + 1, 1)
    loss = [-s.logits.log_softmax(dim=-1).gather(3, picked)[..., 0] for s in (apgd, plain)]
    assert (loss[0].diff(dim=2) >= -1e-12).all()
    assert loss[0][:, :, -1].mean() >= loss[1][:, :, -1].mean() - 1e-3


def test_apgd_halves_its_step_where_progress_stalls() -> None:
    """Around a single best point only ever smaller steps come nearer."""

    class Bowl(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            distance = ((images - 0.53) ** 2).sum(dim=(1, 2, 3))
            return torch.stack([distance + 1, 0 * distance], dim=1)

    images = torch.full((2, 1, 4, 4), 0.6, dtype=torch.float64)
    attack = make({"kind": "gradient", "schedule": "apgd", "gradient_of": "logit"})
    samples = Samples(images, torch.zeros(2).long(), torch.arange(2))
    path = list(trajectory(Bowl().eval(), attack, samples, 0.3, 40))
    assert (path[-1][0] - 0.53).abs().max() < 0.03 < (path[3][0] - 0.53).abs().max() + 0.02


def test_a_target_is_driven_at() -> None:
    images = pictures()
    true = NETWORK(images).argmax(dim=1)
    for gradient_of in ("probability", "logit", "cross_entropy", "margin"):
        settings = {"step": "sign", "alpha": 0.03, "target": 2, "gradient_of": gradient_of}
        aimed = found(settings, epsilons=[0.5])
        assert torch.equal(aimed.attacked, true != 2)
        assert (aimed.logits[:, 0, -1].argmax(dim=1) == 2).float().mean() > 0.9
    least = found({"step": "sign", "alpha": 0.03, "target": "least_likely"}, epsilons=[0.5])
    wanted = least.clean.argmin(dim=1)
    chance = least.logits[:, 0, 0].softmax(dim=1).gather(1, wanted[:, None])
    assert (least.logits[:, 0, -1].softmax(dim=1).gather(1, wanted[:, None]) > chance).all()


def test_the_margin_is_to_the_best_of_the_others() -> None:
    logits = torch.tensor([[2.0, 5.0, -1.0, 4.0], [2.0, 5.0, -1.0, 4.0]])
    assert margin(logits, torch.tensor([1, 0])).tolist() == [1.0, -3.0]
    ratio = difference_of_logits_ratio(logits, torch.tensor([1, 0]))
    assert ratio.tolist() == pytest.approx([1 / 3, -1.0])


# --- a network that is not sound ------------------------------------------------------------------


def test_a_gradient_that_is_not_finite_is_counted_and_moves_nothing() -> None:
    class Root(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            total = images.flatten(1)
            return torch.stack([total[:, :32].sqrt().sum(1) + 3, total[:, 32:].sum(1) * 0], dim=1)

    images = pictures()
    images[0, 0, :2] = 0  # the root's slope is infinite there
    settings = {"gradient_of": "logit", "step": "sign", "alpha": 0.01}
    whole = found(settings, Root().eval(), images=images, shortcuts=())
    assert whole.bad_gradient[0] == pytest.approx(16 / 64)
    assert whole.logits.isfinite().all()


class Given(nn.Module):
    def __init__(self, answer: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, images: Tensor) -> Tensor:
        return self.answer(images)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x.sum(dim=(1, 2, 3))[:, None], "one logit for each of two or more classes"),
        (lambda x: x.sum(dim=(1, 2, 3)), "outputs of shape"),
        (lambda x: NETWORK(x) * torch.nan, "NaN or infinity for 9 of 9 clean images"),
        (lambda x: NETWORK(x).softmax(dim=1), "probabilities"),
        (lambda x: torch.where(x.amax() > 2, torch.nan, NETWORK(x)), None),
    ],
    ids=["one output", "no classes", "nan", "softmax", "sound"],
)
def test_outputs_that_are_no_logits_are_refused(
    answer: Callable[[Tensor], Tensor], message: str | None
) -> None:
    true = NETWORK(pictures()).argmax(dim=1)
    if message is None:
        found({"lr": 1.0}, Given(answer).eval(), true=true)
        return
    with pytest.raises(UserError, match=message):
        found({"lr": 1.0}, Given(answer).eval(), true=true)


def test_a_network_that_breaks_under_attack_is_no_success() -> None:
    true = NETWORK(pictures()).argmax(dim=1)
    first = pictures()

    def answer(x: Tensor) -> Tensor:
        same = torch.isin(x.flatten(1)[:, 0], first.flatten(1)[:, 0])
        return torch.where(same[:, None], NETWORK(x), torch.nan)

    with pytest.raises(UserError, match="NaN or infinity for attacked images"):
        found({"step": "sign", "alpha": 0.01}, Given(answer).eval(), true=true)


@pytest.mark.parametrize(
    ("doses", "message"),
    [
        ({"epsilons": [0.0, 0.1]}, "amplitudes above 0"),
        ({"epsilons": [-0.1]}, "amplitudes above 0"),
        ({"epsilons": [0.1, 1.2]}, "at most 1"),
        ({"epsilons": [0.2, 0.1]}, "in rising order"),
        ({"epsilons": [0.1, 0.1]}, "without repeats"),
        ({"epsilons": [float("nan")]}, "amplitudes above 0"),
        ({"epsilons": []}, "amplitudes above 0"),
        ({"max_iter": 0}, "max_iter: 0; give at least 1"),
        ({"images": pictures() * 255, "true": torch.zeros(9).long()}, r"lie in \[0, 1\]"),
        ({"images": pictures() - 0.3, "true": torch.zeros(9).long()}, r"lie in \[0, 1\]"),
        ({"images": pictures() * torch.nan, "true": torch.zeros(9).long()}, r"lie in \[0, 1\]"),
    ],
    ids=str,
)
def test_doses_and_images_that_make_no_sense_are_refused(
    doses: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        found({"lr": 1.0}, **doses)


@pytest.mark.parametrize(
    ("settings", "named", "message"),
    [
        ({"lr": 1.0}, {"true": torch.zeros(1).long()}, r"classes of shape \[1\] for 9 images"),
        ({"lr": 1.0}, {"true": torch.full((9,), 7)}, "classes from 7 to 7, but the network has 3"),
        ({"lr": 1.0}, {"images": pictures().bfloat16()}, "float32 or float64"),
        ({"lr": 1.0, "target": 5}, {}, "target: 5, but the network has 3 classes"),
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_are_refused(
    settings: dict[str, Any], named: dict[str, Any], message: str
) -> None:
    true = NETWORK(pictures()).argmax(dim=1)
    with pytest.raises(UserError, match=message):
        found(settings, **({"true": true} | named))


def test_dlr_wants_three_classes() -> None:
    with pytest.raises(UserError, match="dlr compares three classes, but the network has 2"):
        found({"lr": 1.0, "gradient_of": "dlr"}, network(classes=2))


def test_a_layer_in_training_mode_is_refused() -> None:
    body = nn.Sequential(NETWORK, nn.Dropout(0.5)).eval()
    body[1].train()
    with pytest.raises(ValueError, match="evaluation mode"):
        found({"lr": 1.0}, body)


def test_an_l2_ball_may_be_wider_than_1() -> None:
    assert found({"lr": 1.0, "clip": "l2"}, epsilons=[0.5, 2.0]).change.max() > 0


# --- long jobs ------------------------------------------------------------------------------------


class Hungry(nn.Module):
    """Has memory for so many images at a time."""

    def __init__(self, most: int, message: str) -> None:
        super().__init__()
        self.most, self.message, self.asked = most, message, []
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        self.asked.append(len(images))
        if len(images) > self.most:
            raise RuntimeError(self.message)
        logits: Tensor = NETWORK(images)
        return logits


OUT = "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried"


def test_a_batch_that_is_too_large_is_halved() -> None:
    body = Hungry(2, OUT)
    small = found({"lr": 1.0}, body, batch=8, true=NETWORK(pictures()).argmax(dim=1))
    alike(found({"lr": 1.0}), small, 1e-8)
    assert small.batch == 2 and body.asked[:3] == [8, 4, 2]


def test_an_image_that_does_not_fit_at_all_is_an_error() -> None:
    with pytest.raises(UserError, match="a single image"):
        found({"lr": 1.0}, Hungry(0, OUT), true=torch.zeros(9).long())


def test_another_error_is_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="shape mismatch"):
        found({"lr": 1.0}, Hungry(0, "shape mismatch"), true=torch.zeros(9).long())


@pytest.mark.parametrize("finished", [0, 1, 2, 3])
def test_a_killed_run_goes_on_to_an_equal_result(finished: int) -> None:
    """The same batches: bit for bit."""
    settings = {"step": "sign", "alpha": 0.02, "start": "random", "restarts": 2}
    kept: list[Part] = []
    whole = found(settings, batch=4, keep=kept.append)
    assert [len(part["logits"]) for part in kept] == [4, 4, 1]
    later: list[Part] = []
    again = found(settings, batch=4, finished=kept[:finished], keep=later.append)
    alike(whole, again, 0)
    assert len(later) == 3 - finished
    assert (again.steps, again.batch) == (whole.steps, whole.batch) == (whole.steps, 4)


def test_a_halved_batch_stays_halved_after_a_kill() -> None:
    kept: list[Part] = []
    true = NETWORK(pictures()).argmax(dim=1)
    found({"lr": 1.0}, Hungry(4, OUT), batch=8, keep=kept.append, true=true)
    later: list[Part] = []
    found({"lr": 1.0}, Hungry(9, OUT), batch=8, finished=kept[:1], keep=later.append, true=true)
    assert [len(part["logits"]) for part in later] == [4, 1]


def test_progress_tells_images_and_steps() -> None:
    told: list[tuple[int, ...]] = []
    found({"lr": 1e-4}, batch=6, progress=lambda *values: told.append(values))
    assert told == [(6, 9, 6 * ITERATIONS), (9, 9, 9 * ITERATIONS)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("settings", [COMBINED[0], COMBINED[12], *OTHERS], ids=named)
def test_a_gpu_s_surface_is_the_cpu_s(settings: dict[str, Any]) -> None:
    images = pictures(40)
    true = NETWORK(images).argmax(dim=1)
    try:
        there = found(settings, NETWORK.cuda(), images=images.cuda(), true=true.cuda())
    finally:
        NETWORK.cpu()
    here = found(settings, images=images, true=true)
    assert torch.equal(there.attacked, here.attacked)
    flips = [s.logits.argmax(dim=-1) != true[s.attacked][:, None, None] for s in (there, here)]
    assert (flips[0] != flips[1]).float().mean() <= 0.005
