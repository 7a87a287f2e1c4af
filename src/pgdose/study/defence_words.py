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

    Of a network that is made of others those of all networks that were trained for it, each once: a
    defence at the input adds none. None where one of them was trained elsewhere. `runs` are those
    of the group.
    """
    costs = {name: _cost(runs[name]) for name in _trained_for(run, runs)}
    of_trainings = [cost for cost in costs.values() if cost is not None]
    return sum(of_trainings) if len(of_trainings) == len(costs) else None


def _trained_for(run: Run, runs: Mapping[str, Run]) -> set[str]:
    """The networks behind a network that are made of no others: itself, or those behind it."""
    if not run.made_of:
        return {run.name}
    return set().union(*(_trained_for(runs[name], runs) for name in run.made_of))


def _cost(run: Run) -> float | None:
    if not isinstance(run.network, Training):
        return None
    adversarial = run.network.adversarial
    return 1.0 if adversarial is None else float(adversarial.cost)


def _trained(adversarial: AdversarialTraining) -> str:
    name = {"pgd": "PGD", "trades": "TRADES", "free": "free"}[adversarial.method]
    return f"adversarial training ({name}, epsilon {adversarial.epsilon:g})"
