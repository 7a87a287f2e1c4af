"""What is found out about a network from elsewhere before anything is believed of it."""

import numpy as np
import torch
from torch import Tensor, nn

from pgdose.errors import UserError

LOOKED = 8  # images


def check(network: nn.Module, images: Tensor, classes: int, name: str) -> None:
    """UserError unless a network can be attacked, with the reason.

    Args:
        network: as `networks.load` gives it, on the device of the images.
        images: some of the group's, n x channels x size x size in [0, 1].
        classes: how many the group has.
        name: the file it came from.
    """
    some = images[:LOOKED]
    shape = " x ".join(map(str, some.shape[1:]))
    alone = _asked(
        network,
        some[:1],
        f"{name}: takes no image of {shape} (channels x rows x columns)",
        "see input.size, input.channels and input.layout; or it takes a fixed number of images",
    )
    answer, again = (
        _asked(
            network,
            some,
            f"{name}: takes one image, but not {len(some)} at a time",
            "export it with a dynamic number of images",
        )
        for _ in range(2)
    )
    if not isinstance(answer, Tensor):
        raise UserError(f"{name}: gives {_count(answer)} outputs; one, n x classes, is wanted")
    if answer.shape != (len(some), classes):
        raise UserError(
            f"{name}: gives {list(answer.shape)} for {len(some)} images; "
            f"{[len(some), classes]} is wanted, one output for each of the group's classes"
        )
    if not torch.isfinite(answer).all():
        raise UserError(f"{name}: its outputs are not all finite numbers on the group's images")
    _check_logits(network, some, answer, name)
    if not torch.allclose(again, answer, rtol=1e-4, atol=1e-5):
        raise UserError(
            f"{name}: says two things of the same images; dropout or another draw is at work. "
            "Save it in evaluation mode"
        )
    if not torch.allclose(alone, answer[:1], rtol=1e-3, atol=1e-4):
        raise UserError(
            f"{name}: what it says of an image depends on the others beside it; batch norm learns. "
            "Save it in evaluation mode"
        )
    _check_gradient(network, some, name)


def _asked(network: nn.Module, images: Tensor, fault: str, remedy: str) -> Tensor:
    try:
        with torch.no_grad():
            answer: Tensor = network(images)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{fault}: {lines[0][:200]}; {remedy}") from None
    return answer


def _count(answer: object) -> str:
    return str(len(answer)) if isinstance(answer, tuple | list | dict) else "no tensors as"


def _check_logits(network: nn.Module, some: Tensor, answer: Tensor, name: str) -> None:
    """Softmax flattens the loss, and a confident network then has no gradients left."""
    if getattr(network, "probabilities", False):
        said = answer.exp()
        if not torch.allclose(
            said.sum(dim=1), torch.ones(len(some), device=said.device), atol=1e-3
        ):
            raise UserError(
                f"{name}: outputs: probabilities, but they do not add up to 1; logits, maybe"
            )
        return
    sums = answer.sum(dim=1)
    if (answer >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
        raise UserError(
            f"{name}: gives probabilities, not logits: they add up to 1. Leave softmax out, or say "
            "outputs: probabilities"
        )


def _check_gradient(network: nn.Module, some: Tensor, name: str) -> None:
    own = some.detach().clone().requires_grad_()
    try:
        answer = network(own)
        (gradient,) = torch.autograd.grad((answer[:, 0] - answer[:, -1]).sum(), own)
    except RuntimeError as error:
        raise UserError(
            f"{name}: gives no gradient by the image ({str(error).splitlines()[0][:200]}); "
            "white-box attacks need one"
        ) from None
    if not torch.isfinite(gradient).all():
        raise UserError(f"{name}: its gradient by the image is not finite")
    if not np.any(gradient.cpu().numpy()):
        raise UserError(
            f"{name}: its gradient by the image is 0 everywhere; an operation inside rounds or "
            "detaches"
        )
