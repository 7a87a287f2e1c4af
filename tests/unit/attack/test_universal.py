"""Universal perturbations: held against closed forms and ART, kills, memory, leaks, judges."""

import importlib
import random
from typing import Any

import numpy as np
import pytest
import torch
from helpers.attack import network, pictures
from torch import Tensor, nn

from pgdose.attack import universal
from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.universal import State, TrainingImages, keyed_order, learn
from pgdose.attack.universal_judging import Judged, judge, judged_table
from pgdose.errors import UserError
from pgdose.study.controls import UniversalPerturbation
from pgdose.tables.control_schemas import CONTROLLED

pytestmark = pytest.mark.usefixtures("one_thread")


def training_of(images: Tensor, classes: Tensor) -> TrainingImages:
    return TrainingImages(len(images), lambda rows: (images[rows], classes[rows]))


def learned(
    network: nn.Module,
    images: Tensor,
    classes: Tensor,
    *,
    epsilon: list[float],
    epochs: int = 8,
    batch: int = 8,
    seed: int = 3,
    **more: Any,
) -> Tensor:
    settings = UniversalPerturbation(kind="universal", epsilon=epsilon, epochs=epochs, batch=batch)
    training = training_of(images, classes)
    return learn(network, training, settings, keyed_order(seed, "G/full/u", len(images)), **more)


def flip_rate(network: nn.Module, images: Tensor, classes: Tensor, delta: Tensor) -> float:
    with torch.no_grad():
        return float(
            (network((images + delta).clamp(0, 1)).argmax(dim=1) != classes).float().mean()
        )


class Linear(nn.Module):
    """Two classes, by the sign of a weighted sum of the pixels."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights, requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        score = ((images - 0.5).flatten(1) * self.weights).sum(dim=1)
        return torch.stack([-score, score], dim=1)


def linear_case(n: int = 120) -> tuple[Linear, Tensor, Tensor]:
    """Grey images that no epsilon below 0.3 cuts; two thirds are of class 1."""
    source = torch.Generator().manual_seed(2)
    weights = torch.randn(36, generator=source, dtype=torch.float64)
    images = 0.5 + 0.2 * (torch.rand(n, 1, 6, 6, generator=source, dtype=torch.float64) - 0.5)
    body = Linear(weights).eval()
    score = body(images)[:, 1]
    wanted = torch.where(torch.arange(n) < 2 * n // 3, 1, -1)  # mirrored where the sign differs
    images = torch.where((score.sign() == wanted)[:, None, None, None], images, 1 - images)
    return body, images, (wanted > 0).long()


@pytest.mark.parametrize("epsilon", [[0.01, 0.03, 0.1]])
def test_on_a_linear_network_it_flips_what_the_best_one_flips(epsilon: list[float]) -> None:
    """The best one is closed: -epsilon * sign(w) against class 1, the opposite against class 0."""
    body, images, classes = linear_case()
    delta = learned(body, images, classes, epsilon=epsilon, epochs=10, batch=16)
    direction = body.weights.sign().reshape(1, 6, 6)
    for of_epsilon, size in zip(delta, epsilon, strict=True):
        best = max(flip_rate(body, images, classes, side * size * direction) for side in (-1, 1))
        assert flip_rate(body, images, classes, of_epsilon) >= best - 1e-9
        assert torch.allclose(of_epsilon, -size * direction)
        assert 0.1 < best <= 2 / 3 + 1e-6  # one shift of all scores flips one class alone
    assert best > 0.6  # the largest one flips nearly all of class 1


@pytest.mark.parametrize("epsilon", [0.1, 0.2])
def test_it_flips_nearly_as_many_as_that_of_art(epsilon: float) -> None:
    """ART follows Moosavi-Dezfooli et al. (2017): image by image, with an attack on each."""
    pytest.importorskip("art")
    evasion = importlib.import_module("art.attacks.evasion")
    estimators = importlib.import_module("art.estimators.classification")
    body, images = network(dtype=torch.float32, gain=1.6), pictures(40, torch.float32)
    classes = body(images).argmax(dim=1)
    parts = {"input_shape": (1, 8, 8), "nb_classes": 3, "clip_values": (0, 1)}
    classifier = estimators.PyTorchClassifier(body, nn.CrossEntropyLoss(), **parts)
    of_bim = {"eps": epsilon, "eps_step": epsilon / 5, "max_iter": 5, "verbose": False}
    theirs = evasion.UniversalPerturbation(
        classifier, "bim", of_bim, delta=0.05, max_iter=3, eps=epsilon, verbose=False
    )
    random.seed(1)  # of the order of the images
    theirs.generate(images.numpy())
    noise = torch.as_tensor(theirs.noise).reshape(1, 8, 8)
    assert noise.abs().max() <= epsilon + 1e-6
    delta = learned(body, images, classes, epsilon=[epsilon], epochs=20, batch=20)[0]
    ours, art = (flip_rate(body, images, classes, each) for each in (delta, noise))
    assert 0.1 < art < 1
    assert ours >= art - 0.05


def small_case() -> tuple[nn.Module, Tensor, Tensor]:
    body, images = network(gain=1.5), pictures(22)
    return body, images, body(images).argmax(dim=1)


EPSILON = [0.02, 0.1]


def test_it_stays_within_each_epsilon_and_uses_it() -> None:
    delta = learned(*small_case(), epsilon=EPSILON)
    assert delta.shape == (2, 1, 8, 8)
    for of_epsilon, size in zip(delta, EPSILON, strict=True):
        assert size * 0.99 <= of_epsilon.abs().max() <= size + 1e-12


def test_the_order_is_keyed_by_seed_name_and_pass() -> None:
    order = keyed_order(3, "G/full/u", 22)
    assert sorted(order(0)) == list(range(22))
    assert order(1).tolist() != order(0).tolist()
    assert keyed_order(3, "G/full/u", 22)(0).tolist() == order(0).tolist()
    assert keyed_order(4, "G/full/u", 22)(0).tolist() != order(0).tolist()
    assert keyed_order(3, "G/full/v", 22)(0).tolist() != order(0).tolist()
    case = small_case()
    first = learned(*case, epsilon=EPSILON)
    torch.manual_seed(99)
    assert torch.equal(first, learned(*case, epsilon=EPSILON))
    assert not torch.equal(first, learned(*case, epsilon=EPSILON, seed=4))


def test_each_pass_reads_every_training_image_once_in_its_order() -> None:
    body, images, classes = small_case()
    reads: list[list[int]] = []

    def read(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        reads.append(rows.tolist())
        return images[rows], classes[rows]

    settings = UniversalPerturbation(kind="universal", epsilon=EPSILON, epochs=2, batch=8)
    order = keyed_order(3, "G/full/u", 22)
    learn(body, TrainingImages(22, read), settings, order)
    assert [len(rows) for rows in reads] == [8, 8, 6] * 2
    for number in (0, 1):
        of_pass = reads[3 * number : 3 * number + 3]
        assert np.concatenate(of_pass).tolist() == order(number).tolist()


def test_an_epsilon_does_not_depend_on_the_others() -> None:
    both = learned(*small_case(), epsilon=EPSILON)
    for level, size in enumerate(EPSILON):
        alone = learned(*small_case(), epsilon=[size])
        assert torch.allclose(alone[0], both[level], atol=1e-12)


def test_after_a_kill_it_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universal, "KEEP_SECONDS", 0.0)
    states: list[State] = []
    whole = learned(*small_case(), epsilon=EPSILON, epochs=3, keep=states.append)
    assert [state.steps for state in states] == list(range(1, 10))  # three batches a pass
    for state in states[1::3]:  # in the middle of a pass
        later: list[State] = []
        again = learned(*small_case(), epsilon=EPSILON, epochs=3, start=state, keep=later.append)
        assert torch.equal(again, whole)
        assert len(later) == 9 - state.steps
    assert torch.equal(learned(*small_case(), epsilon=EPSILON, epochs=3, start=states[-1]), whole)


class LittleMemory(nn.Module):
    """A network that fits so many images at a time."""

    def __init__(self, body: nn.Module, most: int) -> None:
        super().__init__()
        self.body, self.most, self.batches = body, most, list[int]()

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        self.batches.append(len(images))
        return self.body(images)  # type: ignore[no-any-return]


@pytest.mark.parametrize("most", [1, 3, 7])
def test_little_memory_changes_nothing(most: int) -> None:
    body, images, classes = small_case()
    whole = learned(body, images, classes, epsilon=EPSILON)
    small = LittleMemory(body, most).eval()
    halved = learned(small, images, classes, epsilon=EPSILON, at_once=32)
    assert torch.allclose(halved, whole, atol=1e-12)
    assert max(small.batches) <= most
    shown = Samples(images, classes, torch.arange(len(images)))
    judged = judge([body], shown, whole)
    again = judge([LittleMemory(body, most).eval()], shown, whole, Execution(batch=32))
    assert torch.allclose(judged.logits, again.logits, atol=1e-12)
    assert torch.equal(judged.l2, again.l2)


def test_the_loss_is_cut_so_that_a_wrong_image_decides_no_further_steps() -> None:
    """One image of class 0 is wrong by far, one near the boundary is the only one left to flip."""
    body = Linear(torch.full((36,), 10.0, dtype=torch.float64)).eval()
    far = torch.full((1, 1, 6, 6), 0.9, dtype=torch.float64)
    near = torch.full((1, 1, 6, 6), 0.502, dtype=torch.float64)
    images, classes = torch.cat([far, near]), torch.tensor([0, 1])
    delta = learned(body, images, classes, epsilon=[0.01], epochs=5, batch=2)[0]
    assert flip_rate(body, near, torch.tensor([1]), delta) == 1
    assert (delta < 0).all()  # without the cut, the first image would pull as hard


def test_no_training_images_are_refused() -> None:
    body, images, classes = small_case()
    with pytest.raises(UserError, match="no training images"):
        learned(body, images[:0], classes[:0], epsilon=EPSILON)


def test_a_network_that_gives_no_numbers_is_refused() -> None:
    _, images, classes = small_case()

    class Bad(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :3] * torch.nan

    with pytest.raises(UserError, match="NaN or infinity"):
        learned(Bad().eval(), images, classes, epsilon=EPSILON)


# --- judges ---------------------------------------------------------------------------------------


def judged_by(*judges: nn.Module, execution: Execution | None = None) -> tuple[Judged, Tensor]:
    body, images, classes = small_case()
    delta = learned(body, images, classes, epsilon=EPSILON)
    samples = Samples(images, classes, torch.arange(len(images)))
    return judge([body, *judges], samples, delta, execution), delta


def test_every_judge_sees_every_image_under_every_perturbation() -> None:
    other = network(gain=3)
    judged, delta = judged_by(other)
    body, images, _ = small_case()
    assert judged.logits.shape == (22, 2, 2, 3)
    for level, of_epsilon in enumerate(delta):
        changed = (images + of_epsilon).clamp(0, 1)
        for place, each in enumerate((body, other)):
            with torch.no_grad():
                assert torch.allclose(judged.logits[:, place, level], each(changed))
        change = (changed - images).flatten(1)
        assert torch.allclose(judged.l_inf[:, level], change.abs().amax(dim=1))
        assert torch.allclose(judged.l2[:, level], change.norm(dim=1))
    # Black and white pixels cut the change of some images.
    whole = delta.flatten(1).norm(dim=1)
    assert (judged.l2 <= whole + 1e-12).all() and (judged.l2 < whole - 1e-6).any()


def test_judging_goes_on_where_it_was_killed() -> None:
    parts: list[Any] = []
    whole, _ = judged_by(execution=Execution(batch=5, keep=parts.append))
    left: list[Any] = []
    again, _ = judged_by(execution=Execution(batch=5, finished=parts[:3], keep=left.append))
    assert (len(parts), len(left)) == (5, 2)
    for name in ("logits", "l_inf", "l2"):
        assert torch.equal(getattr(whole, name), getattr(again, name))


def test_the_table_has_a_row_for_each_member_judge_and_epsilon() -> None:
    judged, _ = judged_by(network(gain=3))
    members = np.arange(100, 122, dtype=np.int32)
    table = judged_table("u", EPSILON, ["full", "other"], members, judged)
    assert table.schema == CONTROLLED
    rows = table.to_pandas()
    assert len(rows) == 22 * 2 * 2
    row = rows[(rows["member"] == 104) & (rows["judge"] == "other") & (rows["epsilon"] == 0.1)]
    assert np.allclose(row["logits"].iloc[0], judged.logits[4, 1, 1])
    assert row["l_inf"].iloc[0] == pytest.approx(float(judged.l_inf[4, 1]))
    assert row["l2"].iloc[0] == pytest.approx(float(judged.l2[4, 1]))
    assert rows["severity"].isna().all() and (rows["control"] == "u").all()


def test_who_looks_elsewhere_is_not_fooled() -> None:
    left = torch.cat([torch.ones(6, 3), torch.zeros(6, 3)], dim=1).flatten().double()
    own, other = Linear(left).eval(), Linear(1 - left).eval()
    images = torch.full((4, 1, 6, 6), 0.55, dtype=torch.float64)
    classes = torch.ones(4, dtype=torch.int64)
    delta = learned(own, images, classes, epsilon=[0.1], batch=2)
    judged = judge([own, other], Samples(images, classes, torch.arange(4)), delta)
    assert (judged.logits.argmax(dim=3)[:, :, 0] == torch.tensor([0, 1])).all()
