"""Weights to start from: where they come from, and putting them into a network."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models

from pgdose.errors import UserError

TIMM = "timm/"  # prefix of an architecture that the package timm builds
Weights = dict[str, Tensor]


def start_from(body: nn.Module, weights: str, architecture: str) -> None:
    """Put `imagenet` weights, or those of a safetensors file, into a network to be trained.

    The last layer may be for other classes, and auxiliary heads may be missing. UserError if
    anything else does not fit.
    """
    if weights == "imagenet":
        source, state = "the ImageNet weights", download_imagenet(architecture)
    else:
        path = Path(weights)
        if not path.is_file():
            raise UserError(
                f"training.weights: there is no file {weights!r}; give a file, imagenet or null"
            )
        source, state = path.name, read_weights(path, "training.weights: ")
    last = [n for n, m in body.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    misfit = load_matching(
        body, state, lambda key: is_auxiliary(key) or key.rpartition(".")[0] == last
    )
    if misfit:
        raise UserError(
            f"training.weights: {source} does not fit the architecture (first misfit: {misfit}); "
            "give weights of the same architecture, or null"
        )


def read_weights(path: Path, field: str = "") -> Weights:
    """Weights from a safetensors file, with the names that the architecture gives them."""
    try:
        state = load_file(path)
    except SafetensorError:
        raise UserError(
            f"{field}{path.name} is not a safetensors file; write one with "
            "safetensors.torch.save_file"
        ) from None
    return {name.removeprefix("body."): tensor for name, tensor in state.items()}


def load_matching(body: nn.Module, state: Weights, optional: Callable[[str], bool]) -> str | None:
    """Load all weights whose name and shape match; returns one that does not, if not optional."""
    targets = body.state_dict()
    matching = {k: v for k, v in state.items() if k in targets and v.shape == targets[k].shape}
    misfits = [key for key in (*targets, *state) if key not in matching and not optional(key)]
    body.load_state_dict(matching, strict=False)
    if not misfits:
        return None
    # A name of the file alone may be anything.
    return misfits[0] if misfits[0] in targets else f"{len(misfits)} tensors that it does not have"


def is_auxiliary(name: str) -> bool:
    """Whether a weight belongs to an auxiliary head of inception_v3 or googlenet."""
    return name.startswith(("AuxLogits.", "aux1.", "aux2."))


def download_imagenet(architecture: str) -> Weights:
    """ImageNet weights from the cache of torch or huggingface_hub, else from the internet."""
    if architecture.startswith(TIMM):
        import timm

        name = architecture.removeprefix(TIMM)
        config = timm.get_pretrained_cfg(name)
        hub = config and config.hf_hub_id
        if not hub:
            raise UserError(
                f"training.weights: timm has no ImageNet weights of {name}; use null, or a file"
            )
        file, address = "model.safetensors", f"huggingface.co/{hub}"
        place = f"the cache of huggingface_hub, models--{hub.replace('/', '--')}"
        download = partial(timm.create_model, name, pretrained=True)
    else:
        entry = models.get_model_weights(architecture)["DEFAULT"]
        file, address = Path(entry.url).name, entry.url
        place = str(Path(torch.hub.get_dir()) / "checkpoints")
        download = partial(entry.get_state_dict, progress=False, check_hash=True, weights_only=True)
    try:
        result = download()
    except Exception as error:  # of the network, the disk, the hash
        raise UserError(
            f"training.weights: imagenet needs {file} from {address}, which could not be "
            f"downloaded ({type(error).__name__}). Put the file into {place}, give one by its "
            "path, or use null"
        ) from None
    return dict(result.state_dict() if isinstance(result, nn.Module) else result)
