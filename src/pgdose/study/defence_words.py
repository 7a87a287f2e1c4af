"""What tables and the page call the defence of a network, and what its training costs."""

from collections.abc import Mapping

from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.defended_networks import DefendedNetwork, EnsembleNetwork
from pgdose.study.runs import Run
from pgdose.study.training import Training


def defence_words(run: Run) -> str:
    """A defended run's defence: "jpeg (quality 50) before full"; empty for other runs."""
    network = run.network
    if isinstance(network, DefendedNetwork | EnsembleNetwork):
        return network.label
    if isinstance(network, Training) and network.adversarial is not None:
        return _trained(network.adversarial)
    return ""


def training_passes(run: Run, runs: Mapping[str, Run]) -> float | None:
    """Forward and backward passes for each training image and epoch; 1 for plain training.

    Those of a network that is made of others are those of the others: a defence at the input adds
    none. None where one of them was trained elsewhere. `runs` are those of the group.
    """
    if isinstance(run.network, Training):
        adversarial = run.network.adversarial
        return 1.0 if adversarial is None else float(adversarial.cost)
    if not run.made_of:
        return None
    parts = [training_passes(runs[name], runs) for name in run.made_of]
    return None if None in parts else sum(filter(None, parts))


def _trained(adversarial: AdversarialTraining) -> str:
    name = {"pgd": "PGD", "trades": "TRADES", "free": "free"}[adversarial.method]
    return f"adversarial training ({name}, epsilon {adversarial.epsilon:g})"
