"""Which images are attacked: those that the network gets right to begin with."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pgdose.attack.input_checks import (
    check_classes,
    check_clean_logits,
    check_network,
    check_samples,
)
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack, target_class
from pgdose.out_of_memory import halve_batch


@dataclass(frozen=True)
class Selection:
    """n images before their attack.

    clean:        n x classes, logits of the clean images
    attacked:     n, bool; right on the clean image, and not of the class that a target names
    target_class: n, int64, the class whose objective is lowered, or raised for a target
    batch:        images at a time that memory allowed
    """

    clean: Tensor
    attacked: Tensor
    target_class: Tensor
    batch: int


def select_attacked(network: nn.Module, samples: Samples, attack: Attack, batch: int) -> Selection:
    """Check network and images, and find the images to attack; errors as for `surface`."""
    check_network(network)
    check_samples(samples)
    clean, batch = clean_logits(network, samples, batch)
    check_classes(samples.classes, clean, attack)
    right = clean.argmax(dim=1) == samples.classes
    targets = target_class(attack, clean, samples.classes)
    if attack.target is not None:
        right &= targets != samples.classes
    return Selection(clean, right, targets, batch)


def clean_logits(network: nn.Module, samples: Samples, batch: int) -> tuple[Tensor, int]:
    """Logits of the clean images, and the batch that memory allowed; UserError for other outputs.

    They are those of `samples` where it has them.
    """
    if samples.clean is not None:
        logits = samples.clean.to(samples.images)
        check_clean_logits(logits)
        return logits, batch
    images, parts, done = samples.images, [], 0
    while done < max(len(images), 1):  # without images the number of classes is needed all the same
        some = images[done : done + batch]
        try:
            with torch.no_grad():
                parts.append(network(some))
        except RuntimeError as error:
            batch = halve_batch(batch, error)
            continue
        done += max(len(some), 1)
    logits = torch.cat(parts)
    check_clean_logits(logits)
    return logits, batch
