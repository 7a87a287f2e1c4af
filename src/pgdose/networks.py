"""Architectures, their wrapper, folding of batch norm, and weights on disk.

Outside the wrapper everything speaks of images in [0, 1]; a grey image is one channel.
"""

import contextlib
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.fx.experimental import optimization
from torchvision import models
from torchvision.models import inception

from pgdose import foreign, tensors
from pgdose.devices import with_precision
from pgdose.errors import UserError

# What a network from elsewhere sees, unless something else is said.
PLAIN: dict[str, Any] = {"mean": [0.0], "std": [1.0], "channels": 3, "layout": "channels_first"}


class Classifier(nn.Module):
    """Images in [0, 1], n x 1 or 3 x size x size, to logits, n x classes.

    The body sees them as it is used to: `channels` of them (a grey image is all three), with `mean`
    taken away and divided by `std` (one number for all channels, or one each), `channels_last`
    where it wants n x size x size x channels. Of what it says, `probabilities` are turned into
    logits, and `order` says which output is which class. One that is `as_it_came` is not touched
    inside, and its images lie in memory as it may take for granted. While it learns, a body with
    auxiliary heads gives a tuple: the logits, and those of the heads.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: nn.Module,
        mean: list[float],
        std: list[float],
        *,
        channels: int = 3,
        channels_last: bool = False,
        probabilities: bool = False,
        order: list[int] | None = None,
        as_it_came: bool = False,
    ) -> None:
        super().__init__()
        self.body, self.as_it_came = body, as_it_came
        self.channels, self.channels_last = channels, channels_last
        self.probabilities, self.order = probabilities, order
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).view(-1, 1, 1), persistent=False)

    def usual_input(self) -> dict[str, list[float]]:
        return {"mean": self.mean.flatten().tolist(), "std": self.std.flatten().tolist()}

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        seen = ((images - self.mean) / self.std).expand(-1, self.channels, -1, -1)
        if self.channels_last:
            seen = seen.permute(0, 2, 3, 1)
        if self.as_it_came:
            seen = seen.contiguous()
        answer: Tensor | tuple[Tensor, ...] = self.body(seen)
        if isinstance(answer, Tensor):
            if self.probabilities:
                answer = answer.clamp_min(torch.finfo(answer.dtype).tiny).log()
            # Other outputs than were named are not left out in silence: `arrival` refuses them.
            if self.order is not None and answer.shape[1:] == (len(self.order),):
                answer = answer[:, self.order]
        return answer


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


def save(network: Classifier, path: str | Path, description: dict[str, Any]) -> None:
    """Weights as safetensors, with what `load` needs to build the network.

    `description`: architecture, classes, size, width, and whatever else is to stand on record.
    Auxiliary heads are left out: only training has a use for them.
    """
    state = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not _auxiliary(name.removeprefix("body."))
    }
    tensors.save(state, path, description)


def load(path: str | Path) -> Classifier:
    """The network of `save`, in evaluation mode; Damaged if the file is not as it was written."""
    state, known = tensors.load(path)
    if "format" in known:
        content = state["program"].numpy().tobytes()
        body = foreign.module(known["format"], content, Path(path).name)
        return as_seen(body, known["seen"], as_it_came=True)
    network = _bare(known["architecture"], known["classes"], known["size"], known["width"])
    network.load_state_dict(state)
    return (as_seen(network.body, known["seen"]) if "seen" in known else network).eval()


def bring(
    path: Path, output: str | Path, classes: list[str], size: int, settings: dict[str, Any]
) -> Classifier:
    """Take over a network from elsewhere into a file that `load` reads, and load it.

    Args:
        path: the file, of one of the kinds in `study.NETWORK_FORMATS`.
        output: where to.
        classes: those of the group, in its order.
        size: of its images.
        settings: `classes`, in the order of the network's outputs; `architecture`; `input`, of
            which the keys are those of `as_seen`, or None; `outputs`.
    """
    order = [settings["classes"].index(name) for name in classes]
    seen: dict[str, Any] = {"outputs": settings["outputs"], "order": order}
    known: dict[str, Any]
    if settings["architecture"] is None:
        seen |= _used_to(settings["input"] or {}, PLAIN)
        content = path.read_bytes()
        known = {"format": foreign.format_of(path), "seen": seen}
        foreign.module(known["format"], content, path.name)  # before anything is written
        program = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        tensors.save({"program": program}, output, known)
    else:
        known = {"architecture": settings["architecture"], "classes": len(classes), "size": size}
        network = _bare(**known)
        seen |= _used_to(settings["input"] or {}, PLAIN | network.usual_input())
        wrong = _take_over(network.body, _read(path), _auxiliary)
        if wrong:
            raise UserError(
                f"{path.name}: does not fit {known['architecture']} for {len(classes)} classes, "
                f"e.g. {wrong}"
            )
        save(network, output, known | {"width": 1.0, "seen": seen})
    return load(output)


def _used_to(given: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """What is said of an input, and the usual for what is not.

    An architecture's mean and std are those of a range from 0 to 1, and are told in the given one.
    """
    low, high = given.get("range") or (0.0, 1.0)
    if usual is not PLAIN:
        usual = usual | {
            "mean": [low + value * (high - low) for value in usual["mean"]],
            "std": [value * (high - low) for value in usual["std"]],
        }
    said = {key: value for key, value in given.items() if value is not None}
    return usual | {"range": [low, high]} | said


def as_seen(body: nn.Module, seen: dict[str, Any], *, as_it_came: bool = False) -> Classifier:
    """A body that is used to other images than ours.

    `seen`: `range`, the values of black and white; `mean` and `std` in that range; `channels`;
    `layout`, channels_first or channels_last; `outputs`, logits or probabilities; `order`.
    """
    low, high = seen["range"]
    return (
        Classifier(
            body,
            [(mean - low) / (high - low) for mean in seen["mean"]],
            [std / (high - low) for std in seen["std"]],
            channels=seen["channels"],
            channels_last=seen["layout"] == "channels_last",
            probabilities=seen["outputs"] == "probabilities",
            order=seen["order"],
            as_it_came=as_it_came,
        )
        .eval()
        .requires_grad_(False)
    )


def fold(network: Classifier) -> Classifier:
    """A frozen copy for inference: batch norm inside the convolutions, channels last."""
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    if folded.as_it_came:
        return folded
    with contextlib.suppress(Exception):  # torch cannot see through it: it is slower, no more
        folded.body = optimization.fuse(folded.body, inplace=True)
    return folded.eval().to(memory_format=torch.channels_last)


def load_to_attack(path: str | Path, precision: str, device: torch.device) -> tuple[nn.Module, str]:
    """The network of `save` on the device, folded; and the precision that is used there."""
    return with_precision(fold(load(path)).to(device), precision, device)
