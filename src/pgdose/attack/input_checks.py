"""Checks of the inputs of an attack: network, doses, images, classes, logits."""

import torch
from torch import Tensor, nn

from pgdose.attack.objectives import difference_of_logits_ratio
from pgdose.attack.projections import Clip
from pgdose.attack.samples import Samples
from pgdose.attack.steps import Attack
from pgdose.errors import UserError
from pgdose.study.doses import Doses


def check_network(network: nn.Module) -> None:
    """ValueError unless the network is in evaluation mode and its weights are frozen."""
    if any(m.training for m in network.modules()) or any(
        p.requires_grad for p in network.parameters()
    ):
        raise ValueError(
            "the network must be in evaluation mode with frozen weights; call "
            "network.eval().requires_grad_(False)"
        )


def check_doses(doses: Doses, clip: Clip) -> None:
    """UserError for an epsilon that is larger than makes sense with the clip."""
    if doses.epsilons[-1] > clip.largest_epsilon:
        raise UserError(
            f"epsilon: {doses.epsilons[-1]}; give at most {clip.largest_epsilon:g}, the full "
            "intensity range"
        )


def check_samples(samples: Samples) -> None:
    """UserError for images that are not float in [0, 1], or of which the classes do not fit."""
    images, classes, clean = samples.images, samples.classes, samples.clean
    if images.ndim != 4 or images.dtype not in (torch.float32, torch.float64):
        raise UserError(
            f"images of shape {list(images.shape)} and {images.dtype}; give "
            "n x channels x rows x columns, float32 or float64"
        )
    if classes.shape != images.shape[:1]:
        raise UserError(
            f"classes of shape {list(classes.shape)} for {len(images)} images; give one class "
            "for each image"
        )
    if clean is not None and (clean.ndim != 2 or len(clean) != len(images)):
        raise UserError(
            f"clean logits of shape {list(clean.shape)} for {len(images)} images; give images "
            "x classes"
        )
    if len(images) and not (images.min() >= 0 and images.max() <= 1):  # also NaN
        raise UserError(
            f"images from {images.min():.4g} to {images.max():.4g}; scale them to lie in [0, 1], "
            "which is the unit of epsilon"
        )


def check_classes(classes: Tensor, logits: Tensor, attack: Attack) -> None:
    """UserError for classes or a target that the network does not have, or too few for DLR."""
    outputs = logits.shape[1]
    if len(classes) and not (0 <= int(classes.min()) <= int(classes.max()) < outputs):
        raise UserError(
            f"classes from {int(classes.min())} to {int(classes.max())}, but the network has "
            f"{outputs}; give them as 0 to {outputs - 1}"
        )
    if attack.objective is difference_of_logits_ratio and outputs < 3:
        raise UserError(
            f"gradient_of: dlr compares three classes, but the network has {outputs}; use margin"
        )
    if isinstance(attack.target, int) and not 0 <= attack.target < outputs:
        raise UserError(
            f"target: {attack.target}, but the network has {outputs} classes; give 0 to "
            f"{outputs - 1}"
        )


def check_clean_logits(logits: Tensor) -> None:
    """UserError for outputs on clean images that are not finite logits of two or more classes."""
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise UserError(
            f"the network gives outputs of shape {list(logits.shape)}; it must give one logit for "
            "each of two or more classes"
        )
    if not logits.isfinite().all():
        bad = int((~logits.isfinite()).any(dim=1).sum())
        raise UserError(
            f"the network gives NaN or infinity for {bad} of {len(logits)} clean images; check its "
            "weights and its preprocessing"
        )
    if len(logits) and logits.min() >= 0 and (logits.sum(dim=1) - 1).abs().max() < 1e-3:
        raise UserError(
            "the network gives probabilities (softmax), whose gradients vanish where the network "
            "is confident; remove the softmax, so that it gives logits"
        )


def check_attacked_logits(*logits: Tensor) -> None:
    """UserError for outputs on attacked images that are not finite."""
    if not all(bool(values.isfinite().all()) for values in logits):
        raise UserError(
            "the network gives NaN or infinity for attacked images, so there is no success rate; "
            "check its weights, or attack it in fp32"
        )
