"""Attacks on a network with one number and a threshold, beside a plain loop in float64.

z is the network's number, p = 1 / (1 + exp(-z)) the probability of the second class, and p > t
decides for it.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.attack import attack, measure, network, pictures
from torch import Tensor, nn

from pgdose.analysis import quality
from pgdose.analysis.measures import measure_attack
from pgdose.analysis.outcomes import outcomes
from pgdose.analysis.settings import MeasureSettings
from pgdose.attack import rerun
from pgdose.attack.diagnostics.cheap import CHEAP
from pgdose.attack.diagnostics.inputs import CheckInputs
from pgdose.attack.diagnostics.run import measured
from pgdose.attack.samples import Samples
from pgdose.attack.surface_table import read_surface, write_surface
from pgdose.attack.transfer import transfer
from pgdose.errors import UserError
from pgdose.networks.classifier import Classifier, Preprocessing
from pgdose.study.doses import Doses
from pgdose.study.networks import Input, Outputs
from pgdose.tables import clean_logits
from pgdose.tables.output_files import file_digest

pytestmark = pytest.mark.usefixtures("one_thread")
THRESHOLDS = [0.5, 0.35, 0.62]
EPSILONS, ITERATIONS = [0.01, 0.1], 6
KEYS = torch.arange(30)


def wrapped(
    body: nn.Module, order: list[int] | None = None, **meaning: Any
) -> tuple[Classifier, Preprocessing]:
    expected = Preprocessing.from_study(Input(channels=1), Outputs(**meaning), order or [0, 1])
    return Classifier(body, expected).double().frozen(), expected


class Number(nn.Module):
    """The helper's network with one output, so that its values lie on both sides of 0."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.body = network(outputs, gain=2.0)
        with torch.no_grad():
            self.body[-1].bias -= self.body(pictures(30)).median(dim=0).values + 1e-3

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images)


def truth(z: Tensor, threshold: float) -> Tensor:
    """Classes of which most are as the network decides."""
    decided = (z.sigmoid() > threshold).long()
    decided[::7] = 1 - decided[::7]
    return decided


OBJECTIVES = {
    # of class 1 if sign is 1, and of class 0 if it is -1, as functions of z alone
    "probability": lambda z, sign: 1 / (1 + (-sign * z).exp()),
    "cross_entropy": lambda z, sign: -torch.log1p((-sign * z).exp()),
    "logit": lambda z, sign: sign * z / 2,
    "margin": lambda z, sign: sign * z,
    "wrong_class": lambda z, sign: torch.log1p((sign * z).exp()),
}


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_surface_is_that_of_a_plain_loop(
    objective: str, threshold: float, order: list[int]
) -> None:
    body, images = Number().double().eval().requires_grad_(False), pictures(30)
    z0 = body(images)[:, 0]
    classes = truth(z0, threshold)  # 1 is the second class
    settings = {"gradient_of": objective, "step": "raw", "clip": "iterate", "lr": 2.0}
    model, _ = wrapped(body, order, outputs="logit", threshold=threshold)
    group_classes = classes if order == [0, 1] else 1 - classes
    surface = measure(
        *(model, images, group_classes, attack(settings)),
        **{"epsilons": EPSILONS, "max_iter": ITERATIONS, "keys": KEYS},
    )
    right = (z0.sigmoid() > threshold).long() == classes
    assert surface.attacked.tolist() == right.tolist()
    sign = (2 * classes - 1)[right][:, None, None, None].double()
    shift = math.log(threshold / (1 - threshold))
    for level, epsilon in enumerate(EPSILONS):
        clean = images[right]
        x = clean.clone()
        for k in range(ITERATIONS + 1):
            x = x.detach().requires_grad_()
            z = body(x)[:, 0]
            margin = surface.logits[:, level, k, order.index(1)]
            margin = margin - surface.logits[:, level, k, order.index(0)]
            assert (margin - (z - shift)).abs().max() < 1e-5
            flips = surface.logits[:, level, k].argmax(dim=1) != group_classes[right]
            assert flips.tolist() == ((z.sigmoid() > threshold).long() != classes[right]).tolist()
            value = OBJECTIVES[objective](z, sign.flatten()).sum()
            (gradient,) = torch.autograd.grad(value, x)
            low, high = (clean - epsilon).clamp_min(0), (clean + epsilon).clamp_max(1)
            x = (x - 2.0 * gradient).clamp(low, high)
    assert flips.any() and not flips.all()


def test_dlr_needs_three_classes() -> None:
    model, _ = wrapped(Number(), outputs="logit", threshold=0.3)
    settings = attack({"gradient_of": "dlr", "step": "sign", "clip": "iterate", "alpha": 0.01})
    with pytest.raises(UserError, match="dlr compares three classes, but the network has 2"):
        measure(
            *(model, pictures(3), torch.tensor([0, 1, 0]), settings),
            **{"epsilons": EPSILONS, "max_iter": 2, "keys": KEYS[:3]},
        )


def test_each_judge_of_a_transfer_has_its_own_threshold() -> None:
    body, images = Number().double(), pictures(30)
    z = body(images)[:, 0].detach()
    strict, lax = (wrapped(body, outputs="logit", threshold=t)[0] for t in (0.62, 0.35))
    settings = attack(
        {"gradient_of": "probability", "step": "sign", "clip": "iterate", "alpha": 0.01}
    )
    samples = Samples(images, truth(z, 0.62), KEYS)
    result = transfer(strict, [strict, lax], samples, settings, Doses((0.1,), 3), 3)
    one, other = result.logits[:, 0], result.logits[:, 1]
    apart = math.log(0.62 / 0.38) - math.log(0.35 / 0.65)
    assert ((other - one)[..., 1] - (other - one)[..., 0] - apart).abs().max() < 1e-5
    assert (other.argmax(-1) != one.argmax(-1)).any()


def of_threshold(threshold: float, **meaning: Any) -> tuple[Any, ...]:
    """A surface of an attack in single precision, its network, images and classes."""
    body, images = Number(meaning.pop("width", 1)).double(), pictures(30)
    meaning = {"outputs": "logit", **meaning}
    model, expected = wrapped(body, threshold=threshold, **meaning)
    z = body(images)[:, expected.label].detach()
    settings = attack(
        {"gradient_of": "cross_entropy", "step": "sign", "clip": "iterate", "alpha": 0.01}
    )
    surface = measure(
        *(model, images, truth(z, threshold), settings),
        **{"epsilons": EPSILONS, "max_iter": ITERATIONS, "keys": KEYS},
    )
    return surface, model, images, z, settings


ABOUT = {"n_images": "30", "n_correct": "25", "network": "n", "steps": "1", "batch": "8"}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_confidence_is_the_probability_of_the_decision(threshold: float) -> None:
    surface, model, images, z, settings = of_threshold(threshold)
    classes, p = truth(z, threshold), z.sigmoid()
    decided = p > threshold
    confidence = torch.where(decided, p, 1 - p)
    table = surface.table(np.arange(30), Doses(tuple(EPSILONS), ITERATIONS), ABOUT)
    class_index = pd.Series(classes.numpy())
    result = outcomes(table, class_index, 2)
    assert np.abs(result.confidence - confidence[surface.attacked].numpy()).max() < 1e-6
    version = rerun.rerun(
        *(model, Samples(images[:1], classes[:1], KEYS[:1]), settings),
        *(Doses(tuple(EPSILONS), ITERATIONS), 1, ITERATIONS),
    )
    told = version.predictions(["negative", "positive"])
    assert told["class_before"] == ("positive" if decided[0] else "negative")
    assert told["confidence_before"] == pytest.approx(float(confidence[0]), abs=1e-6)
    assert (
        version.original.predictions(["n", "p"])["confidence_after"] == (told["confidence_before"])
    )


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_calibration_is_that_of_the_unshifted_probability(threshold: float, tmp_path: Any) -> None:
    surface, model, _, z, _ = of_threshold(threshold)
    classes, p = truth(z, threshold).numpy(), z.sigmoid().numpy()
    offset = None if model.offset is None else model.offset.tolist()
    metadata = clean_logits.offset_metadata(offset)
    path = tmp_path / "clean.parquet"
    clean_logits.write(path, range(30), surface.clean.float().numpy(), "fp32", metadata)
    clean = clean_logits.read_table(path)
    members = pd.DataFrame({"member": range(30), "patient": [f"p{i}" for i in range(30)]})
    members = members.assign(class_index=classes, **{"class": np.array(["n", "p"])[classes]})
    row = quality.quality(members, clean, 20, 1)
    decided = (p > threshold).astype(int)
    right, confidence = decided == classes, np.where(decided, p, 1 - p)
    assert row["accuracy"] == right.mean() < 1
    bins = np.where(confidence < 0.5, -1, np.floor((confidence - 0.5) * 20 + 1e-5))
    gaps = [abs((right - confidence)[bins == b].sum()) for b in np.unique(bins)]
    assert row["ece"] == pytest.approx(sum(gaps) / 30, abs=1e-5)
    pairs = [(a > b) + (a == b) / 2 for a in p[classes == 1] for b in p[classes == 0]]
    assert row["auc"] == pytest.approx(np.mean(pairs), abs=1e-6)
    curve = quality.calibration(members, clean, 20, 1)
    assert curve["n"].sum() == 30
    assert (curve.loc[0, "n"] > 0) == bool((confidence < 0.5).any()) == (threshold != 0.5)


def test_the_checks_of_an_attack_go_by_the_unshifted_probability() -> None:
    surface, model, images, z, settings = of_threshold(0.35)
    classes = truth(z, 0.35)[surface.attacked]
    rows = surface.attacked.nonzero()[:, 0]
    table = surface.table(np.arange(30), Doses(tuple(EPSILONS), ITERATIONS), ABOUT)
    inputs = CheckInputs(
        **measured(table),
        network=model,
        attack=settings,
        precision="fp32",
        level=1,
        classes=classes,
        rows=torch.arange(8),
        images=images[rows[:8]],
        keys=KEYS[:8],
        clean=surface.clean[surface.attacked].float(),
        expensive=0,
        queries=1,
    )
    shift = math.log(0.35 / 0.65)

    def probability(level: int) -> torch.Tensor:
        logits = surface.logits[:, level].double()
        positive = (logits[:, :, 1] - logits[:, :, 0] + shift).sigmoid()
        return torch.where(classes[:, None] == 1, positive, 1 - positive)

    of_check = {"loss levels off": ("mean_probability", 1), "loss rises": ("mean_loss", -1)}
    for check, (figure, power) in of_check.items():
        result = CHEAP[check](inputs)
        (level,) = [i for i, e in enumerate(EPSILONS) if f"epsilon = {e:g}, " in result.says]
        p = probability(level)
        expected = (p if power == 1 else -p.log()).mean(dim=0).tolist()
        assert result.details[figure] == pytest.approx(expected, abs=1e-4)
    p = probability(1)
    bins = CHEAP["gradients"](inputs).details["bins"]
    low = int((p[:, 0] < 0.5).sum())
    assert low and bins[0] == bins[0] | {"confidence_from": 0.0, "images": low}
    for check in ("outputs are logits", "clean prediction", "box kept", "repeatable"):
        assert CHEAP[check](inputs).passed, check


@pytest.mark.parametrize("restarts", [1, 2])
def test_what_happens_to_the_other_labels_is_counted(restarts: int, tmp_path: Any) -> None:
    body, images = Number(4).double(), pictures(30)
    model, _ = wrapped(body, outputs="multilabel", label=2, threshold=0.4)
    z = body(images).detach()
    fields: dict[str, Any] = {"gradient_of": "cross_entropy", "step": "sign", "clip": "iterate"}
    fields |= {"start": "random", "restarts": 2} if restarts == 2 else {}
    settings = attack(fields | {"alpha": 0.01})
    doses = Doses((0.01, 0.05, 0.2), ITERATIONS)
    classes = truth(z[:, 2], 0.4)
    surface = measure(
        *(model, images, classes, settings),
        **{"epsilons": doses.epsilons, "max_iter": ITERATIONS, "keys": KEYS},
    )
    rows = surface.attacked.nonzero()[:, 0]
    samples = Samples(images[rows], classes[rows], KEYS[rows])
    expected = []
    for level in range(3):
        last, _ = rerun.iterate(model, samples, settings, doses, level, ITERATIONS)
        apart = (body(last) > 0) != (z[rows] > 0)
        expected.append(apart[:, [0, 1, 3]].sum(dim=1))
    counts = torch.stack(expected, dim=1)
    assert surface.other_labels.tolist() == counts.tolist()
    assert counts.any() and not counts.all()

    (tmp_path / "n").write_text("network")
    table = surface.table(np.arange(30), doses, ABOUT | {"network": file_digest(tmp_path / "n")})
    write_surface(table, tmp_path / "0.parquet")
    table = read_surface([tmp_path / "0.parquet"], tmp_path / "n")
    members = pd.DataFrame({"patient": [f"p{i}" for i in range(30)], "sex": "F", "age": 50.0})
    members = members.assign(class_index=classes, **{"class": np.array(["n", "p"])[classes]})
    how = MeasureSettings(epsilon=0.05, iterations=6, success="final", draws=20, seed=1)
    result = measure_attack(table, members.rename_axis("member"), how).tables["other_labels"]
    assert result["epsilon"].tolist() == [0.01, 0.05, 0.2]
    assert result["n_attacked"].tolist() == [len(rows)] * 3
    assert result["n_changed"].tolist() == (counts > 0).sum(dim=0).tolist()
    assert result["share"].tolist() == pytest.approx((counts > 0).double().mean(dim=0).tolist())
    assert result["mean_changed"].tolist() == pytest.approx(counts.double().mean(dim=0).tolist())
    assert (result["ci_low"] <= result["share"]).all()


def test_a_network_without_other_labels_has_no_rows_of_them(tmp_path: Any) -> None:
    surface, *_ = of_threshold(0.5)
    (tmp_path / "n").write_text("network")
    about = ABOUT | {"network": file_digest(tmp_path / "n")}
    write_surface(
        surface.table(np.arange(30), Doses(tuple(EPSILONS), ITERATIONS), about), tmp_path / "0"
    )
    table = read_surface([tmp_path / "0"], tmp_path / "n")
    assert table.other_labels is None
