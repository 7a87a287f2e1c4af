"""Networks to train, by the name of their architecture."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torchvision import models
from torchvision.models import inception

from pgdose.errors import UserError
from pgdose.networks.classifier import Classifier, Preprocessing
from pgdose.networks.weights import TIMM, start_from
from pgdose.study.image_size import shown, sides
from pgdose.study.networks import Input
from pgdose.study.training import Training
from pgdose.tables.keyed import generator

# The smallest image sizes at which auxiliary heads still get a feature map.
AUXILIARY = {"inception_v3": 299, "googlenet": 224}


def initial_network(
    settings: Training, classes: int, size: int | Sequence[int], *, seed: int, name: str
) -> Classifier:
    """The network that a training starts from; (seed, name) keys its random weights.

    `name` is group/run, `size` that of the images: the side of a square, or rows and
    columns.
    """
    torch.manual_seed(int(generator(seed, "weights", name).integers(2**63)))
    return build(
        settings.architecture,
        classes,
        size,
        settings.width,
        settings.weights,
        dropout=settings.dropout,
        auxiliary=settings.auxiliary > 0,
    )


def build(
    architecture: str,
    classes: int,
    size: int | Sequence[int],
    width: float = 1.0,
    weights: str | None = None,
    *,
    dropout: float | None = None,
    auxiliary: bool = False,
) -> Classifier:
    """A network to train for images of `size` pixels, a square's side or rows and columns.

    Args:
        architecture: a name of torchvision's classification networks, or timm/NAME.
        width: factor of inception_v3's channel counts.
        weights: to start from: None, imagenet, or a safetensors file with the names that the
            architecture gives them, such as one of `network_files.save`. The last layer may be
            for other classes.
        dropout: probability of all the network's dropouts; None leaves the architecture's own.
        auxiliary: with auxiliary heads, if there are some and the size allows them.

    UserError if weights, size or dropout do not fit the architecture.
    """
    auxiliary = auxiliary and min(sides(size)) >= AUXILIARY.get(architecture, math.inf)
    network = untrained(architecture, classes, size, width, auxiliary)
    if weights:
        network.notes += start_from(network.body, weights, architecture)
    if dropout is not None:
        dropouts = [m for m in network.modules() if isinstance(m, nn.Dropout)]
        if not dropouts:
            raise UserError(
                f"training.dropout: {architecture} has no dropout; remove training.dropout"
            )
        for module in dropouts:
            module.p = dropout
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, *sides(size)))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise UserError(
            f"training.architecture: {architecture} cannot take images of {shown(size)} pixels "
            f"({error}); choose another architecture or another image.size"
        ) from None
    return network.train()


def untrained(
    architecture: str,
    classes: int,
    size: int | Sequence[int],
    width: float = 1.0,
    auxiliary: bool = False,
) -> Classifier:
    """The network with random weights, drawn from torch's generator."""
    if architecture.startswith(TIMM):
        return _build_timm(architecture, classes, size)
    if architecture == "inception_v3":
        body: nn.Module = inception_v3(classes, width, auxiliary)
    else:
        options: dict[str, Any] = {}
        if architecture == "googlenet":
            options = {"aux_logits": auxiliary, "init_weights": True}
        elif architecture.startswith("vit_"):
            rows, columns = sides(size)
            if rows != columns:
                raise UserError(
                    f"training.architecture: {architecture} takes square images, and image.size is "
                    f"{shown(size)}; use one number there, or another architecture"
                )
            options = {"image_size": rows}
        try:
            body = models.get_model(architecture, num_classes=classes, **options)
        except (ValueError, AssertionError, RuntimeError) as error:  # not in whole patches
            raise UserError(
                f"training.architecture: {architecture}: {error}; choose another architecture, "
                "or another image.size"
            ) from None
    if architecture in AUXILIARY:  # torchvision's `transform_input` amounts to the same
        return _normalised(body, [0.5], [0.5])
    preprocessing = models.get_model_weights(architecture)["DEFAULT"].transforms()
    return _normalised(body, preprocessing.mean, preprocessing.std)


def _normalised(body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> Classifier:
    """The body behind images in [0, 1], less the mean and divided by the standard deviation."""
    return Classifier(body, Preprocessing.from_study(Input(mean=list(mean), std=list(std))))


class Convolution(inception.BasicConv2d):
    """A block of InceptionV3 with its channel counts times `width`."""

    def __init__(self, in_channels: int, out_channels: int, width: float, **kwargs: Any) -> None:
        if in_channels != 3:  # the image itself
            in_channels = int(in_channels * width)
        super().__init__(in_channels, int(out_channels * width), **kwargs)


def inception_v3(classes: int, width: float = 1.0, auxiliary: bool = False) -> nn.Module:
    """torchvision's InceptionV3 with every channel count times `width`."""

    convolution = partial(Convolution, width=width)
    blocks = [getattr(inception, f"Inception{name}") for name in ("A", "B", "C", "D", "E", "Aux")]
    body = inception.Inception3(
        num_classes=classes,
        aux_logits=auxiliary,
        transform_input=False,
        inception_blocks=[convolution, *(partial(b, conv_block=convolution) for b in blocks)],
        init_weights=True,
    )
    body.fc = nn.Linear(int(2048 * width), classes)
    if auxiliary:
        body.AuxLogits.fc = nn.Linear(int(768 * width), classes)
    return body


def take_one_channel(body: nn.Module) -> None:
    """Make the first convolution one for grey images, with the weights of its first channel."""
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3 and module.groups == 1:
            module.in_channels = 1
            module.weight = nn.Parameter(module.weight.detach()[:, :1].clone())
            return
    raise UserError(
        "input.channels: 1 is not known for this architecture; give a whole network instead "
        "(.pt2 or .onnx)"
    )


def _build_timm(architecture: str, classes: int, size: int | Sequence[int]) -> Classifier:
    try:
        import timm
    except ImportError:
        raise UserError(
            f"training.architecture: {architecture} needs timm; run: pip install 'pgdose[timm]'"
        ) from None
    name = architecture.removeprefix(TIMM)
    config: Any = timm.get_pretrained_cfg(name)
    # Of some networks the size of the images is part of the weights.
    made_for = sides(size) if config is None else tuple(config.input_size[-2:])
    fixed = config is not None and config.fixed_input_size and made_for != sides(size)
    options: dict[str, Any] = {"img_size": sides(size)} if fixed else {}
    try:
        body: Any = timm.create_model(name, num_classes=classes, **options)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        if fixed:
            raise UserError(
                f"training.architecture: {architecture} takes images of {shown(made_for)} "
                f"pixels, and cannot be built for {shown(size)}; set image.size: "
                f"{shown(made_for)}, or choose another architecture"
            ) from None
        raise UserError(
            f"training.architecture: {architecture}: {error}; choose one that "
            "timm.list_models() lists"
        ) from None
    return _normalised(body, body.pretrained_cfg["mean"], body.pretrained_cfg["std"])
