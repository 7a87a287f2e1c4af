"""Adversarial images made again: a surface holds logits, and an attack is cheap to run again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.attack.loop import iterate
from pgdose.attack.projections import GREY_LEVELS
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack
from pgdose.networks.classifier import probability_offset
from pgdose.study.doses import Doses


@dataclass(frozen=True)
class Version:
    """One image before and after an attack: 1 x channels x rows x columns in [0, 1].

    `before` and `after` are probabilities, one for each class; `offset` is that of the network.
    """

    clean: Tensor
    adversarial: Tensor
    before: Tensor
    after: Tensor
    offset: Tensor | None = None

    @property
    def original(self) -> "Version":
        """The image as if nothing had been done to it."""
        return replace(self, adversarial=self.clean, after=self.before)

    def predictions(self, names: Sequence[str]) -> dict[str, str | float]:
        """The predicted classes, by their names, and their probabilities, before and after."""
        before, after = self._decision(self.before), self._decision(self.after)
        return {
            "class_before": names[before],
            "class_after": names[after],
            "confidence_before": float(self.before[before]),
            "confidence_after": float(self.after[after]),
        }

    def _decision(self, probabilities: Tensor) -> int:
        shift = 0 if self.offset is None else self.offset
        return int((probabilities.log() - shift).argmax())


def rerun(
    network: nn.Module, sample: Samples, attack: Attack, doses: Doses, level: int, iteration: int
) -> Version:
    """Run the attack of a surface again on one image (`sample` has length 1), to `iteration`.

    `network` is the one that was attacked; the rest is as for `loop.iterate`.
    """
    image, logits = iterate(network, sample, attack, doses, level, iteration)
    with torch.no_grad():
        before = network(sample.images)
    offset = probability_offset(network)
    shift = 0 if offset is None else offset
    before, after = ((of + shift)[0].softmax(dim=0).cpu() for of in (before, logits))
    cpu = None if offset is None else offset.cpu()
    return Version(sample.images, image, before, after, cpu)


# --- pictures ---------------------------------------------------------------------------------


def as_bytes(image: Tensor) -> np.ndarray:
    """1 x channels x rows x columns in [0, 1] to the nearest uint8, rows x columns or x 3."""
    levels = (image[0] * GREY_LEVELS).round().clamp(0, GREY_LEVELS).to(torch.uint8).cpu().numpy()
    return levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0)


def difference(
    original: np.ndarray, adversarial: np.ndarray, span: float | None = None
) -> np.ndarray:
    """The change of an attack as a picture: 0.5 + (adversarial - original) / (2 * span), uint8.

    Both are uint8 as stored, rows x columns or x 3. `span` is the change, in parts of the full
    range, that becomes black or white, usually epsilon; None takes the image's largest change, for
    attacks of which epsilon does not bound the change of a pixel. Mid-grey (128) is no change.
    """
    change = (adversarial.astype(np.float64) - original) / GREY_LEVELS
    if span is None:
        span = float(np.abs(change).max())
    share = change / (2 * span) if span else change
    return np.rint(np.clip(0.5 + share, 0, 1) * GREY_LEVELS).astype(np.uint8)
