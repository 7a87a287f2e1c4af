"""Adversarial training against its sources, written out here: in float64, step for step."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.training import (
    BATCH,
    CPU,
    SIDE,
    MakeMembers,
    Normed,
    Plain,
    TwoHeads,
    killed_in,
    network,
    normed,
    pictures,
    train,
    weights,
)
from torch import Tensor, nn
from torch.nn import functional

from pgdose.attack import settings as attack_settings
from pgdose.attack.loop import trajectory
from pgdose.attack.objectives import margin
from pgdose.attack.samples import Samples
from pgdose.cohort.images import Members
from pgdose.devices import Autocast
from pgdose.images.stores import new_store
from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.doses import Doses
from pgdose.study.training import Training
from pgdose.training import adversarial, loop, step
from pgdose.training.adversarial import Adversary, InnerAttack, attacked_images
from pgdose.training.data import TrainingData
from pgdose.training.evaluation import accuracy, cross_entropy, evaluate
from pgdose.training.losses import outputs_of
from pgdose.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("one_thread")

EPSILON, STEPS, ALPHA = 0.05, 4, 0.02
KEYS = torch.arange(6) + 10
PGD: dict[str, Any] = {"method": "pgd", "epsilon": EPSILON, "steps": STEPS}
TRADES: dict[str, Any] = {**PGD, "method": "trades"}
FREE: dict[str, Any] = {"method": "free", "epsilon": EPSILON, "steps": 3}
METHODS = [PGD, TRADES, FREE]
NAMES = [settings["method"] for settings in METHODS]


class Smooth(nn.Module):
    """Three classes, float64, in training mode with an auxiliary head behind the logits."""

    def __init__(self, heads: int = 1) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.heads = heads
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten()).double()
        self.outputs = nn.Linear(4 * (SIDE - 2) ** 2, 3 * heads).double()

    def forward(self, images: Tensor) -> Any:
        parts = self.outputs(self.body(images.double())).split(3, dim=1)
        return parts if self.training and self.heads > 1 else parts[0]


class Curved(Plain):
    """Smooth, in float64: no unit dies, and no gradient is zero."""

    def __init__(self, capacity: int = 1_000) -> None:
        torch.manual_seed(3)
        super().__init__(capacity)
        self.body[1] = nn.Tanh()


def batch(n: int = 6) -> tuple[Tensor, Tensor]:
    """Images in float64, some pixels at either end of the range, and their classes."""
    source = torch.Generator().manual_seed(1)
    images = torch.rand(n, 1, SIDE, SIDE, generator=source, dtype=torch.float64) * 1.2 - 0.1
    return images.clamp(0, 1), torch.arange(n) % 3


def inner(steps: int = STEPS) -> InnerAttack:
    return InnerAttack(EPSILON, ALPHA, steps, KEYS)


def random_start(images: Tensor) -> Tensor:
    """Drawn as the attack of a study draws it."""
    attack = attack_settings.make({"form": "pgd", "alpha": ALPHA})
    samples = Samples(images, torch.zeros(len(images)).long(), KEYS)
    return next(trajectory(Smooth().eval(), samples, attack, Doses((EPSILON,), 1)))[0]


def test_the_inner_attack_is_the_pgd_of_a_study_iterate_for_iterate() -> None:
    images, classes = batch()
    attack = attack_settings.make({"form": "pgd", "alpha": ALPHA})
    path = trajectory(
        Smooth().eval(), Samples(images, classes, KEYS), attack, Doses((EPSILON,), STEPS)
    )
    next(path)  # the random start
    for steps, (iterate, _) in enumerate(path, 1):
        assert torch.equal(attacked_images(Smooth(), inner(steps), images, classes), iterate)
    assert steps == STEPS


def ascended(images: Tensor, loss: Any) -> Tensor:
    """x <- clip(x + alpha * sign(gradient)), as the papers write it."""
    x = random_start(images)
    for _ in range(STEPS):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(x), x)
        x = x + ALPHA * gradient.sign()
        x = torch.min(torch.max(x, images - EPSILON), images + EPSILON).clamp(0, 1)
    return x.detach()


def test_the_inner_attack_is_that_of_madry() -> None:
    images, classes = batch()
    net = Smooth().eval()
    expected = ascended(images, lambda x: functional.cross_entropy(net(x), classes))
    found = attacked_images(Smooth(), inner(), images, classes)
    assert torch.allclose(found, expected, rtol=0, atol=1e-15)
    assert float((found - images).abs().max()) == pytest.approx(EPSILON)
    assert not torch.allclose(found, random_start(images), atol=0.01)


@pytest.mark.parametrize("heads", [1, 2])
def test_the_loss_of_pgd_is_that_of_the_attacked_images(heads: int) -> None:
    images, classes = batch()
    net, settings = Smooth(heads), Training(label_smoothing=0.1, adversarial=PGD)
    found = adversarial.pgd(net, net, inner(), images, classes, settings)
    attacked = attacked_images(net, inner(), images, classes)
    expected = outputs_of(net(attacked), classes, settings)
    assert torch.equal(found.loss, expected.loss)
    assert found.loss > outputs_of(net(images), classes, settings).loss


@pytest.mark.parametrize("beta", [None, 2.5])
@pytest.mark.parametrize("heads", [1, 2])
def test_trades_is_that_of_its_paper(heads: int, beta: float | None) -> None:
    """Its code attacks kl_div(log p(attacked), p(clean)), and averages it over the batch."""
    images, classes = batch()
    net, settings = Smooth(heads), Training(adversarial={**TRADES, "beta": beta})

    def divergence(x: Tensor, clean: Tensor) -> Tensor:
        log_q, p = functional.log_softmax(x, dim=1), functional.softmax(clean, dim=1)
        return (p * (p.log() - log_q)).sum() / len(x)

    judge = Smooth(heads).eval()
    x = ascended(images, lambda x: divergence(judge(x), judge(images)))
    clean, attacked = net(images), net(x)
    loss = functional.cross_entropy(clean[0] if heads > 1 else clean, classes)
    if heads > 1:
        loss = loss + settings.auxiliary * functional.cross_entropy(clean[1], classes)
        clean, attacked = clean[0], attacked[0]
    loss = loss + (beta or 6.0) * divergence(attacked, clean)
    expected = torch.autograd.grad(loss, list(net.parameters()))
    outputs = adversarial.trades(net, net, inner(), images, classes, settings)
    found = torch.autograd.grad(outputs.loss, list(net.parameters()))
    assert float(outputs.loss.detach()) == pytest.approx(float(loss.detach()), rel=1e-12)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-13)


def test_a_step_of_trades_is_that_of_art() -> None:
    """ART's trainer takes any attack, so it gets the images of ours."""
    pytest.importorskip("art")
    from art.attacks.evasion import FastGradientMethod
    from art.defences.trainer import AdversarialTrainerTRADESPyTorch
    from art.estimators.classification import PyTorchClassifier

    images, classes = batch()
    images, ours, theirs = images.float(), Smooth(), Smooth()  # ART takes nothing but float32
    settings = Training(adversarial=TRADES)
    outputs = adversarial.trades(ours, ours, inner(), images, classes, settings)
    torch.optim.SGD(ours.parameters(), 0.1).zero_grad()
    outputs.loss.backward()
    torch.optim.SGD(ours.parameters(), 0.1).step()

    judge = Smooth().eval()
    clean = judge(images).detach()
    attacked = attacked_images(
        judge, inner(), images, classes, lambda logits, _: -adversarial.divergence(clean, logits)
    )

    class Attack(FastGradientMethod):
        def generate(self, x: np.ndarray, y: Any = None, **_: Any) -> np.ndarray:
            order = [int(np.abs(images.numpy() - one).sum(axis=(1, 2, 3)).argmin()) for one in x]
            return attacked.numpy()[order]

    classifier = PyTorchClassifier(
        theirs,
        nn.CrossEntropyLoss(),
        (1, SIDE, SIDE),
        3,
        torch.optim.SGD(theirs.parameters(), 0.1),
        device_type="cpu",
    )
    trainer = AdversarialTrainerTRADESPyTorch(classifier, Attack(classifier), beta=6.0)
    trainer.fit(images.numpy(), classes.numpy(), batch_size=6, nb_epochs=1)
    moved = 0.0
    for one, other, start in zip(
        ours.parameters(), theirs.parameters(), Smooth().parameters(), strict=True
    ):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)
        moved = max(moved, float((one - start).abs().max().detach()))
    assert moved > 1e-3


def grey_members(folder: Path, images: np.ndarray, classes: np.ndarray) -> Members:
    name = f"grey{len(images)}.npy"
    with new_store(folder / name, len(images), images.shape[1], 1) as store:
        for row, image in enumerate(images):
            store.put(row, image)
    table = pd.DataFrame({"member": range(len(images)), "row": range(len(images)), "store": name})
    return Members(table.assign(class_index=classes), folder, images.shape[1], 1)


@pytest.mark.parametrize("n", [24, 21, 5])
def test_free_is_algorithm_1_step_for_step(tmp_path: Path, n: int) -> None:
    """With Adam, away from black and white, where the perturbation alone is cut."""
    rng = np.random.default_rng(0)
    greys, classes = rng.integers(60, 200, (n, SIDE, SIDE), np.uint8), np.arange(n) % 2
    members = grey_members(tmp_path, greys, classes)
    settings = Training(
        epochs=4, batch=BATCH, lr=0.01, schedule="constant", adversarial={**FREE, "alpha": 0.02}
    )
    net, theirs = Curved(), Curved()
    resources = loop.Resources([CPU], tmp_path / "work")
    loop.train(net, TrainingData(members, members), settings, resources, seed=7, name="G/full")

    x = torch.from_numpy(greys[:, None]) / 255
    y = torch.from_numpy(classes)
    size = min(BATCH, n)
    stream = itertools.chain.from_iterable(
        adversarial.generator(7, f"pass {number}", "G/full").permutation(n)
        for number in itertools.count()
    )
    optimiser = torch.optim.Adam(theirs.parameters(), 0.01)
    delta, steps = torch.zeros(size, 1, SIDE, SIDE), 0
    while steps < 4 * -(-n // BATCH):
        rows = list(itertools.islice(stream, size))
        for _ in range(3):
            noise = delta.clone().requires_grad_()
            optimiser.zero_grad()
            functional.cross_entropy(theirs(x[rows] + noise), y[rows]).backward()
            assert noise.grad is not None
            delta = (delta + 0.02 * noise.grad.sign()).clamp(-EPSILON, EPSILON)
            optimiser.step()
            steps += 1
            if steps == 4 * -(-n // BATCH):
                break
    for one, other in zip(net.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-6)
    assert not torch.allclose(net.body[3].weight, Curved().body[3].weight, atol=1e-3)


def test_free_stays_in_the_box_and_in_the_range() -> None:
    images, classes = batch()
    net, attack = Smooth(), inner()
    perturbation = torch.zeros_like(images)
    for _ in range(5):
        outputs = adversarial.free(net, perturbation, attack, images, classes, Training())
        outputs.loss.backward()
        assert outputs.images is not None
        perturbed = outputs.images.detach()
        assert float((perturbed - images).abs().max()) <= EPSILON + 1e-15
        assert float(perturbed.min()) >= 0 and float(perturbed.max()) <= 1
        perturbation = adversarial.moved_perturbation(attack, images, outputs.images)
    assert float(perturbation.abs().max()) == pytest.approx(EPSILON)


@pytest.mark.parametrize(
    ("images", "batch", "uses"), [(20, 8, 3), (24, 8, 4), (5, 8, 3), (9, 2, 1)]
)
def test_free_uses_every_image_once_in_a_pass(images: int, batch: int, uses: int) -> None:
    """An epoch has the steps of a plain one; a batch is used `steps` times before the next."""
    settings = Training(batch=batch, adversarial={**FREE, "steps": uses})
    steps, taken, batches = -(-images // batch), 0, {}
    for epoch in range(1, 10 * uses + 1):
        order, often = adversarial.free_order(settings, 7, "G/full", epoch, images)
        assert sum(often) == steps and max(often) <= uses
        for rows, times in zip(order.reshape(len(often), -1), often, strict=True):
            for _ in range(times):
                assert batches.setdefault(taken // uses, rows.tolist()) == rows.tolist()
                taken += 1
    stream = [row for rows in batches.values() for row in rows]
    passes = [stream[k : k + images] for k in range(0, len(stream) - images + 1, images)]
    assert len(passes) >= 5 and len({tuple(one) for one in passes}) > 3
    assert all(sorted(one) == list(range(images)) for one in passes)


@pytest.mark.parametrize("settings", METHODS, ids=NAMES)
@pytest.mark.parametrize("augment", [None, {"rotation": 20.0, "noise": 0.05}])
def test_a_killed_run_resumes_to_the_same_bytes(
    members: MakeMembers, tmp_path: Path, settings: dict[str, Any], augment: Any
) -> None:
    changed = {"adversarial": {**settings, "warmup": 2}, "augment": augment}
    undisturbed = network()
    expected = train(undisturbed, members(20), tmp_path / "undisturbed", **changed)
    for epoch in (2, 4):
        folder = tmp_path / f"killed in {epoch}"
        with killed_in(epoch):
            train(network(), members(20), folder, **changed)
        resumed = network(seed=99)
        history = train(resumed, members(20), folder, **changed)
        assert weights(resumed) == weights(undisturbed)
        pd.testing.assert_frame_equal(history, expected)


@pytest.mark.parametrize("settings", METHODS, ids=NAMES)
def test_a_batch_in_parts_gives_the_same_gradients(
    members: MakeMembers, tmp_path: Path, settings: dict[str, Any]
) -> None:
    whole, parts = Curved(), Curved(3)
    train(whole, members(22), tmp_path / "a", adversarial=settings)
    history = train(parts, members(22), tmp_path / "b", adversarial=settings)
    assert (history["at_once"] == 2).all()
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)


def test_the_perturbation_waits_for_a_batch_that_memory_holds() -> None:
    """A try that fails in its second part leaves nothing behind."""
    settings = Training(batch=BATCH, adversarial=FREE)
    images = torch.from_numpy(pictures(BATCH)[:, None])
    attack = Adversary(AdversarialTraining(**FREE), 7, "G/full", 1).draw(BATCH)
    data = step.Batch(images, torch.arange(BATCH) % 2, BATCH, None, attack)

    class Failing(Curved):
        calls = 0

        def forward(self, images: Tensor) -> Tensor:
            self.calls += 1
            if self.calls == 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    found = []
    for kind in (Failing, Curved):
        state = TrainingState(kind(), settings, 1, CPU)
        state.images_at_once = 4
        step.train_step(state, state.model.train(), data)
        found.append(state.perturbation)
    assert torch.equal(*found) and float(found[0].abs().max()) == pytest.approx(EPSILON)


@pytest.mark.parametrize("settings", [PGD, TRADES], ids=NAMES[:2])
def test_the_attack_leaves_the_statistics_of_batch_norm(settings: dict[str, Any]) -> None:
    """They are those of images that are learned from: one pass of PGD, two of TRADES."""
    images, classes = batch()
    net = normed().train()
    passes = []
    net.body[1].register_forward_hook(lambda module, *_: passes.append(module.training))
    method = getattr(adversarial, settings["method"])
    method(net, net, inner(), images.float(), classes % 2, Training(adversarial=settings))
    learned = {"pgd": 1, "trades": 2}[settings["method"]]
    assert passes.count(True) == int(net.body[1].num_batches_tracked) == learned
    assert passes.count(False) == STEPS + learned - 1 and net.training


def test_a_network_trains_on_after_an_attack_that_memory_did_not_hold() -> None:
    class Small(Normed):
        def forward(self, images: Tensor) -> Tensor:
            if not self.training:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(images)

    net = Small().train()
    with pytest.raises(torch.OutOfMemoryError):
        attacked_images(net, inner(), batch()[0].float(), batch()[1] % 2)
    assert net.training and net.body[1].training


def test_in_half_precision_an_image_that_is_well_learned_is_attacked() -> None:
    """Its gradient, about 1e-8 here, is less than float16 can hold."""
    images, classes = batch()
    images, net = images.float(), nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 3, bias=False))
    torch.nn.init.normal_(net[1].weight, std=1e-3)
    offsets = 14.0 * functional.one_hot(classes, 3)
    net.register_forward_hook(lambda _module, _images, logits: logits + offsets)
    found = attacked_images(Autocast(net, torch.float16), inner(), images, classes)
    exact = attacked_images(net, inner(), images, classes)
    assert float((found == exact).float().mean()) > 0.9
    assert not torch.allclose(found, random_start(images.double()).float(), atol=ALPHA)


@pytest.mark.parametrize(("warmup", "shares"), [(0, [1, 1]), (1, [1 / 2, 1]), (3, [1 / 4, 1 / 2])])
def test_epsilon_and_the_step_rise_over_the_warmup(warmup: int, shares: list[float]) -> None:
    settings = AdversarialTraining(**PGD, warmup=warmup)
    for epoch, share in enumerate(shares, 1):
        attack = Adversary(settings, 7, "G/full", epoch).draw(3)
        assert attack.epsilon == pytest.approx(share * EPSILON)
        assert attack.step_length == pytest.approx(share * 2.5 * EPSILON / STEPS)
    assert adversarial.warmup_share(settings, warmup + 1) == 1


def test_random_starts_differ_by_image_batch_epoch_and_run() -> None:
    settings = AdversarialTraining(**PGD)
    draws = [("G/full", 1), ("G/full", 2), ("G/robust", 1)]
    keys = []
    for name, epoch in draws:
        adversary = Adversary(settings, 7, name, epoch)
        keys += [*adversary.draw(3).keys.tolist(), *adversary.draw(2).keys.tolist()]
    assert len(set(keys)) == len(keys) == 15
    again = Adversary(settings, 7, "G/full", 1).draw(3)
    assert again.keys.tolist() == keys[:3]
    assert again.select(slice(1, 3), slice(1, 2)).keys.tolist() == keys[2:3]


COLUMNS = {
    "pgd": (False, True),
    "trades": (True, True),
    "free": (False, True),
}


@pytest.mark.parametrize("settings", METHODS, ids=NAMES)
def test_the_history_says_which_images_an_accuracy_is_of(
    members: MakeMembers, tmp_path: Path, settings: dict[str, Any]
) -> None:
    history = train(normed(TwoHeads), members(20), tmp_path / "work", adversarial=settings)
    found = tuple(
        bool(history[column].between(0, 1).all())
        for column in ("training_accuracy", "adversarial_accuracy")
    )
    assert found == COLUMNS[settings["method"]]
    assert history["validation_accuracy"].between(0, 1).all()
    assert list(history).index("training_accuracy") > list(history).index("loss")


def test_epochs_are_judged_on_attacked_held_out_images(
    members: MakeMembers, tmp_path: Path
) -> None:
    """Else `keep: best` would take an epoch whose network does not resist."""
    net, images = Curved(), members(20)
    settings = AdversarialTraining(**PGD)
    history = train(
        net, images, tmp_path / "work", held_out=images, adversarial=PGD, epochs=2, keep="best"
    )
    change = adversarial.judging_attack(net, settings, 7, "G/full", len(images))
    logits = evaluate(net, images, BATCH, CPU, change=change)
    clean = evaluate(net, images, BATCH, CPU)
    row = history[history["kept"] == 1].iloc[0]
    assert row["held_out_loss"] == pytest.approx(cross_entropy(logits, images.labels), rel=1e-6)
    assert row["held_out_accuracy"] == accuracy(logits, images.labels)
    assert row["held_out_loss"] > cross_entropy(clean, images.labels) + 0.01


WEAK = 0.024  # of 1: what each pixel says of the class, less than epsilon


def with_weak_features(folder: Path, n: int) -> Members:
    """A corner says the class by much, but wrongly of one image in ten; each other pixel by little.

    After Tsipras et al. 2019, "Robustness may be at odds with accuracy", section 2.1.
    """
    rng = np.random.default_rng(n)
    classes = np.arange(n) % 2
    sign = (2 * classes - 1)[:, None, None]
    rows, columns = np.indices((SIDE, SIDE))  # patterns without a mean, which brightness would hide
    images = 0.5 + rng.normal(0, 0.04, (n, SIDE, SIDE)) + WEAK * sign * (-1) ** (rows + columns)
    strong = sign * np.where(rng.random((n, 1, 1)) < 0.9, 1, -1)
    images[:, :2, :2] = 0.5 + 0.2 * strong * (-1) ** columns[:2, :2]
    return grey_members(folder, (images.clip(0, 1) * 255).round().astype(np.uint8), classes)


def judged(net: nn.Module, members: Members) -> tuple[float, float]:
    """Accuracy on clean images, and under an attack of twice the weak features."""
    images = torch.from_numpy(np.asarray(members.read(range(len(members))))) / 255
    classes = torch.from_numpy(members.labels)
    samples = Samples(images, classes, torch.arange(len(images)))
    attack = attack_settings.make({"form": "pgd", "alpha": WEAK / 2})
    *_, (_, attacked) = trajectory(net.eval(), samples, attack, Doses((2 * WEAK,), 10))
    return tuple(
        float((margin(logits, classes) > 0).float().mean())
        for logits in (net(images).detach(), attacked)
    )


def test_an_adversarially_trained_network_resists_where_a_plain_one_does_not(
    tmp_path: Path,
) -> None:
    """With its loss switched off each would be the plain one."""
    learned, others = (with_weak_features(tmp_path, n) for n in (320, 160))
    found = {}
    for method in (None, *NAMES):
        settings = method and {"method": method, "epsilon": 2 * WEAK, "steps": 4}
        torch.manual_seed(3)
        net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE**2, 2))
        changed = {"epochs": 12, "batch": 32, "lr": 0.01, "adversarial": settings}
        train(net, learned, tmp_path / str(method), **changed)
        found[method] = judged(net, others)
    assert found[None][0] > 0.9 and found[None][1] < 0.3, found
    for method in NAMES:
        clean, attacked = found[method]
        assert clean > 0.85 and attacked > 0.85, found
