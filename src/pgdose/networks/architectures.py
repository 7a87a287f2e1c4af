"""Architectures to train, and the weights they start from."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models
from torchvision.models import inception

from pgdose.errors import UserError
from pgdose.networks.classifier import Classifier


def inception_v3(classes: int, width: float = 1.0, auxiliary: bool = False) -> nn.Module:
    """torchvision's InceptionV3 with every channel count times `width`."""

    class Convolution(inception.BasicConv2d):
        def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
            if in_channels != 3:  # the image itself
                in_channels = int(in_channels * width)
            super().__init__(in_channels, int(out_channels * width), **kwargs)

    blocks = [getattr(inception, f"Inception{name}") for name in ("A", "B", "C", "D", "E", "Aux")]
    body = inception.Inception3(
        num_classes=classes,
        aux_logits=auxiliary,
        transform_input=False,
        inception_blocks=[Convolution, *(partial(b, conv_block=Convolution) for b in blocks)],
        init_weights=True,
    )
    body.fc = nn.Linear(int(2048 * width), classes)
    if auxiliary:
        body.AuxLogits.fc = nn.Linear(int(768 * width), classes)
    return body


# From these sizes on an image leaves something for the auxiliary heads to look at.
AUXILIARY = {"inception_v3": 299, "googlenet": 224}


def build(
    architecture: str,
    classes: int,
    size: int,
    width: float = 1.0,
    weights: str | None = None,
    *,
    dropout: float | None = None,
    auxiliary: bool = False,
) -> Classifier:
    """A network to train for images of `size` pixels.

    Args:
        architecture: a name of torchvision's classification networks, or timm/NAME.
        width: factor of inception_v3's channel counts.
        weights: to begin with: None, imagenet, or a safetensors file with the names that the
            architecture gives them, such as one of `save`. The last layer may have other classes.
        dropout: probability for all the network's dropouts; None leaves the architecture's own.
        auxiliary: with auxiliary heads, where there are some and the size allows.

    UserError if weights, size or dropout do not go with the architecture.
    """
    auxiliary = auxiliary and size >= AUXILIARY.get(architecture, size + 1)
    network = _bare(architecture, classes, size, width, auxiliary)
    if weights == "imagenet":
        _start_from(network.body, _imagenet(architecture), "the ImageNet weights")
    elif weights:
        path = Path(weights)
        if not path.is_file():
            raise UserError(f"training.weights: no file {weights!r}; give one, imagenet or null")
        _start_from(network.body, _read(path, "training.weights: "), path.name)
    if dropout is not None:
        drops = [m for m in network.modules() if isinstance(m, nn.Dropout)]
        if not drops:
            raise UserError(f"training.dropout: {architecture} has none; leave it out")
        for module in drops:
            module.p = dropout
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise UserError(
            f"training.architecture: {architecture} takes no images of {size} pixels ({error}); "
            "choose another, or another image.size"
        ) from None
    return network.train()


def _bare(
    architecture: str, classes: int, size: int, width: float = 1.0, auxiliary: bool = False
) -> Classifier:
    """The network with random weights."""
    if architecture.startswith("timm/"):
        return _of_timm(architecture, classes)
    if architecture == "inception_v3":
        body: nn.Module = inception_v3(classes, width, auxiliary)
    else:
        given: dict[str, Any] = {}
        if architecture == "googlenet":
            given = {"aux_logits": auxiliary, "init_weights": True}
        elif architecture.startswith("vit_"):
            given = {"image_size": size}
        try:
            body = models.get_model(architecture, num_classes=classes, **given)
        except (ValueError, AssertionError, RuntimeError) as error:  # not in whole patches
            raise UserError(f"training.architecture: {architecture}: {error}") from None
    if architecture in AUXILIARY:  # torchvision's `transform_input` comes to the same
        return Classifier(body, [0.5], [0.5])
    usual = models.get_model_weights(architecture)["DEFAULT"].transforms()
    return Classifier(body, list(usual.mean), list(usual.std))


def _of_timm(architecture: str, classes: int) -> Classifier:
    try:
        import timm
    except ImportError:
        raise UserError(
            f"training.architecture: {architecture} wants timm: pip install 'pgdose[timm]'"
        ) from None
    try:
        body: Any = timm.create_model(architecture.removeprefix("timm/"), num_classes=classes)
    except RuntimeError as error:
        raise UserError(f"training.architecture: {architecture}: {error}") from None
    return Classifier(body, list(body.pretrained_cfg["mean"]), list(body.pretrained_cfg["std"]))


def _imagenet(architecture: str) -> dict[str, Tensor]:
    if architecture.startswith("timm/"):
        import timm

        name = architecture.removeprefix("timm/")
        known = timm.get_pretrained_cfg(name)
        hub = known and known.hf_hub_id
        if not hub:
            raise UserError(
                f"training.weights: timm has no ImageNet weights of {name}; use null, or a file"
            )
        file, address = "model.safetensors", f"huggingface.co/{hub}"
        place = f"the cache of huggingface_hub, models--{hub.replace('/', '--')}"
        get = partial(timm.create_model, name, pretrained=True)
    else:
        entry = models.get_model_weights(architecture)["DEFAULT"]
        file, address = Path(entry.url).name, entry.url
        place = str(Path(torch.hub.get_dir()) / "checkpoints")
        get = partial(entry.get_state_dict, progress=False, check_hash=True, weights_only=True)
    try:
        found = get()
    except Exception as error:
        raise UserError(
            f"training.weights: imagenet wants {file} from {address}, which cannot be had "
            f"({type(error).__name__}). Put the file into {place}, give one by its path, or use "
            "null"
        ) from None
    return dict(found.state_dict() if isinstance(found, nn.Module) else found)


def _read(path: Path, field: str = "") -> dict[str, Tensor]:
    """Weights from a safetensors file, with the names that the architecture gives them."""
    try:
        state = load_file(path)
    except SafetensorError:
        raise UserError(f"{field}{path.name} is no safetensors file") from None
    return {name.removeprefix("body."): tensor for name, tensor in state.items()}


def _start_from(body: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Take over all weights but those of a last layer for other classes and auxiliary heads."""
    last = [n for n, m in body.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]

    def optional(key: str) -> bool:
        return _auxiliary(key) or key.rpartition(".")[0] == last

    wrong = _take_over(body, state, optional)
    if wrong:
        raise UserError(f"training.weights: {name} does not fit the architecture, e.g. {wrong}")


def _take_over(
    body: nn.Module, state: dict[str, Tensor], optional: Callable[[str], bool]
) -> str | None:
    """Take over what fits; the name of a weight that does not, unless it is optional."""
    own = body.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
    wrong = (key for key in (*state, *own) if key not in fitting and not optional(key))
    body.load_state_dict(fitting, strict=False)
    return next(wrong, None)


def _auxiliary(name: str) -> bool:
    return name.startswith(("AuxLogits.", "aux1.", "aux2."))
