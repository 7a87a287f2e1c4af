"""The steps of attacks: from one iterate and its gradient to the next.

Images are float, n x channels x rows x columns, in [0, 1]; epsilon is in the same unit: the
largest change of a pixel, or under `clip: l2` the length of the whole change.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pgdose.attack.draws import generator
from pgdose.attack.objectives import Objective
from pgdose.attack.projections import BOX, Clip, unit
from pgdose.networks.classifier import probability_offset
from pgdose.study.attacks import LEAST_LIKELY


@dataclass
class Items:
    """Attacks under way, one row each: an image at an epsilon. All tensors have n rows."""

    images: Tensor  # the iterates
    clean: Tensor
    target_class: Tensor  # int64, whose objective is lowered; of a targeted attack raised
    keys: Tensor  # int64, identities of the images, for attacks that draw
    epsilon: Tensor  # n x 1 x 1 x 1
    last: Tensor  # int64, the iteration at which the attack ends
    row: Tensor  # int64, position of the image in its batch
    level: Tensor  # int64, position of epsilon in the doses
    iteration: Tensor  # int64
    memory: dict[str, Tensor] = field(default_factory=dict)  # what a step keeps for the next one

    def __len__(self) -> int:
        return len(self.row)

    def select(self, rows: Tensor | slice) -> "Items":
        """Some of the rows, by a mask, their numbers or a slice."""
        if isinstance(rows, Tensor) and rows.dtype == torch.bool and bool(rows.all()):
            return self  # no copy
        tensors = {name: value for name, value in vars(self).items() if name != "memory"}
        memory = {name: value[rows] for name, value in self.memory.items()}
        return Items(**{name: value[rows] for name, value in tensors.items()}, memory=memory)

    @staticmethod
    def join(parts: list["Items"]) -> "Items":
        """The rows of all parts, in their order."""
        if len(parts) == 1:
            return parts[0]  # no copy
        names = [name for name in vars(parts[0]) if name != "memory"]
        memory = {n: torch.cat([part.memory[n] for part in parts]) for n in parts[0].memory}
        return Items(
            **{n: torch.cat([getattr(part, n) for part in parts]) for n in names}, memory=memory
        )


@dataclass(frozen=True, kw_only=True)
class Attack:
    """How an attack goes from one iterate to the next. Subclasses define `advance`."""

    objective: Objective | None = None  # whose gradient is followed; None needs no gradient
    target: int | str | None = None  # a class index, least_likely; None: away from the true class
    clip: Clip = BOX
    start: str = "clean"  # or random
    restarts: int = 1
    offset: tuple[float, ...] | None = None  # of the attacked network, see `attack_on`

    def __post_init__(self) -> None:
        if self.start == "random" and self.clip.random_start is None:
            raise ValueError(f"clip: {self.clip.name} has no random start; use start: clean")

    @property
    def is_deterministic(self) -> bool:
        """Whether a step is a function of the iterate and epsilon.

        Then an iterate that returns starts a cycle.
        """
        return False

    @property
    def shares_trajectories(self) -> bool:
        """Whether a step is a function of the iterate alone, but for the clip.

        Then epsilons share their way until a box binds.
        """
        return False

    @property
    def returns_iterates(self) -> bool:
        """Whether `result` is the iterate itself, known before its logits."""
        return True

    def initial_images(self, items: Items, restart: int) -> Tensor:
        """Iterate 0."""
        if self.start == "clean":
            return items.clean
        assert self.clip.random_start is not None
        # Keyed by image and restart: one pattern for all epsilons.
        generators = [generator(key, restart, 1) for key in items.keys.tolist()]
        return self.clip.random_start(items.clean, items.epsilon, generators)

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        """The next iterate, and what the step remembers; the loop counts `iteration`."""
        raise NotImplementedError

    def result(self, items: Items, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The images that the attack would return at this iteration, and their logits."""
        return items.images, logits


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Attack):
    """Eq. 1 of Kovalev & Voynov (2019), and with other parts PGD and its relatives.

    clip = iterate, l2:  x[k+1] = Clip(x[k] - rate * d), Clip the box or ball round the clean image
    clip = gradient:     x[k+1] = x[k] - rate * clamp(g, -epsilon, epsilon), cut to [0, 1]
    with g the gradient, and d = g (step = raw), its sign or g / |g| (l2). With momentum m, g is
    replaced by v[k+1] = m * v[k] + g / mean|g| (MI-FGSM, Dong et al. 2018). The rate may be in
    parts of epsilon.
    """

    step: str
    rate: float
    momentum: float = 0.0
    rate_is_relative: bool = False

    @property
    def is_deterministic(self) -> bool:
        return self.start == "clean"

    @property
    def shares_trajectories(self) -> bool:
        return self.is_deterministic and not self.rate_is_relative

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        assert gradient is not None
        memory = dict(items.memory)
        if self.momentum:
            mean = gradient.abs().mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-20)
            before = memory.get("velocity", torch.zeros_like(gradient))
            gradient = memory["velocity"] = self.momentum * before + gradient / mean
        if self.step == "sign":
            direction = gradient.sign()
        elif self.step == "l2":
            direction = unit(gradient)
        else:
            direction = self.clip.limit_gradient(gradient, items.epsilon)
        if self.rate_is_relative:
            direction = direction * items.epsilon
        moved = torch.sub(items.images, direction, alpha=self.rate)
        images = self.clip.project(moved, items.clean, items.epsilon)
        return replace(items, images=images, memory=memory)


def attack_on(attack: Attack, network: nn.Module) -> Attack:
    """The attack with the offset of a network whose decision has a threshold.

    Its logits are those of the decision; objectives are functions of its probabilities.
    """
    offset = probability_offset(network)
    return attack if offset is None else replace(attack, offset=tuple(offset.tolist()))


def loss(attack: Attack, items: Items, logits: Tensor) -> Tensor:
    """n, the loss that descent lowers: the objective of the true class, or minus the target's."""
    assert attack.objective is not None
    if attack.offset is not None:
        logits = logits + logits.new_tensor(attack.offset)
    value = attack.objective(logits, items.target_class)
    return value if attack.target is None else -value


def target_class(attack: Attack, logits: Tensor, classes: Tensor) -> Tensor:
    """n, the class that each image is driven away from, or towards if the attack has a target."""
    if attack.target is None:
        return classes
    if attack.target == LEAST_LIKELY:
        return logits.argmin(dim=1)
    return torch.full_like(classes, int(attack.target))
