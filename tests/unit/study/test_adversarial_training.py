"""Key `adversarial` of a training: what it means, and what is wrong with one."""

import copy
from typing import Any

import pytest
import yaml
from helpers.workflow import PROJECT

from pgdose.errors import UserError
from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.parsing import parse
from pgdose.study.training import Training

PGD: dict[str, Any] = {"method": "pgd", "epsilon": 0.01}
FILE = {"file": "a.pt2", "classes": ["C1", "C2"]}


@pytest.fixture
def study() -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "tests/data/studies/small.yaml").read_text())


def mistakes(study: dict[str, Any]) -> list[str]:
    with pytest.raises(UserError) as caught:
        parse(study)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"beta": 6},
            "training.adversarial.beta: 6 is the weight of TRADES' second term, which 'method: "
            "pgd' does not have; leave it out, or set 'method: trades'",
        ),
        (
            {"method": "free", "beta": 6},
            "training.adversarial.beta: 6 is the weight of TRADES' second term, which 'method: "
            "free' does not have",
        ),
        (
            {"alpha": 0.03},
            "training.adversarial.alpha: 0.03 is longer than the box is wide; use at most 0.02, "
            "twice 'epsilon'",
        ),
        (
            {"warmup": 3},
            "training.adversarial.warmup: 3 epochs would leave none at the full epsilon; use fewer "
            "than 'epochs', 3",
        ),
        ({"method": "pdg"}, "training.adversarial.method: 'pdg' must be 'pgd', 'trades' or 'free'"),
        ({"epsilon": 0}, "training.adversarial.epsilon: 0 must be more than 0"),
        ({"steps": 0}, "training.adversarial.steps: 0 must be at least 1"),
        ({"eps": 0.1}, "training.adversarial.eps: unknown key"),
    ],
)
def test_a_mistake_says_what_to_do(
    study: dict[str, Any], changed: dict[str, Any], message: str
) -> None:
    study["training"] |= {"epochs": 3, "adversarial": {**PGD, **changed}}
    found = mistakes(study)
    assert any(line.startswith(message) for line in found), found


def test_a_network_from_a_file_is_not_trained(study: dict[str, Any]) -> None:
    study["groups"]["H-OV"]["network"] = FILE | {"adversarial": PGD}
    study["groups"]["H-OV"]["networks"] = {}
    study["training_size"] = []
    found = mistakes(study)
    assert any(
        line.startswith("groups.H-OV.network.adversarial:")
        and "needs training, and a network from a file is not trained" in line
        for line in found
    ), found


def test_beside_a_main_network_from_a_file_no_images_are_left_to_train_on(
    study: dict[str, Any],
) -> None:
    study["groups"]["H-OV"] |= {"network": FILE, "networks": {"robust": {"adversarial": PGD}}}
    study["training_size"] = []
    found = mistakes(study)
    assert any(
        line.startswith("groups.H-OV.networks.robust: no images are left to train on")
        for line in found
    ), found


def test_a_further_network_and_the_main_one_may_be_trained_so(study: dict[str, Any]) -> None:
    robust = {"adversarial": {**PGD, "method": "trades", "steps": 2}}
    study["groups"]["H-OV"]["networks"] = {"robust": robust}
    runs = parse(study).runs("H-OV")
    assert runs["robust"].is_defended and not runs["full"].is_defended
    assert isinstance(runs["robust"].network, Training) and isinstance(
        runs["full"].network, Training
    )
    assert runs["robust"].network.adversarial is not None
    assert runs["full"].network.adversarial is None
    study["training"]["adversarial"] = PGD
    runs = parse(study).runs("H-OV")
    assert runs["full"].network.adversarial.method == "pgd"  # type: ignore[union-attr]
    assert runs["robust"].network.adversarial.method == "trades"  # type: ignore[union-attr]
    plain = copy.deepcopy(study)
    plain["groups"]["H-OV"]["networks"] = {"plain": {"adversarial": None}}
    assert parse(plain).runs("H-OV")["plain"].network.adversarial is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("settings", "step", "cost"),
    [
        ({"method": "pgd", "steps": 7}, 2.5 * 0.01 / 7, 8),
        ({"method": "trades", "steps": 7}, 2.5 * 0.01 / 7, 9),
        ({"method": "free", "steps": 4}, 0.01, 1),
        ({"method": "free", "steps": 4, "alpha": 0.002}, 0.002, 1),
    ],
)
def test_the_length_of_a_step_and_what_an_epoch_costs(
    settings: dict[str, Any], step: float, cost: int
) -> None:
    adversarial = AdversarialTraining(epsilon=0.01, **settings)
    assert adversarial.step_length == pytest.approx(step) and adversarial.cost == cost
