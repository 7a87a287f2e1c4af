"""The checks of an attack: a plain network passes all, and each is broken on purpose."""

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from helpers import toy_clip
from helpers.attack import attack, measure
from torch import Tensor, nn

from pgdose.attack import libraries
from pgdose.attack.diagnostics import expensive, known_positives
from pgdose.attack.diagnostics.cheap import CHEAP
from pgdose.attack.diagnostics.expensive import EXPENSIVE
from pgdose.attack.diagnostics.inputs import CheckInputs, CheckResult, NotApplicable
from pgdose.attack.diagnostics.run import diagnose
from pgdose.attack.noise import Noise
from pgdose.attack.projections import CLIPS
from pgdose.attack.steps import Attack
from pgdose.networks.classifier import Classifier, Preprocessing
from pgdose.networks.combined import DefendedClassifier
from pgdose.networks.input_defences import make
from pgdose.study.defended_networks import InputDefence
from pgdose.study.doses import Doses
from pgdose.study.networks import Input

EPSILONS = [0.01, 0.02, 0.05, 0.1]
ITERATIONS = 20
SIGN = {
    "kind": "gradient",
    "gradient_of": "cross_entropy",
    "step": "sign",
    "clip": "iterate",
    "alpha": 0.01,
}
NOISE = {"kind": "noise"}
OF_NOISE = {"noise keeps the classes apart"}  # the check that is for noise alone


pytestmark = pytest.mark.usefixtures("one_thread")


def pictures(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """12 x 12 noise of which the upper, middle or lower third is brighter; the class says which."""
    source = torch.Generator().manual_seed(seed)
    classes = torch.arange(n) % 3
    images = 0.3 + 0.3 * torch.rand(n, 1, 12, 12, generator=source)
    bright = torch.arange(12)[:, None] // 4 == classes[:, None, None, None]
    return images + 0.12 * bright, classes


@cache
def plain() -> nn.Module:
    """A network that learned to tell them apart."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 3),
    )
    images, classes = pictures(240, 0)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), classes).backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


class Stated(nn.Module):
    """A network that gives these logits, whatever the images are."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.logits[: len(images)]


class Changed(nn.Module):
    """A network whose outputs are something else of its logits."""

    def __init__(self, network: nn.Module, change: Any) -> None:
        super().__init__()
        self.network, self.change = network, change
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.change(self.network(images))
        return found


def inputs(
    network: nn.Module | None = None,
    settings: dict[str, Any] | Attack = SIGN,
    *,
    epsilons: list[float] = EPSILONS,
    max_iter: int = ITERATIONS,
    images: int = 24,
) -> CheckInputs:
    network = plain() if network is None else network
    how = settings if isinstance(settings, Attack) else attack(settings)
    pixels, classes = pictures(images, 1)
    keys = torch.arange(100, 100 + images)
    found = measure(
        *(network, pixels, classes, how),
        epsilons=epsilons,
        max_iter=max_iter,
        keys=keys,
    )
    own = found.attacked.nonzero()[:, 0]
    return CheckInputs(
        network=network,
        attack=how,
        precision="fp32",
        doses=Doses(tuple(epsilons), max_iter),
        level=len(epsilons) - 1,
        classes=classes[own],
        logits=found.logits,
        change=found.change,
        zero_gradient=found.zero_gradient,
        bad_gradient=found.bad_gradient,
        rows=torch.arange(min(len(own), 8)),
        images=pixels[own][:8],
        keys=keys[own][:8],
        clean=found.clean[own],
        expensive=8,
        queries=100,
        positives=8,
    )


@cache
def sound() -> CheckInputs:
    return inputs()


def verdicts(e: CheckInputs) -> dict[str, str]:
    found = diagnose(e)
    json.dumps(found, allow_nan=False)
    assert all(check["says"].endswith(".") for check in found)
    return {check["check"]: check["verdict"] for check in found}


def of(verdict: str, e: CheckInputs) -> set[str]:
    return {name for name, own in verdicts(e).items() if own == verdict}


def sentence(e: CheckInputs, name: str) -> str:
    (says,) = [
        check["says"] for check in diagnose(replace(e, expensive=0)) if check["check"] == name
    ]
    return str(says)


def failed(e: CheckInputs) -> set[str]:
    return of("failed", e)


def never_wrong(e: CheckInputs) -> CheckInputs:
    """As if the attack had not succeeded anywhere."""
    clean = e.logits[:, :, :1].expand_as(e.logits)
    return replace(e, logits=clean)


# --- networks -------------------------------------------------------------------------------------


def test_a_plain_network_passes_all() -> None:
    found = verdicts(sound())
    assert set(found) == {*CHEAP, *EXPENSIVE}
    assert of("not done", sound()) == OF_NOISE
    assert of("passed", sound()) == set(found) - OF_NOISE
    assert sound().flips[:, -1, -1].all() and not sound().flips[:, :, 0].any()


@pytest.mark.parametrize(
    "settings",
    [
        {**SIGN, "gradient_of": "margin"},
        {**SIGN, "target": "least_likely"},
        {**SIGN, "step": None, "alpha": None, "schedule": "apgd", "start": "random"},
        {**SIGN, "step": "l2", "clip": "l2", "alpha": 0.2, "start": "random", "restarts": 2},
    ],
    ids=["margin", "least_likely", "apgd", "l2"],
)
def test_other_sound_attacks_pass(settings: dict[str, Any]) -> None:
    epsilons = [0.2, 0.5, 1.0] if settings["clip"] == "l2" else EPSILONS
    assert failed(inputs(settings=settings, epsilons=epsilons)) == set()


def saturating(logits: Tensor) -> Tensor:
    return 30 * torch.tanh(1000 * (logits - logits.mean(dim=1, keepdim=True)))


def clamped(logits: Tensor) -> Tensor:
    return (1000 * (logits - logits.mean(dim=1, keepdim=True))).clamp(-5, 5)


@pytest.mark.parametrize(
    "mask", [lambda logits: logits * 1000, saturating, clamped], ids=["x1000", "tanh", "clamp"]
)
def test_a_network_that_masks_its_gradients_is_told(mask: Any) -> None:
    e = inputs(Changed(plain(), mask))
    assert len(e.classes) > 16 and not e.flips[:, :, -1].all()
    expected = {"gradients", "loss rises", "large epsilon reaches chance", "stronger than Square"}
    assert failed(e) >= expected


def test_a_step_that_starves_is_told() -> None:
    """The raw step goes by p (1 - p), and these images are seen with confidence."""
    raw = {"kind": "gradient", "gradient_of": "probability", "step": "raw", "lr": 0.01}
    assert failed(inputs(settings=raw)) >= {
        "large epsilon reaches chance",
        "stronger than Square",
    }


# --- each check, broken ---------------------------------------------------------------------------


def test_a_network_that_draws_does_not_repeat() -> None:
    noisy = Changed(plain(), lambda logits: nn.functional.dropout(logits, 0.5, training=True))
    assert "repeatable" in failed(replace(sound(), network=noisy, expensive=0))


def test_a_layer_in_training_mode_is_told_even_if_it_changes_nothing() -> None:
    network = nn.Sequential(plain(), nn.Dropout(0.0)).eval()
    assert verdicts(replace(sound(), network=network, expensive=0))["repeatable"] == "passed"
    network[1].train()
    assert failed(replace(sound(), network=network, expensive=0)) == {"repeatable"}


def test_probabilities_are_no_logits() -> None:
    e = sound()
    probabilities = replace(
        e,
        network=Changed(plain(), lambda logits: logits.softmax(dim=1)),
        logits=e.logits.softmax(dim=3),
        clean=e.clean.softmax(dim=1),
        expensive=0,
    )
    assert "outputs are logits" in failed(probabilities)


@pytest.mark.parametrize("change", [lambda x: x * 255, lambda x: x - 0.5, torch.ones_like])
def test_images_out_of_range_are_told(change: Any) -> None:
    assert "inputs in range" in failed(replace(sound(), images=change(sound().images), expensive=0))


def test_a_surface_or_a_network_of_other_images_is_told() -> None:
    e = sound()
    other = replace(e, logits=e.logits.roll(1, dims=0), classes=e.classes.roll(1), expensive=0)
    assert failed(other) == {"clean prediction"}
    changed = Changed(plain(), lambda logits: logits + 0.5)
    assert failed(replace(e, network=changed, expensive=0)) == {"clean prediction"}
    assert failed(replace(e, clean=e.clean.roll(1, dims=0), expensive=0)) == {"clean prediction"}
    assert failed(replace(e, clean=e.clean + 1e-3, expensive=0)) == set()
    unseen = next(i for i in range(len(e.clean)) if i not in e.rows.tolist())
    one = e.clean.clone()
    one[unseen] += 0.5  # of an image that is not shown to the network again
    assert failed(replace(e, clean=one, expensive=0)) == {"clean prediction"}


def test_a_change_beyond_epsilon_is_told() -> None:
    change = sound().change.clone()
    change[3, 0] += 1e-4
    assert failed(replace(sound(), change=change, expensive=0)) == {"box kept"}


def test_zero_gradients_are_told_by_confidence() -> None:
    """Few images, but all of their bin."""
    logits = sound().logits.clone()
    logits[:2, :, 0] = torch.tensor([0.5, 0.0, 0.0])  # confidence 0.45
    zero = torch.zeros(24)
    zero[:2] = 0.9
    clean = logits[:, 0, 0]
    e = replace(
        *(sound(),),
        **{"network": Stated(clean[sound().rows]), "logits": logits, "clean": clean},
        **{"zero_gradient": zero, "expensive": 0},
    )
    assert failed(e) >= {"gradients"}
    (told,) = [check for check in diagnose(e) if check["check"] == "gradients"]
    assert told["figure"] == pytest.approx(0.9)
    assert [(b["confidence_from"], b["images"]) for b in told["details"]["bins"]] == [
        (0.0, 2),
        (0.95, 22),
    ]
    assert "gradients" not in failed(replace(e, zero_gradient=zero / 9))


def test_a_gradient_that_is_not_finite_is_told() -> None:
    bad = torch.zeros(24)
    bad[5] = 0.01
    assert failed(replace(sound(), bad_gradient=bad, expensive=0)) == {"gradients"}


def test_a_loss_that_falls_is_told() -> None:
    e = sound()
    back = replace(e, logits=e.logits.flip(2), clean=e.logits[:, 0, -1], expensive=0)
    assert "loss rises" in failed(back)
    halfway = e.logits.clone()
    halfway[:, :, 15] = halfway[:, :, 0]
    assert failed(replace(e, logits=halfway, expensive=0)) == {"loss rises"}


def test_a_loss_that_still_rises_at_the_end_is_told() -> None:
    """The probability of the true class falls from 0.9 to 0.5 by the same amount at each step."""
    e = sound()
    own = torch.linspace(0.9, 0.5, ITERATIONS + 1)[None, :, None]
    shares = torch.nn.functional.one_hot(e.classes, 3)[:, None] * (1.5 * own - 0.5)
    steady = (shares + (1 - own) / 2).log()[:, None].repeat(1, 4, 1, 1)
    clean = steady[:, 0, 0]
    even = replace(e, network=Stated(clean[e.rows]), logits=steady, clean=clean, expensive=0)
    assert failed(even) == {"loss levels off"}
    ended = steady.clone()  # at all epsilons but the smallest every step but the first is the last
    ended[:, 1:, 1:] = steady[:, 1:, -1:]
    assert failed(replace(even, logits=ended)) == {"loss levels off"}
    assert "at epsilon = 0.01," in sentence(replace(even, logits=ended), "loss levels off")


def test_where_every_image_flips_the_loss_is_not_judged() -> None:
    e = sound()
    backwards = e.logits.clone()
    backwards[:, -1] = backwards[:, -1].flip(1)  # flipped first, right at the end
    backwards[:, -1, -1] = e.logits[:, -1, -1]  # but for the last iteration
    judged = sentence(replace(e, logits=backwards), "loss rises")
    flipped = e.flips[:, :, -1].all(dim=0)
    assert flipped[-1] and not flipped[0]
    count = int(flipped.sum())
    assert f"; skipped at {count} of 4 epsilons, where every image flips." in judged
    everywhere = e.logits[:, -1:].expand_as(e.logits)
    for check in ("loss rises", "loss levels off"):
        says = sentence(replace(e, logits=everywhere), check)
        assert says == "Skipped: every image is flipped at each epsilon."


def test_success_that_is_lost_at_a_larger_epsilon_is_told() -> None:
    e = sound()
    order = [3, 0, 1, 2]
    assert failed(replace(e, logits=e.logits[:, order], expensive=0)) >= {"monotone in epsilon"}


def test_success_that_is_lost_on_the_way_is_told() -> None:
    e = sound()
    logits = e.logits.clone()
    logits[:, :-1, 10] = logits[:, -1:, -1]
    assert failed(replace(e, logits=logits, expensive=0)) == {"no silent success", "loss rises"}


def test_one_dose_is_enough_to_be_told() -> None:
    """Two of 24 images at one of many epsilons, which the mean over all would hide."""
    e = inputs(epsilons=[0.04 + 0.001 * i for i in range(60)])
    assert failed(replace(e, expensive=0)) == set()
    logits = e.logits.clone()
    logits[:2, 50, -1] = logits[:2, 50, 0]
    lost = replace(e, logits=logits, expensive=0)
    assert e.flips[:2, 49:52, -1].all()
    assert failed(lost) >= {"monotone in epsilon", "no silent success"}
    assert "from epsilon 0.089 to 0.09, 8.3%" in sentence(lost, "monotone in epsilon")
    assert "at epsilon = 0.09, 8.3%" in sentence(lost, "no silent success")


def test_a_dose_that_was_never_reached_is_told() -> None:
    short = inputs(settings={**SIGN, "alpha": 0.001})
    assert "dose reached" in failed(short)
    says = sentence(short, "dose reached")
    assert says.startswith("Epsilons 0.05, 0.1 are never reached, largest change 0.02: ")
    literal = {"kind": "gradient", "step": "raw", "clip": "gradient", "lr": 0.01}
    cut = inputs(settings=literal, epsilons=[1e-6, 1e-5, 0.5, 0.9])
    assert sentence(cut, "dose reached").startswith("Epsilon 0.9 is no dose: every image")
    assert "dose reached" in of("not done", replace(sound(), attack=None))


def test_what_rounding_explains_is_within_tolerance_and_more_is_told() -> None:
    def shaken(size: float) -> CheckInputs:
        return replace(sound(), network=Changed(plain(), lambda x: x + size * torch.rand_like(x)))

    assert "repeatable" not in failed(replace(shaken(1e-6), expensive=0))
    assert "what sums in another order differ by" in sentence(shaken(1e-6), "repeatable")
    assert "repeatable" in failed(replace(shaken(1e-3), expensive=0))
    assert "differ by at most 0 (allowed" in sentence(sound(), "repeatable")


def test_noise_that_makes_one_class_of_all_is_told() -> None:
    e = inputs(settings=NOISE)
    assert verdicts(e)["noise keeps the classes apart"] == "passed"
    logits = e.logits.clone()
    logits[:, 2, -1] = torch.tensor([0.0, 1.0, 0.0])
    says = sentence(replace(e, logits=logits), "noise keeps the classes apart")
    assert "noise keeps the classes apart" in failed(replace(e, logits=logits))
    assert "at epsilon = 0.05, noise has 100.0% of the images predicted as one class" in says
    alike = replace(e, classes=e.classes * 0, logits=torch.zeros_like(e.logits))
    assert "noise keeps the classes apart" in of("not done", alike)


# --- a known positive -----------------------------------------------------------------------------


def planted(e: CheckInputs) -> CheckResult:
    return known_positives.known_positive(e)


def without_gradient(logits: Tensor) -> Tensor:
    return logits.detach() + 0 * logits


@pytest.mark.parametrize(
    "settings",
    [
        SIGN,
        {**SIGN, "alpha": {"of_epsilon": 0.1}},
        {**SIGN, "gradient_of": "margin", "step": "raw", "alpha": None, "lr": 0.01},
        {**SIGN, "step": None, "alpha": None, "schedule": "apgd", "start": "random"},
        {**SIGN, "step": "l2", "clip": "l2", "alpha": 0.1},
        {**SIGN, "start": "random", "restarts": 2},
    ],
    ids=str,
)
def test_a_sound_attack_finds_what_was_planted(settings: dict[str, Any]) -> None:
    for epsilons in ([0.002, 0.01], EPSILONS):  # where it hardly flips any, and all
        told = planted(inputs(settings=settings, epsilons=epsilons))
        assert told.passed and told.figure == 0, told.says
        assert told.details == {"rigid": 0, "planted": 8}


@pytest.mark.parametrize(
    "settings",
    [
        {**SIGN, "alpha": 1e-6},
        {**SIGN, "gradient_of": "probability", "step": "raw", "alpha": None, "lr": 1e-6},
    ],
    ids=["short steps", "small rate"],
)
def test_steps_that_are_too_short_miss_it(settings: dict[str, Any]) -> None:
    told = planted(inputs(settings=settings))
    assert not told.passed and told.figure > 0.5


def test_an_attack_in_the_wrong_direction_misses_it() -> None:
    wrong = attack(SIGN)
    upwards = replace(wrong, objective=lambda logits, classes: -wrong.objective(logits, classes))  # type: ignore[misc]
    assert not planted(inputs(settings=upwards)).passed


@pytest.mark.parametrize(
    "mask", [without_gradient, lambda x: x * 1000, saturating, clamped], ids=lambda f: f.__name__
)
def test_masked_gradients_miss_it(mask: Any) -> None:
    e = inputs(Changed(plain(), mask))
    told = planted(e)
    assert not told.passed, told.says
    if mask in (saturating, clamped):  # to noise they seem robust: nothing moves their outputs
        assert told.details and told.details["rigid"] > 0 and "do not respond" in told.says


def test_what_is_planted_is_wrong_at_the_edge_alone() -> None:
    e = inputs()
    rows = torch.arange(8)
    what = known_positives.plant(e, e.samples)
    network = known_positives.Shifted(e.network, what.bias)
    assert (network(e.images).argmax(dim=1) == e.classes[rows]).all()
    wrong = torch.zeros(8, dtype=torch.bool)
    for draw in range(known_positives.DRAWS):
        drawn = [torch.manual_seed(draw), torch.rand_like(e.images)][1] * 2 - 1
        inside = e.clip.project(e.images + 0.3 * e.epsilon * drawn, e.images, e.epsilon)
        assert (network(inside).argmax(dim=1) == e.classes[rows]).float().mean() > 0.8
        logits = known_positives._drawn(e, e.samples, draw, False)
        wrong |= (logits + what.bias).argmax(dim=1) != e.classes[rows]
    assert wrong.all() and what.planted.all() and not what.rigid.any()
    assert (what.bias >= 0).all() and (what.bias > 0).any()  # of the other class: never surer
    far = inputs(epsilons=[0.9])
    at_once = known_positives.plant(far, far.samples)  # corners that are wrong by themselves
    assert not at_once.bias.all(dim=1).any() and (at_once.bias >= 0).all()
    assert (at_once.bias == 0).all(dim=1).any()
    with pytest.raises(ValueError, match="3 images, but a bias for 8"):
        network(e.images[:3])


def test_what_is_planted_is_shared_by_the_attacks_on_a_network() -> None:
    e = inputs()
    planted(e)
    planted(replace(e, attack=attack({**SIGN, "gradient_of": "margin"})))
    assert len(e.planted) == 1


def test_nothing_is_planted_for_attacks_without_a_box_of_their_own_or_if_left_out() -> None:
    literal = {"kind": "gradient", "step": "raw", "clip": "gradient", "lr": 5.0}
    others = [
        inputs(settings=literal),
        inputs(settings=NOISE),
        inputs(settings={**SIGN, "target": "least_likely"}),
        replace(sound(), attack=None),
        replace(sound(), positives=0),
    ]
    for e in others:
        with pytest.raises(NotApplicable):
            planted(e)


def test_an_attack_that_others_beat_is_told() -> None:
    """Noise of half the range flips some, Square and the attack itself all."""
    weak = never_wrong(inputs(epsilons=[0.5]))
    assert failed(weak) >= {
        "stronger than noise",
        "stronger than Square",
        "enough iterations",
        "enough restarts",
    }
    figures = {check["check"]: check["figure"] for check in diagnose(weak)}
    assert 0 < figures["stronger than noise"] < 1 == figures["stronger than Square"]


@pytest.mark.parametrize(
    ("settings", "epsilon", "noise", "long", "reach"),
    [
        (SIGN, 0.1, 0.1, 2.5 / ITERATIONS, 1.0),
        ({**SIGN, "step": "l2", "clip": "l2"}, 1.0, (3 / 144) ** 0.5, 30 / ITERATIONS, 12.0),
        ({**SIGN, "step": "l2"}, 0.1, 0.1, 30 / ITERATIONS, 1.0),
    ],
    ids=["sign", "l2", "l2 steps in a box"],
)
def test_what_the_expensive_checks_run(
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    epsilon: float,
    noise: float,
    long: float,
    reach: float,
) -> None:
    """Of 144 pixels: the diagonal of their cube is 12, noise of 1 has the length 12 / 3**0.5."""
    runs: list[tuple[Attack, Doses]] = []

    def no_success(e: CheckInputs, attack: Attack, doses: Doses) -> Tensor:
        runs.append((attack, doses))
        return torch.zeros(8, dtype=torch.bool)

    monkeypatch.setattr(expensive, "flips_with", no_success)
    own = attack(settings)
    doses = Doses((0.01, 0.02, 0.05, epsilon), ITERATIONS)
    e = replace(sound(), attack=own, doses=doses)
    assert failed(e) >= {"enough iterations"}
    assert [run[0] for run in runs] == [
        Noise(),
        replace(own, rate=pytest.approx(long)),
        own,
        replace(own, start="random", restarts=1),
    ]
    assert [(*run[1].epsilons, run[1].max_iter) for run in runs] == [
        (pytest.approx(noise), 1),
        (pytest.approx(reach), ITERATIONS),
        (epsilon, 2 * ITERATIONS),
        (epsilon, ITERATIONS),
    ]
    # Boxes are nested: what the surface has flipped is flipped at a larger epsilon.
    assert "large epsilon reaches chance" not in failed(e)
    assert "large epsilon reaches chance" in failed(never_wrong(e))


def test_another_clip_is_checked_by_its_own_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epsilon is a sum of changes; of 144 pixels that of noise of amplitude a is 72 a."""
    monkeypatch.setitem(CLIPS, "sum", toy_clip.SUM)
    how = toy_clip.attack({"gradient_of": "cross_entropy", "step": "l2", "alpha": 0.3})
    e = inputs(settings=how, epsilons=[2.0, 6.0, 14.4])
    assert failed(e) == set()
    assert of("not done", e) == {"stronger than Square"} | OF_NOISE
    too_far = replace(e, change=e.change + 1e-3, expensive=0)
    assert failed(too_far) == {"box kept"}
    runs: list[Doses] = []

    def no_success(e: CheckInputs, attack: Attack, doses: Doses) -> Tensor:
        assert isinstance(attack, Noise) or attack.clip == toy_clip.SUM
        runs.append(doses)
        return torch.zeros(8, dtype=torch.bool)

    monkeypatch.setattr(expensive, "flips_with", no_success)
    diagnose(e)
    assert [doses.epsilons[0] for doses in runs] == pytest.approx([0.2, 144, 14.4, 14.4])


def test_where_nobody_succeeds_nobody_is_beaten() -> None:
    e = replace(sound(), level=0)
    assert not e.flipped.any()
    assert failed(e) == set()


def test_too_few_iterations_are_told() -> None:
    short = inputs(settings={**SIGN, "alpha": 0.015}, max_iter=2)
    assert not short.flipped.any()
    assert "enough iterations" in failed(short)


def test_a_start_that_hides_the_way_is_told() -> None:
    """A network that is flat just where the images are: only another start leads away."""
    clean = pictures(24, 1)[0]

    class Pit(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            here = ((images[:, None] - clean[None]).abs().amax(dim=(2, 3, 4)) < 1e-6).any(dim=1)
            out: Tensor = plain()(torch.where(here[:, None, None, None], images.detach(), images))
            return out

    assert failed(inputs(Pit().eval())) >= {"enough restarts", "gradients"}


# --- what does not apply --------------------------------------------------------------------------


def test_noise_is_not_asked_what_only_attacks_can_do() -> None:
    found = verdicts(inputs(settings=NOISE))
    passed = {"repeatable", "outputs are logits", "inputs in range", "clean prediction", "box kept"}
    passed |= {"dose reached"} | OF_NOISE
    assert {name for name, verdict in found.items() if verdict == "passed"} == passed
    assert set(found.values()) == {"passed", "not done"}


def test_the_expensive_checks_can_be_left_out() -> None:
    assert of("not done", replace(sound(), expensive=0)) == set(EXPENSIVE) | OF_NOISE


def test_a_literal_clip_has_no_box() -> None:
    literal = {"kind": "gradient", "step": "raw", "clip": "gradient", "lr": 5.0}
    unbound = {"box kept", "stronger than noise", "enough restarts", "stronger than Square"}
    unbound |= {"finds a planted image"} | OF_NOISE
    assert of("not done", inputs(settings=literal)) == unbound


def test_without_the_library_square_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "available", lambda library: False)
    assert of("not done", sound()) == {"stronger than Square"} | OF_NOISE


def test_another_library_s_attack_is_judged_by_what_it_gives() -> None:
    e = sound()
    logits, nothing = e.logits.clone(), torch.full((24,), torch.nan)
    logits[:, :, 1:-1] = torch.nan
    other = replace(e, attack=None, logits=logits, zero_gradient=nothing, bad_gradient=nothing)
    assert failed(other) == set()
    assert of("not done", other) == {
        *("gradients", "loss levels off", "dose reached"),
        *OF_NOISE,
        *EXPENSIVE,
    }
    assert failed(replace(never_wrong(other), expensive=0)) == {"loss rises"}


def test_one_epsilon_has_no_neighbour_and_one_step_no_end() -> None:
    once = inputs(settings={**SIGN, "alpha": 0.1}, epsilons=[0.1], max_iter=1)
    assert of("not done", once) >= {"monotone in epsilon"}
    assert verdicts(once)["loss levels off"] == "not done"


def test_where_nothing_was_attacked_nothing_is_judged() -> None:
    e = sound()
    names = ("classes", "logits", "change", "zero_gradient", "bad_gradient", "clean")
    names += ("rows", "images", "keys")
    empty = replace(e, **{name: getattr(e, name)[:0] for name in names})
    assert set(verdicts(empty).values()) == {"not done"}


# --- networks behind defences -----------------------------------------------------------------

JPEG, BITS = {"jpeg": {"quality": 75}}, {"bit_depth": {"bits": 4}}
QUALITIES = {"jpeg": {"quality": [50, 90], "draws": 3}}
SMOOTHING = {"smoothing": {"sigma": 0.05, "draws": 3}}


@cache
def defended(defence: str, gradient: str) -> dict[str, dict[str, Any]]:
    """The checks of an attack on the plain network behind a defence, by name."""
    inner = Classifier(plain(), Preprocessing.from_study(Input(channels=1))).frozen()
    made = make(InputDefence.model_validate_json(defence), gradient, 0)
    network = DefendedClassifier(inner, made).frozen()
    return {result["check"]: result for result in diagnose(inputs(network))}


@pytest.mark.parametrize("defence", [JPEG, BITS], ids=str)
def test_the_own_gradient_of_a_defence_that_rounds_is_flagged(defence: dict[str, Any]) -> None:
    checks = defended(json.dumps(defence), "autograd")
    failed = {name for name, result in checks.items() if result["verdict"] == "failed"}
    assert {"gradients", "loss rises", "dose reached", "finds a planted image"} <= failed
    assert checks["gradients"]["figure"] == 1


@pytest.mark.parametrize("defence", [JPEG, BITS, QUALITIES, SMOOTHING], ids=str)
def test_bpda_and_eot_are_not_taken_for_masked(defence: dict[str, Any]) -> None:
    checks = defended(json.dumps(defence), "bpda")
    assert {result["verdict"] for result in checks.values()} <= {"passed", "not done"}
    assert {"gradients", "loss rises", "finds a planted image"} <= {
        name for name, result in checks.items() if result["verdict"] == "passed"
    }
