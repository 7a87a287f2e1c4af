"""What the networks of a study take: seconds of a run's training, attacks and other work.

Each is a count of the study, times what one image costs one network on this machine.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pgdose.cli.step_seconds import Seconds
from pgdose.study.adversarial_training import AdversarialTraining
from pgdose.study.controls import Control, Corruption, UniversalPerturbation
from pgdose.study.defended_networks import DefendedNetwork
from pgdose.study.networks import ExistingNetwork
from pgdose.study.runs import Run
from pgdose.study.study import Study
from pgdose.study.training import Training

# A step of training costs so much more than a step of an attack (docs/explanation/scale.md).
TRAINING = 2.4
# What a pass of adversarial training costs, plain training = 1: docs/explanation/training.md,
# "What an epoch takes", divided by the passes; a step of the inner attack needs no gradient of
# the weights.
PASS = {"pgd": 0.76, "trades": 0.78, "free": 1.03}
WEIGHTS = 100_000_000  # bytes of a network of full width
Cost = tuple[float, float]  # seconds of an image: forward, and forward and backward


@dataclass(frozen=True)
class Work:
    """The work with one run's network.

    images: of its group
    cost:   of an image, see `Cost`
    steps:  seconds of an image of each network of the study
    """

    study: Study
    run: Run
    images: int
    cost: Cost
    steps: Seconds

    @property
    def training_images(self) -> float:
        """Those that a network learns from."""
        return self.run.size or self.images * self.study.training_share(self.run.group)

    def judged(self, wanted: int | str) -> float:
        """How many validation images there are of so many wanted ones, or of "all"."""
        validation = self.images * (1 - self.study.training_share(self.run.group))
        return validation if isinstance(wanted, str) else min(wanted, validation)

    def controls(self) -> Iterator[Control]:
        """Those of its group."""
        for name in self.study.controls_of(self.run.group):
            yield self.study.controls[name]

    @property
    def judging(self) -> float:
        """Seconds that the networks of the group need, together, for one image."""
        runs = self.study.runs(self.run.group).values()
        costs = [step_cost(self.study, run, self.steps) for run in runs if _shares_images(run)]
        return sum(cost[0] for cost in costs if cost)


Amount = tuple[float, float, int]  # least and most seconds, bytes


def runs_of(study: Study) -> Iterator[Run]:
    """All runs of the study."""
    for group in study.groups:
        yield from study.runs(group).values()


def step_key(study: Study, run: Run) -> str:
    """Equal for runs whose networks cost the same."""
    size = study.groups[run.group].image.size
    network = run.network
    if isinstance(network, Training):
        return f"{network.architecture} {network.width:g} {size} px"
    if isinstance(network, ExistingNetwork):
        return f"{network.file} {size} px"
    return f"{run.path} {size} px"  # made of others: not timed


def step_cost(study: Study, run: Run, steps: Seconds) -> Cost | None:
    """Seconds of an image of a run's network; of one made of others, what these cost together."""
    if not run.made_of:
        one, both = steps.get(step_key(study, run), [None, None])
        return None if one is None or both is None else (one, both)
    runs = study.runs(run.group)
    copies = run.network.defence.copies if isinstance(run.network, DefendedNetwork) else 1
    forward, backward = 0.0, 0.0
    for name in run.made_of:
        part = step_cost(study, runs[name], steps)
        if part is None:
            return None
        forward, backward = forward + copies * part[0], backward + copies * part[1]
    return forward, backward


def _training(work: Work) -> Amount:
    network = work.run.network
    if not isinstance(network, Training):
        return 0.0, 0.0, 0
    seconds = work.training_images * network.epochs * work.cost[1] * TRAINING
    seconds *= adversarial_factor(network.adversarial)
    return seconds, seconds, int(WEIGHTS * network.width**2)


def adversarial_factor(settings: AdversarialTraining | None) -> float:
    """How many times longer an epoch takes than one of plain training."""
    return 1.0 if settings is None else PASS[settings.method] * settings.cost


def _attacks(work: Work) -> Amount:
    study, cost = work.study, work.cost
    classes = len(study.groups[work.run.group].classes)
    least, most, size = 0.0, 0.0, 0
    for name in work.run.attacks:
        attack = study.attacks[name]
        attacked = work.judged(attack.images)
        steps = len(attack.epsilon) * attack.max_iter
        each = cost[0] if attack.kind == "noise" else cost[1]
        most += attacked * steps * each
        # Amplitudes share the steps that none of them cuts, see attack/shortcuts.py.
        least += attacked * (attack.max_iter if attack.kind == "gradient" else steps) * each
        size += int(attacked * len(attack.epsilon) * (attack.max_iter + 2) * classes * 4)
    return least, most, size


def _checks(work: Work) -> Amount:
    study, cost, most = work.study, work.cost, 0.0
    for name in work.run.attacks:
        attack = study.attacks[name]
        if attack.kind == "gradient":
            few = min(study.checks.images, work.judged(attack.images))
            most += few * (study.checks.queries * cost[0] + 4 * attack.max_iter * cost[1])
    return most / 4, most, 0  # checks that one attack has passed are not made for the next


def _transfer(work: Work) -> Amount:
    """Attacks are run again up to the operating iteration, and all networks judge the images."""
    study, seconds = work.study, 0.0
    if not _shares_images(work.run) or not study.groups[work.run.group].networks:
        return 0.0, 0.0, 0
    for attack in study.attacks.values():
        if attack.kind == "gradient":
            steps = min(attack.max_iter, study.operating_points.iterations) * attack.restarts
            made = len(attack.epsilon) * steps * work.cost[1]
            judged = (len(attack.epsilon) + 1) * work.judging  # the clean image, too
            seconds += work.judged(attack.images) * (made + judged)
    return seconds, seconds, 0


def _certificates(work: Work) -> Amount:
    """Noisy copies go through the network behind the smoothing."""
    network = work.run.network
    smoothing = network.defence.smoothing if isinstance(network, DefendedNetwork) else None
    if smoothing is None:
        return 0.0, 0.0, 0
    base = work.study.runs(work.run.group)[work.run.made_of[0]]
    cost = step_cost(work.study, base, work.steps)
    assert cost is not None  # or the smoothed network had none
    copies = smoothing.selection + smoothing.samples
    seconds = work.judged(smoothing.images) * copies * cost[0]
    return seconds, seconds, 0


def _corruptions(work: Work) -> Amount:
    if work.run.role == "sized":
        return 0.0, 0.0, 0
    shown = sum(
        work.judged(control.images) * len(control.severities)
        for control in work.controls()
        if isinstance(control, Corruption)
    )
    return shown * work.cost[0], shown * work.cost[0], 0


def _universal(work: Work) -> Amount:
    """Each amplitude has a perturbation of its own; all networks of the group judge it."""
    if not _shares_images(work.run):
        return 0.0, 0.0, 0
    seconds = 0.0
    for control in work.controls():
        if isinstance(control, UniversalPerturbation):
            learned = control.epochs * work.training_images * work.cost[1]
            judged = work.judged(control.images) * work.judging
            seconds += len(control.epsilon) * (learned + judged)
    return seconds, seconds, 0


def _shares_images(run: Run) -> bool:
    """Whether the networks of its group judge each other's images."""
    return run.role in ("main", "further")


#: Of each kind of work the rule whose jobs do it, and what it takes.
KINDS: Mapping[str, tuple[str, Callable[[Work], Amount]]] = {
    "training": ("train", _training),
    "attacks": ("attack", _attacks),
    "checks of attacks": ("diagnose", _checks),
    "transfer": ("transfer", _transfer),
    "certificates": ("certify", _certificates),
    "controls: corruptions": ("corrupt", _corruptions),
    "controls: universal perturbations": ("universal", _universal),
}
