"""Weights to start from: where they come from, and putting them into a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def start_from(body: nn.Module, weights: str, architecture: str) -> list[str]:
    """Put `imagenet` weights, or those of a safetensors file, into a network to be trained.

    The last layer may be for other classes, auxiliary heads may be missing, and the names of a
    file may have one prefix. A first layer of grey images is spread over three channels. UserError
    if anything else does not fit. Returns notes of what was done.
    """
    notes: list[str] = []
    if weights == "imagenet":
        source, state = "the ImageNet weights", download_imagenet(architecture)
    else:
        path = Path(weights)
        if not path.is_file():
            raise UserError(
                f"training.weights: there is no file {weights!r}; give a file, imagenet or null"
            )
        try:
            there = fitted(read_weights(path), body)
        except UserError as error:
            raise UserError(f"training.weights: {path.name} {error}") from None
        source, state, notes = path.name, there.tensors, there.notes
        notes += _spread(state, body)
    last = [n for n, m in body.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    misfit = load_matching(
        body, state, lambda key: is_auxiliary(key) or key.rpartition(".")[0] == last
    )
    if misfit:
        raise UserError(
            f"training.weights: {source} does not fit the architecture (first misfit: {misfit}); "
            "give weights of the same architecture, or null"
        )
    return notes


def _spread(state: Weights, body: nn.Module) -> list[str]:
    """Make a first layer of grey images one of three channels: of grey images its sum is equal."""
    for name, layer in body.named_modules():
        if isinstance(layer, nn.Conv2d):
            key, wide = f"{name}.weight", layer.weight.shape
            grey = (wide[0], 1, *wide[2:])
            if wide[1] == 3 and key in state and state[key].shape == grey:
                state[key] = state[key].expand(wide) / 3
                return ["its first layer is for grey images, and is spread over three channels"]
            break
    return []


def read_weights(path: Path) -> Weights:
    """Weights from a safetensors file, with the names that the architecture gives them.

    UserError, without the file's name, for another file.
    """
    try:
        state = load_file(path)
    except SafetensorError:
        raise UserError(
            "is not a safetensors file; write one with safetensors.torch.save_file"
        ) from None
    return {name.removeprefix("body."): tensor for name, tensor in state.items()}


def load_matching(body: nn.Module, state: Weights, optional: Callable[[str], bool]) -> str | None:
    """Load all weights whose name and shape match; returns what does not, if not optional."""
    targets = body.state_dict()
    matching = {
        name: tensor
        for name, tensor in state.items()
        if name in targets
        and tensor.shape == targets[name].shape
        and tensor.is_floating_point() == targets[name].is_floating_point()
    }
    misfits = [key for key in (*targets, *state) if key not in matching and not optional(key)]
    body.load_state_dict(matching, strict=False)
    return _misfit(misfits, targets, state) if misfits else None


def _misfit(misfits: list[str], targets: Weights, state: Weights) -> str:
    """Of several misfits the first; a name of the file alone may be anything."""
    first = misfits[0]
    if first not in targets:
        names = sorted({shown(key) for key in misfits})
        return f"{len(misfits)} tensors that it does not have, such as {', '.join(names[:3])}"
    if first not in state:
        return f"{first} is missing"
    if not state[first].is_floating_point() and targets[first].is_floating_point():
        return f"{first} holds whole numbers; give weights from before they were quantised"
    there, here = state[first].shape, targets[first].shape
    text = f"{first} is {_shape(there)} in the file, and {_shape(here)} in the architecture"
    if len(there) == len(here) == 4 and {there[1], here[1]} == {1, 3} and there[0] == here[0]:
        text += f": set input.channels: {there[1]}"
    return text


def _shape(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes)) or "one number"


# Parts of names that a message may show: those of tools, and no person's.
WORDS = set(
    """
    module model models net network networks backbone encoder features classifier head fc body
    base base_model trunk feature_extractor image_encoder visual student teacher ema model_ema
    ema_model swa_model _orig_mod loss loss_fn criterion loss_function metric metrics optimizer
    optimizer_states state scheduler scaler projector projection decoder aux aux_head auc acc
    train_metrics val_metrics confmat confusion_matrix weight bias pos_weight class_weights
    class_weight running_mean running_var num_batches_tracked in_proj_weight logit_scale
    queue queue_ptr
    """.split()  # noqa: SIM905
)


def shown(name: str) -> str:
    """A name of the file, if it is made of usual words and numbers."""
    parts = name.split(".")
    usual = all(part in WORDS or (part.isascii() and part.isdigit()) for part in parts)
    return repr(name) if usual and len(parts) <= 8 else "(a name not shown here)"


@dataclass(frozen=True)
class Fitted:
    """Weights by the names of an architecture, and notes of how they were brought there."""

    tensors: Weights
    notes: list[str]


def fitted(state: Weights, body: nn.Module) -> Fitted:
    """Weights of a file by the names of an architecture.

    All names may have one more part in front, such as `module.`, which wrappers of training add.
    UserError, without the file's name, if the file holds such a network more than once.
    """
    targets = body.state_dict()
    # Counters that other tools leave, and those of batch norm: neither has a part in inference.
    kept = {
        name: t for name, t in state.items() if not name.endswith(("total_ops", "total_params"))
    }
    prefixes = _prefixes(kept, list(targets))
    notes = []
    if len(prefixes) > 1:
        names = ", ".join(map(_prefix, prefixes))
        raise UserError(
            f"holds the weights of {len(prefixes)} networks, with {names} in front of their names; "
            "keep those of one: safetensors.torch.save_file({name: tensor for name, tensor in "
            "state.items() if name.startswith(PREFIX)}, FILE)"
        )
    if prefixes and prefixes[0]:
        notes.append(
            f"the names of its weights have {_prefix(prefixes[0])} in front, which is left out"
        )
        kept = {name.removeprefix(prefixes[0]): tensor for name, tensor in kept.items()}
    for name, target in targets.items():
        if name.endswith("num_batches_tracked"):
            kept.setdefault(name, target)
    dtypes = {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()}
    for dtype in sorted(map(str, dtypes - {torch.float32})):
        notes.append(
            f"its weights are {dtype.removeprefix('torch.')}, and computed with as float32"
        )
    return Fitted(kept, notes)


def _prefixes(state: Weights, targets: list[str]) -> list[str]:
    """What stands in front of the architecture's names: once for each network in the file.

    Those with the most of its names count, so that a head of another kind is named as the misfit.
    """
    weights = [name for name in targets if not name.endswith("num_batches_tracked")]
    ends = set(weights[:1])
    candidates = {
        name.removesuffix(end) for name in state for end in ends if f".{name}".endswith(f".{end}")
    }
    counts = {
        prefix: sum(prefix + name in state for name in weights) for prefix in sorted(candidates)
    }
    most = max(counts.values(), default=0)
    if 2 * most < len(weights):  # of another architecture
        return []
    return [prefix for prefix, count in counts.items() if count == most]


def _prefix(prefix: str) -> str:
    return shown(prefix.removesuffix(".")) if prefix else "nothing"


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
