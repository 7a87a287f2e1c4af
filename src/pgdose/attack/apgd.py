"""Auto-PGD: a step that is halved where progress stalls (Croce & Hein 2020, algorithm 1)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pgdose.attack.steps import Attack, Items, loss


@dataclass(frozen=True, kw_only=True)
class Apgd(Attack):
    """Auto-PGD (Croce & Hein 2020, algorithm 1).

    The step begins at 2 epsilon and goes where the clip's `apgd_direction` says; 0.75 of it is new
    and 0.25 repeats the one before. The result of an iteration is the best
    iterate so far. The checkpoints depend on the number of iterations, so a shorter run is another
    attack.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip.apgd_direction is None:
            raise ValueError(
                f"clip: {self.clip.name} has no APGD step; use one whose epsilon bounds the change"
            )

    @property
    def returns_iterates(self) -> bool:
        return False

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        assert gradient is not None and self.clip.apgd_direction is not None
        iteration, value = int(items.iteration[0]), loss(self, items, logits)
        images = items.images
        if not items.memory:
            state = _initial_state(items, value, gradient, logits)
        else:
            state = dict(items.memory)
            state["rises"] = state["rises"] + (value < state["value"])
            state |= _best(state, images, value, gradient, logits)
            period = _iterations_since_checkpoint(iteration, int(items.last[0]))
            if period:
                state, images, gradient = _at_checkpoint(state, images, gradient, period)
        direction = self.clip.apgd_direction(gradient)
        project, share = self.clip.project, 0.75 if iteration else 1.0
        step = project(images - state["size"] * direction, items.clean, items.epsilon)
        step = images + share * (step - images) + (1 - share) * (images - state["previous"])
        state |= {"previous": images, "value": value}
        return replace(items, images=project(step, items.clean, items.epsilon), memory=state)

    def result(self, items: Items, logits: Tensor) -> tuple[Tensor, Tensor]:
        if not items.memory:
            return items.images, logits
        best = _best(items.memory, items.images, loss(self, items, logits), None, logits)
        return best["best"], best["best_logits"]


State = dict[str, Tensor]  # what Apgd remembers, all with one row an image


def _initial_state(items: Items, value: Tensor, gradient: Tensor, logits: Tensor) -> State:
    images = items.images
    return {
        "previous": images,
        "size": 2 * items.epsilon,
        "value": value,
        "best": images,
        "best_gradient": gradient,
        "best_logits": logits,
        "best_value": value,
        "at_check": value,
        "rises": torch.zeros_like(value),
        "halved": torch.ones_like(value, dtype=torch.bool),
    }


def _at_checkpoint(
    state: State, images: Tensor, gradient: Tensor, period: int
) -> tuple[State, Tensor, Tensor]:
    """Where progress stalled, half the step and go back to the best iterate."""
    stalled = state["rises"] <= 0.75 * period
    stalled |= ~state["halved"] & (state["best_value"] >= state["at_check"])
    wide = stalled[:, None, None, None]
    changed = {
        "size": torch.where(wide, state["size"] / 2, state["size"]),
        "halved": stalled,
        "at_check": state["best_value"],
        "rises": torch.zeros_like(state["value"]),
    }
    images = torch.where(wide, state["best"], images)
    gradient = torch.where(wide, state["best_gradient"], gradient)
    return state | changed, images, gradient


def _iterations_since_checkpoint(iteration: int, last: int) -> int:
    """At a checkpoint the iterations since the one before, elsewhere 0."""
    length, checkpoint = max(int(0.22 * last), 1), 0
    while checkpoint < iteration:
        checkpoint += length
        if checkpoint == iteration:
            return length
        length = max(length - max(int(0.03 * last), 1), max(int(0.06 * last), 1))
    return 0


def _best(
    state: State, images: Tensor, value: Tensor, gradient: Tensor | None, logits: Tensor
) -> State:
    """The best iterates so far, these included."""
    better = value < state["best_value"]
    wide = better[:, None, None, None]
    best = {
        "best": torch.where(wide, images, state["best"]),
        "best_value": torch.where(better, value, state["best_value"]),
        "best_logits": torch.where(better[:, None], logits, state["best_logits"]),
    }
    if gradient is not None:
        best["best_gradient"] = torch.where(wide, gradient, state["best_gradient"])
    return best
