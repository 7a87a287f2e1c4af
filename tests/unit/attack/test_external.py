"""Attacks of other libraries, run for real on a small float32 network."""

import importlib
import logging
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.attack import attack, measure
from torch import Tensor, nn

from pgdose.attack import external, libraries
from pgdose.attack.batching import Execution
from pgdose.attack.external import external_surface
from pgdose.attack.libraries import LibraryAttack, available
from pgdose.attack.samples import Samples
from pgdose.checkpoints import Checkpoints
from pgdose.errors import UserError
from pgdose.study.attacks import ExternalAttack
from pgdose.study.doses import Doses

EPSILONS = [0.02, 0.1]
ITERATIONS = 6
ALPHA = 0.01


pytestmark = pytest.mark.usefixtures("one_thread")


def pictures(n: int = 9, channels: int = 1) -> Tensor:
    """12 x 12, in [0, 1]; some pixels at either end; channels last, as jobs read them."""
    source = torch.Generator().manual_seed(1)
    images = torch.rand(n, channels, 12, 12, generator=source) * 1.2 - 0.1
    return images.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def network(channels: int = 1) -> nn.Module:
    torch.manual_seed(3)
    body = nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1),
        nn.Tanh(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(6 * 25, 3),
    )
    with torch.no_grad():  # so that it sees all classes, and small changes flip some
        body[5].bias -= body(pictures(50, channels)).mean(dim=0)
    # As networks.fold leaves it.
    return body.eval().requires_grad_(False).to(memory_format=torch.channels_last)


GREY, COLOUR = network(), network(3)


def predicted(images: Tensor) -> Tensor:
    return (GREY if images.shape[1] == 1 else COLOUR)(images).argmax(dim=1)


def keys(n: int) -> Tensor:
    return torch.arange(100, 100 + n)


# The same sign step in the box, from the clean image, by the libraries' own words.
PGD: dict[str, dict[str, Any]] = {
    "art": {
        "name": "ProjectedGradientDescent",
        "arguments": {"eps_step": ALPHA},
        "iterations_as": "max_iter",
    },
    "foolbox": {
        "name": "LinfProjectedGradientDescentAttack",
        "arguments": {"abs_stepsize": ALPHA, "random_start": False},
        "iterations_as": "steps",
    },
    "torchattacks": {
        "name": "PGD",
        "arguments": {"alpha": ALPHA, "random_start": False},
        "iterations_as": "steps",
    },
}


def pgd(library: str, **more: Any) -> dict[str, Any]:
    return {"kind": "external", "library": library, "at": []} | PGD[library] | more


def random_pgd(library: str) -> dict[str, Any]:
    settings = pgd(library)
    start = {"num_random_init": 1} if library == "art" else {"random_start": True}
    return settings | {"arguments": settings["arguments"] | start}


SQUARE = {
    "library": "torchattacks",
    "name": "Square",
    "arguments": {"n_queries": 60},
    "iterations_as": None,
    "at": [],
}


def found(settings: dict[str, Any], images: Tensor | None = None, **named: Any) -> Any:
    images = pictures() if images is None else images
    one = GREY if images.shape[1] == 1 else COLOUR
    classes = named.pop("classes", predicted(images))
    return measured(one, images, classes, settings, **named)


def measured(
    one: nn.Module,
    images: Tensor,
    classes: Tensor,
    settings: dict[str, Any],
    epsilons: list[float] = EPSILONS,
    max_iter: int = ITERATIONS,
    **named: Any,
) -> Any:
    """The surface of another library's attack, by its settings in the study."""
    samples = Samples(images, classes, named.pop("keys", keys(len(images))))
    doses = Doses(tuple(epsilons), max_iter)
    entry = ExternalAttack(
        **{"kind": "external", **settings}, epsilon=list(epsilons), max_iter=max_iter
    )
    return external_surface(one, samples, entry, doses, Execution(**named))


def square(
    one: nn.Module, images: Tensor, true: Tensor, epsilon: float, queries: int, own: Tensor
) -> Tensor:
    return external.square(one, Samples(images, true, own), epsilon, queries)


def own(images: Tensor) -> Any:
    """The same attack by pgdose's engine."""
    step = {"kind": "gradient", "gradient_of": "cross_entropy", "step": "sign", "alpha": ALPHA}
    one = GREY if images.shape[1] == 1 else COLOUR
    known: Any = {"epsilons": EPSILONS, "max_iter": ITERATIONS, "keys": keys(len(images))}
    return measure(one, images, predicted(images), attack(step | {"clip": "iterate"}), **known)


LIBRARIES = pytest.mark.parametrize("library", sorted(PGD))


# --- the surface ------------------------------------------------------------------------------


@LIBRARIES
@pytest.mark.parametrize("channels", [1, 3])
def test_pgd_gives_the_surface_of_our_own(library: str, channels: int) -> None:
    """Which shows that the images lie in the box, of one channel too, and the logits are theirs."""
    images = pictures(channels=channels)
    theirs, ours = found(pgd(library, at=[2, 6]), images), own(images)
    assert torch.equal(theirs.clean, ours.clean) and theirs.attacked.all()
    for iteration in (0, 2, 6):
        here = theirs.logits[:, :, iteration]
        assert torch.allclose(here, ours.logits[:, :, iteration], rtol=0, atol=2e-3)
    assert torch.allclose(theirs.stored, ours.stored, rtol=0, atol=2e-3)
    assert (theirs.logits[:, :, 6].argmax(dim=2) != predicted(images)[:, None]).any()
    limits = torch.tensor(EPSILONS)
    assert (theirs.change <= limits + 1e-6).all()
    # The smaller box binds, and within the larger one every pixel may go 6 steps.
    assert torch.allclose(theirs.change, torch.tensor([0.02, 0.06]).expand(9, 2), atol=1e-6)


@LIBRARIES
def test_iterations_that_were_not_run_are_nan(library: str) -> None:
    theirs = found(pgd(library, at=[2, 6]))
    run = ~theirs.logits.isnan().all(dim=3)
    assert (run == torch.tensor([True, False, True, False, False, False, True])).all()
    assert not theirs.logits[:, :, [0, 2, 6]].isnan().any()
    last = found(pgd(library))
    assert last.logits[:, :, 1:6].isnan().all() and not last.logits[:, :, 6].isnan().any()
    assert theirs.zero_gradient.isnan().all() and theirs.bad_gradient.isnan().all()


def test_steps_are_what_the_library_was_asked_for() -> None:
    assert found(pgd("torchattacks", at=[2, 6])).steps == 9 * 2 * (2 + 6)
    assert found(pgd("torchattacks")).steps == 9 * 2 * 6
    assert found(SQUARE).steps == 0


@LIBRARIES
@pytest.mark.parametrize("batch", [1, 4])
def test_a_deterministic_attack_does_not_go_by_the_batch(library: str, batch: int) -> None:
    whole, parts = (found(pgd(library), batch=b) for b in (32, batch))
    for name in ("clean", "logits", "stored", "change"):
        one, other = getattr(whole, name), getattr(parts, name)
        assert torch.allclose(one, other, rtol=0, atol=2e-3, equal_nan=True), name


@LIBRARIES
def test_an_attack_that_draws_is_keyed(library: str) -> None:
    """By the images of its batch: not by what was drawn before, nor by the batch's number."""
    images, settings = pictures(8), random_pgd(library)
    torch.manual_seed(5)
    both = found(settings, images, batch=4)
    np.random.seed(6)
    random.seed(6)
    alone = found(settings, images[4:], batch=4, keys=keys(8)[4:])
    assert torch.equal(both.logits[4:].nan_to_num(), alone.logits.nan_to_num())
    other = found(settings, images[4:], batch=4, keys=keys(8)[4:] + 1)
    assert not torch.equal(alone.logits.nan_to_num(), other.logits.nan_to_num())


def test_images_that_are_wrong_are_not_attacked() -> None:
    images = pictures()
    true = predicted(images)
    true[[1, 4]] = (true[[1, 4]] + 1) % 3
    theirs = found(pgd("torchattacks"), classes=true)
    right = [0, 2, 3, 5, 6, 7, 8]
    assert theirs.attacked.tolist() == [i in right for i in range(9)]
    assert len(theirs.logits) == len(theirs.change) == 7
    alone = found(pgd("torchattacks"), images[right], keys=keys(9)[right])
    assert torch.allclose(theirs.stored, alone.stored, rtol=0, atol=2e-3)


@pytest.mark.parametrize("n", [0, 3])
def test_with_nothing_to_attack_the_surface_is_empty(n: int) -> None:
    images = pictures(n)
    kept: list[Any] = []
    theirs = found(
        pgd("torchattacks"), images, classes=(predicted(images) + 1) % 3, keep=kept.append
    )
    assert theirs.logits.shape == (0, 2, ITERATIONS + 1, 3) and theirs.stored.shape == (0, 2, 3)
    assert theirs.change.shape == (0, 2) and theirs.zero_gradient.shape == (0,)
    assert theirs.clean.shape == (n, 3) and not theirs.attacked.any() and not kept


def test_it_goes_on_from_the_parts_that_were_kept(tmp_path: Path) -> None:
    kept: list[Any] = []
    files = Checkpoints(tmp_path / "parts")
    told: list[tuple[int, int, int]] = []
    settings = random_pgd("torchattacks")

    def keep(part: Any) -> None:
        files.save(part)
        kept.append(part)

    whole = found(settings, batch=4, keep=keep)
    assert [len(part["logits"]) for part in kept] == [4, 4, 1]
    read = Checkpoints(tmp_path / "parts").load()
    rest: list[Any] = []
    again = found(
        *(settings,),
        **{"batch": 4, "finished": read[:1], "keep": rest.append},
        progress=lambda *numbers: told.append(numbers),
    )
    assert len(rest) == 2 and [n for n, *_ in told] == [8, 9]
    assert torch.equal(whole.logits.nan_to_num(), again.logits.nan_to_num())
    assert whole.steps == again.steps


@LIBRARIES
def test_what_is_less_than_half_a_level_is_not_stored(library: str) -> None:
    images = (pictures() * 255).round() / 255
    theirs = found(pgd(library), images, epsilons=[0.4 / 255, 0.1])
    assert torch.allclose(theirs.stored[:, 0], theirs.clean, rtol=0, atol=1e-6)
    assert not torch.allclose(theirs.logits[:, 0, 6], theirs.clean, rtol=0, atol=1e-3)


class Outwards(LibraryAttack):
    """An attack that keeps neither the box nor the range."""

    def images(self, network: nn.Module, samples: Samples, *rest: Any) -> Tensor:
        found = samples.images.clone()
        found[:, :, 0, 0] = 0.5
        found[0, :, 0, 0] = 1.25
        return found


def test_what_leaves_box_or_range_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "LibraryAttack", Outwards)
    images = pictures()
    images[:, :, 0, 0] = 1
    theirs = found(pgd("torchattacks"), images)
    assert theirs.change[0].tolist() == pytest.approx([1.25, 1.25])
    assert theirs.change[1].tolist() == pytest.approx([0.5, 0.5])


# --- what libraries leave behind --------------------------------------------------------------


def global_state() -> list[Any]:
    _, words, *place = np.random.get_state()  # type: ignore[misc]
    return [random.getstate(), list(words), place, torch.get_rng_state().tolist()]


@LIBRARIES
def test_global_random_states_are_left_alone(library: str) -> None:
    before = global_state()
    found(random_pgd(library))
    assert global_state() == before


@LIBRARIES
def test_the_network_and_the_images_are_left_as_they_were(library: str) -> None:
    images = pictures()
    kept, weights = images.clone(), {k: v.clone() for k, v in GREY.state_dict().items()}
    found(pgd(library), images)
    assert torch.equal(images, kept) and not images.requires_grad
    assert not any(module.training for module in GREY.modules())
    assert not any(p.requires_grad or p.grad is not None for p in GREY.parameters())
    assert not any(module._forward_hooks for module in GREY.modules())
    for name, value in GREY.state_dict().items():
        assert torch.equal(value, weights[name])


def test_a_library_that_meddles_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def meddle(kind: Any, arguments: Any, one: nn.Module, images: Tensor, *rest: Any) -> Tensor:
        one.train()
        one.requires_grad_(True)
        return images

    monkeypatch.setitem(libraries.RUNS, "torchattacks", meddle)
    found(pgd("torchattacks"))
    assert not any(module.training for module in GREY.modules())
    assert not any(p.requires_grad for p in GREY.parameters())


def test_art_does_not_close_the_files_that_others_log_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("art.attacks.evasion")
    for name in ("art", "art.attacks", "art.attacks.evasion"):  # so that its first lines run again
        monkeypatch.delitem(sys.modules, name)
    logger = logging.getLogger("somebody")
    handler = logging.FileHandler(tmp_path / "log", mode="w")
    logger.addHandler(handler)
    try:
        assert available("art") and "art" in sys.modules
        logger.warning("still here")
        assert not logging.getLogger("art.anything").isEnabledFor(logging.INFO)
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert "still here" in (tmp_path / "log").read_text()


# --- Square -----------------------------------------------------------------------------------


def test_square_flips_something_within_the_box() -> None:
    images = pictures(channels=3)
    true = predicted(images)
    adversarial = square(COLOUR, images, true, 0.15, 100, keys(9))
    assert adversarial.shape == images.shape and adversarial.dtype == images.dtype
    assert (adversarial - images).abs().max() <= 0.15 + 1e-6
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    assert (predicted(adversarial) != true).sum() >= 2
    again = square(COLOUR, images, true, 0.15, 100, keys(9))
    assert torch.equal(adversarial, again)
    assert not torch.equal(adversarial, square(COLOUR, images, true, 0.15, 100, keys(9) + 1))


def test_square_builds_no_graphs() -> None:
    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = GREY

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.body(images)
            assert not logits.requires_grad
            return logits

    images = pictures()
    square(Watched().eval(), images, predicted(images), 0.1, 10, keys(9))


def test_square_is_an_attack_like_any_other() -> None:
    images = pictures()
    theirs = found(SQUARE, images, epsilons=[0.15])
    assert theirs.logits[:, :, 1:6].isnan().all()
    flipped = theirs.logits[:, 0, 6].argmax(dim=1) != predicted(images)
    assert flipped.sum() >= 1
    alone = square(GREY, images, predicted(images), 0.15, 60, keys(9))
    assert torch.equal(flipped, predicted(alone) != predicted(images))


def test_square_of_art_runs_too() -> None:
    settings = {"library": "art", "name": "SquareAttack", "iterations_as": "max_iter"}
    theirs = found(settings | {"arguments": {"nb_restarts": 1}}, epsilons=[0.15], max_iter=40)
    assert (theirs.logits[:, 0, 40].argmax(dim=1) != theirs.clean.argmax(dim=1)).any()
    assert theirs.steps == 9 * 40


def test_attacks_that_take_tensors_for_contiguous_run() -> None:
    """Images and network have their channels last, and this attack flattens both by `view`."""
    settings = {"library": "torchattacks", "name": "PGDL2", "iterations_as": "steps"}
    theirs = found(settings | {"arguments": {"alpha": 0.2}}, pictures(channels=3), epsilons=[1.5])
    assert (theirs.logits[:, 0, 6].argmax(dim=1) != theirs.clean.argmax(dim=1)).any()


def test_libraries_are_told_what_they_would_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchattacks takes ten classes for granted, and ART draws bars on the screen."""
    given: list[dict[str, Any]] = []

    def note(kind: Any, arguments: Any, one: nn.Module, images: Tensor, *rest: Any) -> Tensor:
        given.append(arguments)
        return images

    monkeypatch.setitem(libraries.RUNS, "torchattacks", note)
    monkeypatch.setitem(libraries.RUNS, "art", note)
    found({"library": "torchattacks", "name": "APGDT"}, epsilons=[0.1])
    found({"library": "torchattacks", "name": "APGDT", "arguments": {"seed": 3}}, epsilons=[0.1])
    found(pgd("art"), epsilons=[0.1])
    assert given[0]["n_classes"] == 3 and given[0]["seed"] > 3 and given[1]["seed"] == 3
    assert given[2] == {"eps_step": ALPHA, "max_iter": 6, "batch_size": 9, "verbose": False}


# --- bad input --------------------------------------------------------------------------------


def refused(settings: dict[str, Any], **named: Any) -> str:
    with pytest.raises(UserError) as caught:
        found(settings, **named)
    return str(caught.value)


@LIBRARIES
def test_a_missing_library_is_told_with_what_to_install(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, module, _ = libraries.LIBRARIES[library]
    assert available(library)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not there
    assert not available(library)
    message = refused(pgd(library))
    assert package in message and "pgdose[peers]" in message


def test_an_unknown_attack_is_told_with_the_nearest() -> None:
    message = refused(pgd("torchattacks", name="pgdd"))
    assert "'pgdd' is not an attack of torchattacks, did you mean 'PGD'" in message
    assert "'SquareAttack'" in refused(pgd("art", name="Square"))
    assert "not an attack of foolbox" in refused(pgd("foolbox", name="Attack"))
    assert "not an attack of foolbox" in refused(pgd("foolbox", name="nothing_like_it"))


@LIBRARIES
def test_a_wrong_argument_is_told(library: str) -> None:
    settings = pgd(library)
    wrong = settings | {"arguments": settings["arguments"] | {"random_strat": True}}
    message = refused(wrong)
    assert f"of {library} has no argument 'random_strat'" in message and "use one of: " in message
    if library != "art":
        assert "did you mean 'random_start'?" in message
    message = refused(settings | {"iterations_as": "iteration"})
    assert message.startswith("iterations_as: ") and "has no argument 'iteration'" in message


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (pgd("torchattacks", arguments={"eps": 0.1}), "pgdose sets 'eps' itself"),
        (pgd("torchattacks", arguments={"steps": 4}), "pgdose sets 'steps' itself"),
        (pgd("torchattacks", name="DeepFool"), "DeepFool of torchattacks has no argument 'eps'"),
        (
            pgd("art", arguments={"targeted": True}),
            "'targeted' would make the true class the target",
        ),
        (
            pgd("art", arguments={"eps_step": -1.0}),
            "of art fails with these arguments on images of ",
        ),
        (
            pgd("foolbox", arguments={"abs_stepsize": "x"}),
            "of foolbox fails with these arguments on images of ",
        ),
        (pgd("torchattacks", name="APGDT", arguments={}), "3 classes (IndexError: "),
    ],
    ids=["eps", "steps", "no-eps", "targeted", "value", "type", "classes"],
)
def test_arguments_that_cannot_be_are_refused(settings: dict[str, Any], told: str) -> None:
    assert told in refused(settings)


def test_wrong_names_are_told_before_anything_is_attacked() -> None:
    images = pictures(2)
    classes = (predicted(images) + 1) % 3
    assert "not an attack" in refused(pgd("art", name="X"), images=images, classes=classes)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"epsilons": [0.1, 0.02]}, "rising"),
        ({"epsilons": [0.0]}, "above 0"),
        ({"max_iter": 0}, "at least 1"),
        ({"images": pictures() * 2, "classes": predicted(pictures())}, r"in [0, 1]"),
    ],
    ids=["order", "zero", "iterations", "range"],
)
def test_input_is_checked_as_the_engine_does(named: dict[str, Any], told: str) -> None:
    assert told in refused(pgd("torchattacks"), **named)


def test_images_with_nan_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(libraries.RUNS, "torchattacks", lambda *given: given[3] * torch.nan)
    assert "did not return finite images" in refused(pgd("torchattacks"))
    monkeypatch.setitem(libraries.RUNS, "torchattacks", lambda *given: given[3][:1])
    assert "did not return finite images of shape" in refused(pgd("torchattacks"))


def test_a_network_that_breaks_under_attack_is_no_success() -> None:
    first = pictures()

    class Brittle(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            same = torch.isin(images.flatten(1)[:, 5], first.flatten(1)[:, 5])
            return torch.where(same[:, None], GREY(images), torch.nan)

    doses: Any = {"epsilons": [0.1], "max_iter": 2}
    with pytest.raises(UserError, match="NaN or infinity for attacked images"):
        measured(Brittle().eval(), first, predicted(first), pgd("torchattacks"), **doses)


def test_a_network_that_learns_is_refused() -> None:
    images = pictures(1)
    doses: Any = {"epsilons": [0.1], "max_iter": 1}
    with pytest.raises(ValueError, match="evaluation mode"):
        measured(network().train(), images, predicted(images), pgd("torchattacks"), **doses)
