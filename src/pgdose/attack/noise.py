"""The control: uniform noise of the same amplitude as the attacks."""

from dataclasses import dataclass, replace

from torch import Tensor

from pgdose.attack.draws import generator, uniform_patterns
from pgdose.attack.projections import into_box
from pgdose.attack.steps import Attack, Items


@dataclass(frozen=True, kw_only=True)
class Noise(Attack):
    """Uniform noise in [-epsilon, epsilon], drawn anew at each iteration.

    Keyed by image and iteration: one pattern for all epsilons, whatever the batch.
    """

    def advance(self, items: Items, logits: Tensor, gradient: Tensor | None) -> Items:
        pairs = zip(items.keys.tolist(), items.iteration.tolist(), strict=True)
        noise = uniform_patterns(
            items.clean, [generator(key, iteration) for key, iteration in pairs]
        )
        moved = items.clean + items.epsilon * noise
        return replace(items, images=into_box(moved, items.clean, items.epsilon))
