"""Checks of an imported network on some images, before it is attacked.

`check` raises a UserError that says what is wrong and what to change: the study's `input` or
`outputs`, or how the network was exported.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks.classifier import Classifier, Preprocessing, classifier_in
from pgdose.networks.formats import first_line
from pgdose.networks.graph import MOST_OPERATIONS, OUTPUT_NAMES, Refused, limited
from pgdose.study.networks import OF_ONE_NUMBER

PROBED = 8  # images
ROUNDING = 1e-5  # of probabilities in single precision
# Fewer outputs that differ less between images do not tell logits from probabilities: those of an
# untrained network may all lie between 0.2 and 0.6.
MANY, VARIED = 1000, 0.5
# By the declared kind of outputs: what to write instead, if they are sigmoids.
SIGMOIDS = {
    "multilabel": "set 'activation: sigmoid'",
    "logit": "set 'outputs: sigmoid'",
    "logits": "set 'outputs: multilabel' with 'label' and 'activation: sigmoid'",
}
MEMORY = 1500  # MB that the results of a pass may take


def rows_to_probe(labels: np.ndarray, classes: int) -> np.ndarray:
    """Rows of the first few images of each class, at least PROBED where there are as many.

    Members are sorted by class, so the first images would all be of one.
    """
    each = PROBED // classes + 1
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:each] for c in range(classes)]))


def check(
    network: nn.Module, images: Tensor, classes: int, name: str, memory: float = MEMORY
) -> None:
    """UserError, with the reason, if a network cannot be attacked.

    Args:
        network: as `network_files.load` gives it, on the device of the images.
        images: some of the group's, n x channels x rows x columns in [0, 1].
        classes: how many the group has.
        name: the file that it came from.
        memory: MB that the results of a pass of two images may take. One that would take more is
            refused before it does; where they leave room, up to PROBED images are tried.
    """
    images = images[:PROBED]
    shape = " x ".join(map(str, images.shape[1:]))
    with limited(network, memory * 1e6 / 2) as cost:
        single = _logits(
            network,
            images[:1],
            name,
            f"does not take an image of {shape}, channels x rows x columns",
            "check input.size, input.channels and input.layout, and export it with a dynamic "
            "number of images",
        )
    images = images[: int(memory * 1e6 // max(cost.memory, 1))]
    with limited(network, memory * 1e6, MOST_OPERATIONS * len(images)):
        logits = _logits(
            network,
            images,
            name,
            f"takes one image, but not {len(images)} at a time",
            "export it with a dynamic number of images",
        )
    with torch.no_grad():
        repeated = network(images)
    _check_outputs(network, images, classes, name)
    if single.shape[1:] != logits.shape[1:] or len(single) != 1:
        raise UserError(
            f"{name}: gives {list(single.shape)} for one image, but {list(logits.shape)} for "
            f"{len(images)} (is there a squeeze()?); squeeze an axis by its number, or none"
        )
    if not torch.allclose(repeated, logits, rtol=1e-4, atol=1e-5):
        raise UserError(
            f"{name}: gives different outputs for the same images in two passes (is dropout "
            "active?); save it in evaluation mode"
        )
    if not torch.allclose(single, logits[:1], rtol=1e-3, atol=1e-4):
        raise UserError(
            f"{name}: its output for an image depends on the other images of the batch (is batch "
            "norm in training mode?); save it in evaluation mode"
        )
    _check_gradient(network, images, name)


def _logits(network: nn.Module, images: Tensor, name: str, fault: str, remedy: str) -> Tensor:
    try:
        with torch.no_grad():
            logits: Tensor = network(images)
    except Refused as refused:
        raise UserError(f"{name}: refused, because {refused}") from None
    except Exception as error:  # of whatever the network is made of
        raise UserError(f"{name}: {fault} ({first_line(error)}); {remedy}") from None
    return logits


def _check_outputs(network: nn.Module, images: Tensor, classes: int, name: str) -> None:
    """What the network itself gives: one tensor, of the width that its kind of outputs has."""
    inner = classifier_in(network)
    with torch.no_grad():
        outputs = network(images) if inner is None else inner.outputs(images)
    if not isinstance(outputs, Tensor):
        several = isinstance(outputs, tuple | list | dict)
        count = f"{len(outputs)} outputs{_listed(outputs)}" if several else "no tensor"
        raise UserError(
            f"{name}: gives {count} instead of one tensor, n x classes; export it with the logits "
            "as its only output"
        )
    kind = "logits" if inner is None else inner.expected.outputs
    _check_width(outputs, len(images), kind, classes, name)
    if kind == "multilabel" and inner and inner.expected.label >= outputs.shape[1]:
        raise UserError(
            f"{name}: 'label' is {inner.expected.label}, but the network has {outputs.shape[1]} "
            f"outputs; give a number from 0 to {outputs.shape[1] - 1}"
        )
    names = inner.expected.n_labels if kind == "multilabel" and inner else None
    if names is not None and names != outputs.shape[1]:
        raise UserError(
            f"{name}: 'labels' names {names} outputs, but the network has {outputs.shape[1]}, so "
            "a name may stand for another output; name each, in their order"
        )
    if not outputs.is_floating_point():
        found = str(outputs.dtype).removeprefix("torch.")
        raise UserError(f"{name}: gives numbers of the kind {found}; let it give real logits")
    _check_finite(torch.isfinite(outputs).view(len(images), -1).all(dim=1).cpu().numpy(), name)
    if inner is not None:
        _check_declared(outputs, inner.expected, name)


def _check_finite(finite: np.ndarray, name: str) -> None:
    if bad := int((~finite).sum()):
        raise UserError(
            f"{name}: gives NaN or infinity for {bad} of {len(finite)} images (its outputs are not "
            "all finite); check input.range, input.mean and input.std, and the network's weights"
        )


def _listed(outputs: Any) -> str:
    """The names of outputs that have some; a name that is not a usual one may be anything."""
    names = list(outputs) if isinstance(outputs, dict) else getattr(outputs, "_fields", ())
    shown = [name if name in OUTPUT_NAMES else "another" for name in names[:5]]
    return f" ({', '.join(shown)})" if shown else ""


def _check_width(outputs: Tensor, n: int, kind: str, classes: int, name: str) -> None:
    shape = list(outputs.shape)
    if outputs.ndim > 2 and outputs.numel() == n * outputs.shape[1]:
        raise UserError(
            f"{name}: gives {shape} for {n} images, with axes of length 1 behind its outputs; "
            "flatten them, outputs.flatten(1)"
        )
    if kind in ("logit", "sigmoid"):
        if shape not in ([n], [n, 1]):
            advice = "set 'outputs: logits'" if kind == "logit" else "set 'outputs: probabilities'"
            raise UserError(
                f"{name}: gives {shape} for {n} images, but 'outputs: {kind}' is one number for "
                f"each; {advice} if it has one output for each class, or 'outputs: multilabel' "
                "with 'label' if it has one for each of several labels"
            )
    elif kind == "multilabel":
        if len(shape) != 2 or shape[0] != n:
            raise UserError(
                f"{name}: gives {shape} for {n} images; with 'outputs: multilabel' it must give "
                "n x labels"
            )
    elif shape != [n, classes]:
        one = " (or set 'outputs: logit' or 'sigmoid', if its one output is of the second class)"
        raise UserError(
            f"{name}: gives {shape} for {n} images instead of {[n, classes]}; it must "
            "have one output for each class of the group"
            + (one if shape in ([n], [n, 1]) and classes == 2 else "")
        )


def _check_declared(outputs: Tensor, expected: Preprocessing, name: str) -> None:
    """Declared probabilities lie in [0, 1], and those of classes add up to 1, which logits do not.

    Softmax over probabilities flattens the loss: the gradients of a confident network would vanish.
    """
    sigmoids = expected.outputs == "sigmoid" or expected.activated
    low, high = float(outputs.min()), float(outputs.max())
    if sigmoids and not (low >= -ROUNDING and high <= 1 + ROUNDING):
        told = "'activation: sigmoid'" if expected.activated else "'outputs: sigmoid'"
        advice = "leave it out" if expected.activated else "use 'outputs: logit'"
        raise UserError(
            f"{name}: {told} is declared, but its outputs lie between {low:.3g} and {high:.3g}, "
            f"and not in [0, 1]; {advice} if they are logits"
        )
    if expected.outputs == "probabilities":
        sums = outputs.sum(dim=1)
        if low < -ROUNDING or not torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
            raise UserError(
                f"{name}: 'outputs: probabilities' is declared, but they do not add up to 1; "
                "use 'outputs: logits' if they are logits"
            )
    elif expected.outputs == "logits" and low >= 0:
        sums = outputs.sum(dim=1)
        if len(sums) > 1 and torch.allclose(sums, torch.full_like(sums, 100), rtol=1e-4):
            raise UserError(
                f"{name}: gives probabilities in percent, not logits: they add up to 100; "
                "let it give the logits that they are made of"
            )
        if torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
            raise UserError(
                f"{name}: gives probabilities, not logits: they add up to 1; export it without "
                "softmax, or declare 'outputs: probabilities'"
            )


def check_scale(logits: np.ndarray, network: Classifier, name: str) -> list[str]:
    """UserError for NaN, and if what is declared as logits lies in [0, 1], as sigmoids do.

    Of a sound network some logits lie in [0, 1] by chance, and never those of all images. Where a
    few images get similar outputs, as of an untrained network, a note says it instead.

    Args:
        logits: n x classes, as `network` gives them for all images that there are.
    """
    _check_finite(np.isfinite(logits).all(axis=1), name)
    kind = network.expected.outputs
    declared = kind in ("probabilities", "sigmoid") or network.expected.activated
    if declared or network.expected.logits_insisted or not len(logits):
        return []
    values = logits if network.offset is None else logits + network.offset.cpu().numpy()
    if kind in OF_ONE_NUMBER:
        order = network.order or [0, 1]
        values = values[:, [order.index(1)]] - values[:, [order.index(0)]]
    if not ((values >= 0) & (values <= 1)).all():
        return []
    text = (
        f"the {values.size} outputs for {len(values)} images all lie in [0, 1], so they seem to be "
        f"probabilities; {SIGMOIDS[kind]} if a sigmoid made them, or 'activation: none' if they "
        "are logits all the same"
    )
    if values.size < MANY and np.ptp(values, axis=0).max() < VARIED:
        return [text]
    raise UserError(f"{name}: {text}")


def _check_gradient(network: nn.Module, images: Tensor, name: str) -> None:
    images = images.detach().clone().requires_grad_()
    try:
        logits = network(images)
        (gradient,) = torch.autograd.grad((logits[:, 0] - logits[:, -1]).sum(), images)
    except RuntimeError as error:
        raise UserError(
            f"{name}: gives no gradient with respect to the image ({first_line(error)}), which "
            "white-box attacks need; export it without detached or integer operations"
        ) from None
    if not torch.isfinite(gradient).all():
        raise UserError(
            f"{name}: its gradient with respect to the image is not finite; check input.range, "
            "input.mean and input.std, and the network's weights"
        )
    if not gradient.any():
        raise UserError(
            f"{name}: its gradient with respect to the image is 0 everywhere; remove the operation "
            "that rounds or detaches"
        )
