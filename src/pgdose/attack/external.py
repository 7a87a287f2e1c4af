"""Attacks of other libraries (`kind: external`): a surface with the iterations that they can give.

art, foolbox and torchattacks are an optional extra (`peers`), imported when an attack needs them.
They return the last image of a run and nothing before, so every epsilon and every number of
iterations is a run of its own, and what was not run is NaN.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pgdose.attack.batching import Execution, Part, in_parts
from pgdose.attack.input_checks import check_attacked_logits, check_network, check_samples
from pgdose.attack.libraries import LibraryAttack, untouched
from pgdose.attack.projections import as_stored
from pgdose.attack.samples import Samples
from pgdose.attack.selection import clean_logits
from pgdose.attack.surface import PART, Surface
from pgdose.networks.classifier import changed_labels, probability_offset
from pgdose.study.attacks import ExternalAttack
from pgdose.study.doses import Doses

ROUNDING = 1e-6  # how far out of [0, 1] float32 may carry an image that was cut to it


def square(network: nn.Module, samples: Samples, epsilon: float, queries: int) -> Tensor:
    """Adversarial images of Square, a black-box attack (Andriushchenko et al. 2020), L-infinity.

    They have the shape of the images and lie in the box of epsilon; one that Square cannot flip is
    unchanged. Of torchattacks: one query is one forward pass there and three in ART, it stays on
    the device, and takes a seed.
    """
    attack = LibraryAttack("torchattacks", "Square", {"n_queries": queries})
    with untouched(network, samples.images.device):
        return attack.images(network, samples, epsilon, None)


def external_surface(
    network: nn.Module,
    samples: Samples,
    settings: ExternalAttack,
    doses: Doses,
    execution: Execution | None = None,
) -> Surface:
    """Attack each image that the network gets right, at each epsilon, with a library's attack.

    The arguments are as for `surface`, without shortcuts. In the result:

    logits:  NaN at iterations that were not run
    change:  the largest change of a pixel, whatever the library's norm; over 1 where an image left
             [0, 1], by as much as it did. Nothing is clipped, so a change beyond epsilon is visible
    steps:   images times iterations that the library was to run; 0 if it has no iterations

    Attacks that draw are seeded by the keys of a batch's images together, at each run alike, so
    they give the same again for the same batches. At the end global random states, the network's
    mode and its frozen weights are as before.

    UserError for a library that is missing, an attack that it does not have, or arguments that
    the attack does not take.
    """
    execution = execution or Execution()
    check_network(network)
    check_samples(samples)
    attack = LibraryAttack(
        settings.library, settings.name, settings.arguments, settings.iterations_as
    )
    iterations = settings.at or [doses.max_iter]
    with untouched(network, samples.images.device):
        clean, batch = clean_logits(network, samples, execution.batch)
        right = clean.argmax(dim=1) == samples.classes
        complete = Samples(samples.images, samples.classes, samples.keys, clean)

        def compute(some: Tensor, batch: int) -> Part:
            return _part(network, attack, complete.select(some), doses, iterations)

        values, batch = in_parts(compute, right.nonzero()[:, 0], batch, execution)
    steps = int(values.pop("steps").sum())
    offset = probability_offset(network)
    return Surface(
        clean=clean.cpu(),
        attacked=right.cpu(),
        **values,
        steps=steps,
        batch=batch,
        offset=None if offset is None else tuple(offset.tolist()),
    )


def _part(
    network: nn.Module,
    attack: LibraryAttack,
    samples: Samples,
    doses: Doses,
    iterations: Sequence[int],
) -> Part:
    """All runs on some images."""
    assert samples.clean is not None
    images, clean = samples.images, samples.clean
    m, e = len(samples), len(doses)
    logits = clean.new_full((m, e, doses.max_iter + 1, clean.shape[1]), torch.nan)
    logits[:, :, 0] = clean[:, None]
    stored = clean.new_zeros((m, e, clean.shape[1]))
    change = images.new_zeros((m, e))
    other_labels = images.new_full((m, e), torch.nan)
    for level, epsilon in enumerate(doses.epsilons if m else ()):
        for iteration in iterations:
            adversarial = attack.images(network, samples, epsilon, iteration)
            with torch.no_grad():
                logits[:, level, iteration] = network(adversarial)
            check_attacked_logits(logits[:, level, iteration])
        with torch.no_grad():
            stored[:, level] = network(as_stored(adversarial.clamp(0, 1)))
            changed = changed_labels(network, images, adversarial)
        if changed is not None:
            other_labels[:, level] = changed.to(images)
        check_attacked_logits(stored[:, level])
        change[:, level] = _change(adversarial, images)
    each = e * sum(iterations) if attack.iterations_as else 0
    nothing = images.new_full((m,), torch.nan)
    steps = torch.full((m,), each, dtype=torch.int64)
    values = (logits, stored, change, nothing, nothing.clone(), other_labels, steps)
    return {name: value.cpu() for name, value in zip(PART, values, strict=True)}


def _change(adversarial: Tensor, clean: Tensor) -> Tensor:
    """n, the largest change of a pixel; 1 and how far out it lies for an image out of [0, 1]."""
    changed = (adversarial - clean).abs().flatten(1).amax(dim=1)
    outside = torch.maximum(-adversarial, adversarial - 1).flatten(1).amax(dim=1)
    return torch.where(outside > ROUNDING, 1 + outside, changed)
