"""Which attacks know a detector."""

import pytest

from pgdose.study.attacks import ExternalAttack, GradientAttack, NoiseAttack
from pgdose.study.defended_networks import EnsembleNetwork
from pgdose.study.detectors import lowers_disagreement, raises_wrong_class
from pgdose.study.runs import Run
from pgdose.study.training import Training


def gradient(gradient_of: str, target: str | None = None) -> GradientAttack:
    return GradientAttack(
        epsilon=[0.1], step="sign", alpha=0.01, gradient_of=gradient_of, target=target
    )


@pytest.mark.parametrize(
    ("gradient_of", "two", "three", "towards"),
    [
        ("probability", True, False, True),
        ("cross_entropy", True, False, True),
        ("margin", True, False, True),
        ("logit", False, False, False),
        ("wrong_class", True, True, None),
        ("dlr", False, False, None),
    ],
)
def test_who_raises_the_wrong_class(
    gradient_of: str, two: bool, three: bool, towards: bool | None
) -> None:
    assert raises_wrong_class(gradient(gradient_of), 2) == two
    assert raises_wrong_class(gradient(gradient_of), 3) == three
    if towards is not None:
        assert raises_wrong_class(gradient(gradient_of, "least_likely"), 3) == towards


def test_noise_knows_nothing_and_of_other_libraries_nobody_can_say() -> None:
    assert raises_wrong_class(NoiseAttack(kind="noise", epsilon=[0.1]), 2) is False
    square = ExternalAttack(kind="external", library="art", name="Square", epsilon=[0.1])
    assert raises_wrong_class(square, 2) is None


def test_only_an_ensemble_of_all_networks_lowers_their_disagreement() -> None:
    def run(*members: str) -> Run:
        network = EnsembleNetwork(ensemble=list(members)) if members else Training()
        return Run("G", "one", "further", network, ("sign",))

    attack, judges = gradient("wrong_class"), ["full", "other"]
    assert lowers_disagreement(attack, 3, run("full", "other"), judges)
    assert lowers_disagreement(attack, 3, run("full", "other", "third"), judges)
    assert not lowers_disagreement(attack, 3, run("full", "third"), judges)
    assert not lowers_disagreement(attack, 3, run(), judges)
    assert not lowers_disagreement(gradient("logit"), 3, run("full", "other"), judges)
