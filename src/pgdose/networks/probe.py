"""Checks of an imported network on some images, before it is attacked.

`check` raises a UserError that says what is wrong and what to change: the study's `input` or
`outputs`, or how the network was exported.
"""

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks.formats import first_line
from pgdose.networks.graph import MOST_OPERATIONS, Refused, limited

PROBED = 8  # images
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
    _check_outputs(logits, len(images), classes, name)
    _check_logits(network, logits, name)
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


def _check_outputs(logits: object, n: int, classes: int, name: str) -> None:
    if not isinstance(logits, Tensor):
        several = isinstance(logits, tuple | list | dict)
        count = f"{len(logits)} outputs" if several else "no tensor"  # type: ignore[arg-type]
        raise UserError(
            f"{name}: gives {count} instead of one tensor, n x classes; export it with the logits "
            "as its only output"
        )
    if logits.shape != (n, classes):
        raise UserError(
            f"{name}: gives {list(logits.shape)} for {n} images instead of {[n, classes]}; it must "
            "have one output for each class of the group"
        )
    if not torch.isfinite(logits).all():
        raise UserError(
            f"{name}: its outputs for the group's images are not all finite; check input.range, "
            "input.mean and input.std"
        )


def _check_logits(network: nn.Module, logits: Tensor, name: str) -> None:
    """Softmax flattens the loss: the gradients of a confident network would vanish."""
    if getattr(network, "probabilities", False):
        sums = logits.exp().sum(dim=1)
        if not torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
            raise UserError(
                f"{name}: 'outputs: probabilities' is declared, but they do not add up to 1; "
                "use 'outputs: logits' if they are logits"
            )
        return
    sums = logits.sum(dim=1)
    if (logits >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
        raise UserError(
            f"{name}: gives probabilities, not logits: they add up to 1; export it without "
            "softmax, or declare 'outputs: probabilities'"
        )


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
