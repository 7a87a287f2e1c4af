"""What attacks are made of: objectives, steps, clips, starts, schedules. They combine in the study.

Images are float, n x channels x rows x columns, in [0, 1]; epsilon is in the same unit: the
largest change of a pixel, or under `clip: l2` the length of the whole change.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgdose.errors import UserError

# --- objectives: (logits n x classes, a class of each n) -> n, what makes the class likely --------

Objective = Callable[[Tensor, Tensor], Tensor]


def _of(values: Tensor, classes: Tensor) -> Tensor:
    return values.gather(1, classes[:, None])[:, 0]


def margin(logits: Tensor, classes: Tensor) -> Tensor:
    """The class's logit less the largest of the others: negative where the class has lost."""
    others = logits.scatter(1, classes[:, None], -torch.inf)
    return _of(logits, classes) - others.amax(dim=1)


def difference_of_logits_ratio(logits: Tensor, classes: Tensor) -> Tensor:
    """The margin over the first less the third logit (DLR, Croce & Hein 2020, eq. 6)."""
    ordered = logits.sort(dim=1, descending=True).values
    return margin(logits, classes) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


OBJECTIVES: dict[str, Objective] = {
    "probability": lambda logits, classes: _of(logits.softmax(dim=1), classes),
    "logit": _of,
    "cross_entropy": lambda logits, classes: _of(logits.log_softmax(dim=1), classes),
    "margin": margin,
    "dlr": difference_of_logits_ratio,
}


# --- clips: which images are near enough ----------------------------------------------------------


def _length(images: Tensor) -> Tensor:
    return images.flatten(1).norm(dim=1)[:, None, None, None]


def into_box(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """The nearest images within epsilon of the clean ones (L-infinity) and within [0, 1]."""
    return torch.minimum(torch.maximum(images, clean - epsilon), clean + epsilon).clamp(0, 1)


def into_ball(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """Images drawn back to the length epsilon of their change (L2), then cut to [0, 1]."""
    change = images - clean
    far = _length(change) > epsilon
    return torch.where(far, clean + change * (epsilon / _length(change)), images).clamp(0, 1)


def into_range(images: Tensor, clean: Tensor, epsilon: Tensor | float) -> Tensor:
    """Images cut to [0, 1]: nothing but the intensity range bounds them."""
    return images.clamp(0, 1)


CLIPS = {"iterate": into_box, "l2": into_ball, "gradient": into_range}


def unit(gradient: Tensor) -> Tensor:
    """Each image's gradient with length 1; a gradient of zeros stays so."""
    return gradient / _length(gradient).clamp_min(1e-20)


# --- attacks --------------------------------------------------------------------------------------


@dataclass
class Items:
    """Attacks under way, one row each: an image at an epsilon. All tensors have n rows."""

    images: Tensor  # the iterates
    clean: Tensor
    aims: Tensor  # int64, the class that is lowered; of a targeted attack the one that is raised
    keys: Tensor  # int64, identities of the images, for attacks that draw
    epsilon: Tensor  # n x 1 x 1 x 1
    last: Tensor  # int64, the iteration at which it ends
    row: Tensor  # int64, which image of the batch, and
    level: Tensor  # which epsilon it is
    iteration: Tensor  # int64
    memory: dict[str, Tensor] = field(default_factory=dict)  # what else goes along

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: Tensor | slice) -> "Items":
        """Some of the rows, by a mask, their numbers or a slice."""
        if isinstance(which, Tensor) and which.dtype == torch.bool and bool(which.all()):
            return self  # no copy
        own = {name: value for name, value in vars(self).items() if name != "memory"}
        memory = {name: value[which] for name, value in self.memory.items()}
        return Items(**{name: value[which] for name, value in own.items()}, memory=memory)

    @staticmethod
    def join(parts: list["Items"]) -> "Items":
        names = [name for name in vars(parts[0]) if name != "memory"]
        memory = {n: torch.cat([part.memory[n] for part in parts]) for n in parts[0].memory}
        return Items(
            **{n: torch.cat([getattr(part, n) for part in parts]) for n in names}, memory=memory
        )


@dataclass(frozen=True, kw_only=True)
class Attack:
    """From one iterate (and its gradient, if wanted) to the next."""

    objective: Objective | None = None  # whose gradient is followed; None: it asks for none
    target: int | str | None = None  # a class's index, least_likely, or away from the true class
    clip: str = "iterate"
    start: str = "clean"
    restarts: int = 1

    @property
    def steady(self) -> bool:
        """Whether a step hangs on the iterate alone: epsilons share their way, iterates repeat."""
        return False

    def begin(self, items: Items, restart: int) -> Tensor:
        """Iterate 0."""
        return items.clean if self.start == "clean" else _random_start(items, self.clip, restart)

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        """The next iterate and what is remembered; `iteration` is counted by the engine."""
        raise NotImplementedError

    def outcome(self, items: Items, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The images, and their logits, that the attack would return at this iteration."""
        return items.images, logits


@dataclass(frozen=True, kw_only=True)
class Gradient(Attack):
    """Gradient descent: Eq. 1 of Kovalev & Voynov (2019), and with other parts PGD and its kin.

    clip = iterate, l2:  x[k+1] = Clip(x[k] - rate * d), Clip the box or ball round the clean image
    clip = gradient:     x[k+1] = x[k] - rate * clamp(g, -epsilon, epsilon), cut to [0, 1]
    with g the gradient, and d = g (step = raw), its sign or g / |g| (l2). With momentum m, g is
    replaced by v[k+1] = m * v[k] + g / mean|g| (MI-FGSM, Dong et al. 2018).
    """

    step: str
    rate: float
    momentum: float = 0.0

    @property
    def steady(self) -> bool:
        return self.start == "clean"

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
        elif self.clip == "gradient":
            direction = torch.minimum(torch.maximum(gradient, -items.epsilon), items.epsilon)
        else:
            direction = gradient
        moved = torch.sub(items.images, direction, alpha=self.rate)
        return replace(
            items, images=CLIPS[self.clip](moved, items.clean, items.epsilon), memory=memory
        )


@dataclass(frozen=True, kw_only=True)
class Apgd(Attack):
    """Auto-PGD (Croce & Hein 2020, algorithm 1): halves its step where progress stalls.

    The step begins at 2 epsilon and goes by the sign of the gradient, or its length under l2;
    0.75 of it is new and 0.25 goes on as before. What counts at an iteration is the best iterate
    so far. The checkpoints hang on the number of iterations: a shorter run is another one.
    """

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        assert gradient is not None
        known, images = dict(items.memory), items.images
        iteration, value = int(items.iteration[0]), lowered(self, items, logits)
        if not known:
            known = {"previous": images, "size": 2 * items.epsilon, "value": value}
            known |= {"best": images, "best_gradient": gradient, "best_logits": logits}
            known |= {"best_value": value, "at_check": value, "rises": torch.zeros_like(value)}
            known["halved"] = torch.ones_like(value, dtype=torch.bool)
        else:
            known["rises"] = known["rises"] + (value < known["value"])
            known |= _better(known, images, value, gradient, logits)
            since = _since_checkpoint(iteration, int(items.last[0]))
            if since:
                stalled = known["rises"] <= 0.75 * since
                stalled |= ~known["halved"] & (known["best_value"] >= known["at_check"])
                wide = stalled[:, None, None, None]
                known["size"] = torch.where(wide, known["size"] / 2, known["size"])
                images = torch.where(wide, known["best"], images)
                gradient = torch.where(wide, known["best_gradient"], gradient)
                known |= {"halved": stalled, "at_check": known["best_value"]}
                known["rises"] = torch.zeros_like(value)
        direction = unit(gradient) if self.clip == "l2" else gradient.sign()
        clip, share = CLIPS[self.clip], 0.75 if iteration else 1.0
        step = clip(images - known["size"] * direction, items.clean, items.epsilon)
        step = images + share * (step - images) + (1 - share) * (images - known["previous"])
        known |= {"previous": images, "value": value}
        return replace(items, images=clip(step, items.clean, items.epsilon), memory=known)

    def outcome(self, items: Items, logits: Tensor) -> tuple[Tensor, Tensor]:
        if not items.memory:
            return items.images, logits
        value = lowered(self, items, logits)
        found = _better(items.memory, items.images, value, None, logits)
        return found["best"], found["best_logits"]


def _since_checkpoint(iteration: int, last: int) -> int:
    """At a checkpoint of APGD the iterations since the one before, elsewhere 0."""
    length, place = max(int(0.22 * last), 1), 0
    while place < iteration:
        place += length
        if place == iteration:
            return length
        length = max(length - max(int(0.03 * last), 1), max(int(0.06 * last), 1))
    return 0


def _better(
    known: dict[str, Tensor],
    images: Tensor,
    value: Tensor,
    gradient: Tensor | None,
    logits: Tensor,
) -> dict[str, Tensor]:
    """The best so far, with these iterates counted in."""
    now = value < known["best_value"]
    wide = now[:, None, None, None]
    found = {
        "best": torch.where(wide, images, known["best"]),
        "best_value": torch.where(now, value, known["best_value"]),
        "best_logits": torch.where(now[:, None], logits, known["best_logits"]),
    }
    if gradient is not None:
        found["best_gradient"] = torch.where(wide, gradient, known["best_gradient"])
    return found


@dataclass(frozen=True, kw_only=True)
class Noise(Attack):
    """The control: uniform noise in [-epsilon, epsilon], drawn anew at each iteration.

    Keyed by image and iteration: one pattern for all epsilons, whatever the batch.
    """

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        pairs = zip(items.keys.tolist(), items.iteration.tolist(), strict=True)
        noise = _patterns(items, [_generator(key, iteration) for key, iteration in pairs])
        moved = items.clean + items.epsilon * noise
        return replace(items, images=into_box(moved, items.clean, items.epsilon))


def lowered(attack: Attack, items: Items, logits: Tensor) -> Tensor:
    """n, what descent lowers: the objective of the true class, or less that of the target."""
    assert attack.objective is not None
    value = attack.objective(logits, items.aims)
    return value if attack.target is None else -value


def aims(attack: Attack, logits: Tensor, classes: Tensor) -> Tensor:
    """n, the class that each image is driven from, or to if the attack has a target."""
    if attack.target is None:
        return classes
    if attack.target == "least_likely":
        return logits.argmin(dim=1)
    return torch.full_like(classes, int(attack.target))


def _generator(key: int, *purpose: int) -> np.random.Generator:
    # numpy's, since torch's generator on the CPU takes no more than 32 bits of a seed.
    return np.random.default_rng(np.random.SeedSequence(key, spawn_key=purpose))


def _patterns(items: Items, sources: list[np.random.Generator]) -> Tensor:
    """Uniform in [-1, 1], of the images' shape."""
    shape = tuple(items.clean.shape[1:])
    drawn = [torch.from_numpy(source.uniform(-1, 1, shape)) for source in sources]
    return torch.stack(drawn).to(items.clean)


def _random_start(items: Items, clip: str, restart: int) -> Tensor:
    """Evenly from the box or the ball; keyed by image and restart, one pattern for all epsilons."""
    sources = [_generator(key, restart, 1) for key in items.keys.tolist()]
    if clip == "iterate":
        moved = items.clean + items.epsilon * _patterns(items, sources)
        return into_box(moved, items.clean, items.epsilon)
    shape = tuple(items.clean.shape[1:])
    drawn = [torch.from_numpy(source.normal(size=shape)) for source in sources]
    size = items.clean[0].numel()
    radius = [source.uniform() ** (1 / size) for source in sources]
    way = unit(torch.stack(drawn)) * torch.tensor(radius)[:, None, None, None]
    return into_ball(items.clean + items.epsilon * way.to(items.clean), items.clean, items.epsilon)


def make(settings: dict[str, Any]) -> Attack:
    """An attack from its entry in the study file; parts that are left out are its defaults there.

    `target` is None, a class's index or least_likely.
    """
    if settings["kind"] == "noise":
        return Noise()
    if settings["kind"] != "gradient":
        raise UserError(f"kind: {settings['kind']!r} is not made of parts; gradient or noise")
    names = ("target", "clip", "start", "restarts")
    parts = {name: settings[name] for name in names if name in settings}
    parts["objective"] = OBJECTIVES[settings.get("gradient_of", "probability")]
    if settings.get("schedule") == "apgd":
        return Apgd(**parts)
    step = settings.get("step") or "raw"
    rate = settings["lr"] if step == "raw" else settings["alpha"]
    return Gradient(**parts, step=step, rate=rate, momentum=settings.get("momentum", 0.0))
