"""The argument `network`: any torch module, as the attack engine takes it, and left as it was."""

import contextlib
import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pgdose.errors import UserError
from pgdose.networks import folding
from pgdose.networks.classifier import Classifier, Network, Preprocessing
from pgdose.networks.formats import first_line
from pgdose.study.image_size import shown, sides
from pgdose.study.networks import Input, Outputs
from pgdose.study.sections import section_of

HALF = (torch.float16, torch.bfloat16)
FEW = 2  # images to try a network on
ALIKE = 1e-4  # of the largest logit: how far a faster form of a network may differ


# What the probe of a study advises about a file, and what helps in a notebook.
ADVICE = {
    "save it in evaluation mode": "leave such layers out of its forward in evaluation mode",
    "export it with the logits as its only output": (
        "return the logits alone, or in a dict as 'logits'"
    ),
    "export it without softmax, or declare": "leave softmax out, or declare",
    "export it without detached": "leave out detached",
    "export it with a dynamic number of images": "let its forward take any number of images",
    "class of the group": "class",
    "the group's images": "the images",
}


def in_notebook_words(error: UserError) -> UserError:
    """An error about a network of a study, with the names of the arguments."""
    text = str(error)
    for old, new in ADVICE.items():
        text = text.replace(old, new)
    text = re.sub(r"\binput\.(?=[a-z])", "preprocessing.", text)
    text = re.sub(r"'(outputs|activation): (\w+)'", r"\1='\2'", text)
    return UserError(re.sub(r"(?<=')labels(?=')|^labels(?=:)", "label_names", text))


@dataclass(frozen=True)
class Declared:
    """What the caller says of the network.

    input:   as the study's `input`; None if nothing is said
    outputs: as the study's keys of outputs
    """

    input: Input | None
    outputs: Outputs
    channels: int | None  # None to find out

    @classmethod
    def read(cls, preprocessing: Any, outputs: Mapping[str, Any]) -> "Declared":
        """From the arguments; UserError for words that the study would not take."""
        if preprocessing is not None and not isinstance(preprocessing, Mapping):
            raise UserError(
                f"preprocessing: {type(preprocessing).__name__}; give a mapping, "
                "{'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225]}"
            )
        fields = {key: _plain(value) for key, value in dict(preprocessing or {}).items()}
        expected = section_of(Input, fields, "preprocessing") if fields else None
        said = {key: value for key, value in outputs.items() if value is not None}
        try:
            return cls(expected, section_of(Outputs, said, ""), fields.get("channels"))
        except UserError as error:
            raise in_notebook_words(error) from None


def _refuse_statement(declared: Declared) -> None:
    """A network that pgdose read from a file has its preprocessing with it."""
    if declared.input is not None or declared.outputs != Outputs():
        raise UserError(
            "preprocessing: the network comes from pgdose and knows its preprocessing and outputs; "
            "leave 'preprocessing', 'outputs' and their companions out"
        )


def _plain(value: Any) -> Any:
    """Arrays and tensors as the lists that a study file has."""
    return value.tolist() if hasattr(value, "tolist") else value


@dataclass(frozen=True)
class Prepared:
    """A network as it is attacked.

    network: images in [0, 1] -> n x classes logits; in evaluation mode, frozen, on `device`
    device:  of the network
    dtype:   float32 or float64, of its weights
    notes:   what was decided without being asked
    """

    network: nn.Module
    device: torch.device
    dtype: torch.dtype
    notes: list[str] = field(default_factory=list)


@contextlib.contextmanager
def prepared(
    network: Any, images: Tensor, declared: Declared, device: Any = None
) -> Iterator[Prepared]:
    """The network for an attack on such images; at the end it is as it came.

    network:  a torch module, in any mode; a program of torch.export
    images:   n x channels x rows x columns on the CPU, float in [0, 1]
    declared: what the caller says of it
    device:   None for that of the network
    """
    module = _module(network)
    _check_size(images, declared)
    own = _own_device(module)
    place, dtype = _device(device, own), _dtype(module)
    notes = []
    if any(value.dtype in HALF for value in _weights(module)):
        notes.append("The network's numbers of 16 bits are computed with as float32.")
    with _borrowed(module, must_copy=place != own or bool(notes)) as body:
        if notes:
            body.float()
        body.to(place)
        some = images[:FEW].to(place, dtype)
        if isinstance(body, Network):
            _refuse_statement(declared)
            yield Prepared(_faster(body, body, some), place, dtype, notes)
            return
        wrapped, more = _wrapped(body, some, declared)
        expected = wrapped.expected
        plain = Classifier(body, expected)
        _match(plain, place, dtype)
        yield Prepared(_faster(wrapped, plain, some), place, dtype, [*notes, *more])


def _module(network: Any) -> nn.Module:
    """The module that a caller means."""
    if isinstance(network, torch.export.ExportedProgram):
        network = network.module()
    if isinstance(network, nn.DataParallel | nn.parallel.DistributedDataParallel):
        network = network.module
    network = getattr(network, "_orig_mod", network)  # of torch.compile
    if isinstance(network, nn.Module):
        if any(nn.parameter.is_lazy(weight) for weight in network.parameters()):
            raise UserError("network: has weights without a size; call it once on an image first")
        for part in network.modules():
            if "quantized" in type(part).__module__:
                raise UserError(
                    "network: quantised, and rounding leaves no gradient to follow; give the "
                    "network from before its quantisation"
                )
        return network
    name = type(network).__name__
    if isinstance(network, Mapping):
        advice = "it seems to hold weights: build the network and load_state_dict them"
    elif isinstance(network, str) or hasattr(network, "__fspath__"):
        advice = "load the network first, or audit its file with `pgdose audit --model FILE`"
    elif isinstance(network, type):
        advice = f"give a network of it, {network.__name__}(...)"
    else:
        advice = "give a torch.nn.Module (put a function into the forward of one)"
    raise UserError(f"network: {name} is no torch module; {advice}")


def _check_size(images: Tensor, declared: Declared) -> None:
    size = declared.input.size if declared.input else None
    rows, columns = images.shape[2:]
    if size is not None and (rows, columns) != sides(size):
        raise UserError(
            f"preprocessing.size: {shown(size)}, but the images have {rows} x {columns} pixels; "
            "resize them as the network's training did"
        )


def _own_device(module: nn.Module) -> torch.device | None:
    """The device of all weights; None without any."""
    places = {value.device for value in (*module.parameters(), *module.buffers())}
    if any(place.type == "meta" for place in places):
        raise UserError("network: its weights are not loaded (device meta); load them first")
    if len(places) > 1:
        listed = ", ".join(sorted(map(str, places)))
        raise UserError(
            f"network: its weights are spread over {listed}; bring it to one device, "
            "network.to(DEVICE)"
        )
    return next(iter(places), None)


def _device(asked: Any, own: torch.device | None) -> torch.device:
    if asked is None:
        return own or torch.device("cpu")
    try:
        place = torch.device(asked)
    except (RuntimeError, TypeError):
        raise UserError(f"device: {str(asked)!r:.40}; give 'cpu', 'cuda' or 'cuda:1'") from None
    try:
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UserError(
            f"device: {str(asked)!r:.40} is not available here; leave it out to stay where the "
            "network is"
        ) from None
    if place.type == "meta":
        raise UserError("device: 'meta' computes nothing; leave it out")
    return torch.empty(0, device=place).device  # cuda is cuda:0


def _weights(module: nn.Module) -> list[Tensor]:
    """The weights: those of a network that pgdose read from a graph are buffers."""
    return list(module.parameters()) or list(module.buffers())


def _dtype(module: nn.Module) -> torch.dtype:
    """float32, or float64 if all weights are."""
    kinds = {value.dtype for value in _weights(module) if value.is_floating_point()}
    kinds = {torch.float32 if kind in HALF else kind for kind in kinds}
    if kinds <= {torch.float32}:
        return torch.float32
    if kinds == {torch.float64}:
        return torch.float64
    listed = ", ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
    raise UserError(f"network: weights of {listed}; make them one kind, network.float()")


@contextlib.contextmanager
def _borrowed(module: nn.Module, *, must_copy: bool) -> Iterator[nn.Module]:
    """A copy in evaluation mode, its weights frozen; or the module itself, as it was at the end."""
    try:
        with torch.no_grad():  # copies of TorchScript would else hang on the original's weights
            body = copy.deepcopy(module)
    except Exception as error:  # of whatever the network is made of
        if must_copy:
            raise UserError(
                f"network: cannot be copied ({first_line(error)}); bring it to the device and to "
                "float32 yourself"
            ) from None
        body = module
    modes = [(part, part.training) for part in module.modules()]
    frozen = [(weight, weight.requires_grad) for weight in module.parameters()]
    try:
        with contextlib.suppress(NotImplementedError):  # a program of torch.export has one mode
            body.eval()
        for part in body.modules():
            if part.training:
                part.training = False
        for weight in body.parameters():
            weight.requires_grad_(False)
        yield body
    finally:
        if body is module:
            for part, training in modes:
                if part.training != training:
                    part.training = training
            for weight, requires_grad in frozen:
                weight.requires_grad_(requires_grad)


def _wrapped(body: nn.Module, images: Tensor, declared: Declared) -> tuple[Classifier, list[str]]:
    """The network behind its preprocessing, for as many channels as it takes."""
    channels = images.shape[1]
    tried = [declared.channels] if declared.channels else sorted({channels, 3})
    if channels == 3 and declared.channels == 1:
        raise UserError(
            "preprocessing.channels: 1, but the images have 3; give grey images, n x rows x columns"
        )
    faults: list[str] = []
    for count in tried:
        stated = (declared.input or Input()).model_copy(update={"channels": count})
        expected = Preprocessing.from_study(stated, declared.outputs)
        if max(len(expected.mean), len(expected.std)) not in (1, count):
            continue
        network = Classifier(body, expected, opaque=True)
        network.training = False
        _match(network, images.device, images.dtype)
        if fault := _fault(network, images):
            faults.append(fault)
            continue
        notes = []
        if count != channels and not declared.channels:
            notes.append("Each grey image is given to the network as three equal channels.")
        return network, notes
    if channels == 3 and not _fault(body, images[:, :1]):
        raise UserError(
            "network: takes images of 1 channel, but these have 3; give grey images, "
            "n x rows x columns"
        )
    shape = " x ".join(map(str, images.shape[1:]))
    raise UserError(
        f"network: does not take images of {shape}, channels x rows x columns ({faults[0]}); "
        "resize them, give grey images or colour images, or state preprocessing['layout']"
    )


def _fault(network: nn.Module, images: Tensor) -> str:
    """Why a network does not take some images; empty if it does."""
    try:
        with torch.no_grad():
            network(images)
    except Exception as error:  # of whatever the network is made of
        return first_line(error)
    return ""


def _match(network: Classifier, device: torch.device, dtype: torch.dtype) -> None:
    """Bring what the wrapper itself holds to the network's device and kind of numbers."""
    for name, value in network.named_buffers(recurse=False):
        setattr(network, name, value.to(device, dtype))


def _faster(network: nn.Module, plain: Network, images: Tensor) -> nn.Module:
    """`plain` folded and channels last, if that gives what `network` gives; else `network`."""
    try:
        folded = folding.fold(plain)
        with torch.enable_grad():
            inputs = images.contiguous(memory_format=torch.channels_last).requires_grad_()
            logits = folded(inputs)
            torch.autograd.grad(logits.sum(), inputs)
        with torch.no_grad():
            expected, again = network(images), network(images)
        apart = (logits.detach() - expected).abs().max()
        size = expected.abs().max().clamp_min(1.0)
    except Exception:  # it is only slower
        return network
    alike = logits.shape == expected.shape and torch.equal(expected, again)
    return folded if alike and bool(apart <= ALIKE * size) else network
