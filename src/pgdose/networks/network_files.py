"""network.safetensors, the file of every run's network: save it, load it, import it.

It holds weights and the description that builds the network. Of a network from elsewhere it holds
the calls of its graph (metadata key `graph`) and the input that it expects (`seen`): numbers, and
no text of the file. TorchScript alone is kept as it is (`format`), but for its debug notes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from pgdose import tensor_files
from pgdose.devices import with_precision
from pgdose.errors import Damaged, UserError
from pgdose.networks import (
    declared_input,
    final_activation,
    formats,
    graph_file,
    input_defences,
)
from pgdose.networks.architectures import take_one_channel, untrained
from pgdose.networks.classifier import Classifier, Network, Preprocessing
from pgdose.networks.combined import DefendedClassifier, EnsembleClassifier
from pgdose.networks.folding import fold
from pgdose.networks.graph import GraphNetwork, Refused
from pgdose.networks.weights import fitted, is_auxiliary, load_matching, read_weights
from pgdose.out_of_memory import is_out_of_memory
from pgdose.study.defended_networks import DefendedNetwork
from pgdose.study.image_size import shown, sides
from pgdose.study.network_content import misfit
from pgdose.study.networks import OF_ONE_NUMBER, ExistingNetwork, Input
from pgdose.study.onnx_locations import data_files
from pgdose.study.training import Architecture


def save(network: Classifier, path: str | Path, description: dict[str, Any]) -> None:
    """Write the weights, with the description that `load` needs to build the network.

    `description`: architecture, classes, size, width, and anything else to be recorded.
    Auxiliary heads are left out: only training uses them.
    """
    state = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not is_auxiliary(name.removeprefix("body."))
    }
    tensor_files.save(state, path, description)


def save_combined(
    parts: Sequence[str | Path], path: str | Path, description: dict[str, Any]
) -> None:
    """Write a network that is made of those in other files.

    `description`: of a defended network `defence` and `gradient`, as `DefendedNetwork.settings`
    gives them, and `seed`, that of its noise; of an ensemble nothing.
    """
    tensors: dict[str, torch.Tensor] = {}
    metadata = []
    for number, part in enumerate(parts):
        of_part, about = tensor_files.load(part)
        tensors |= {f"{number}.{name}": tensor for name, tensor in of_part.items()}
        metadata.append(about)
    tensor_files.save(tensors, path, description | {"parts": metadata})


def load(path: str | Path, *, trust: bool = False) -> Network:
    """The network of a file network.safetensors, in evaluation mode, on the CPU.

    It takes images (n x channels x rows x columns, float in [0, 1]) and gives logits (n x classes).

    Args:
        path: a file of `save`, `save_combined` or `import_network`.
        trust: whether to run a TorchScript network, which is a program.

    Raises:
        Damaged: the file is not as it was written.
        UserError: the file holds a program, and `trust` is false.
    """
    tensors, metadata = tensor_files.load(path)
    try:
        if not trust and _is_program(metadata):
            raise UserError(
                f"{path}: holds a network that runs as a program, which 'trust: true' in the study "
                "allows; set it if you know who made the network, or delete the file"
            )
        network = _built(tensors, metadata, Path(path).name)
        network.notes = list(metadata.get("notes", []))
        return network
    except (
        *(KeyError, IndexError, TypeError, AttributeError, ValueError, ZeroDivisionError),
        *(RuntimeError, Refused),
    ) as error:
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise  # the file may be whole
        raise Damaged(path, f"no network can be built of it ({type(error).__name__})") from None


def _is_program(metadata: dict[str, Any]) -> bool:
    """Whether the network, or a part of it, runs as a program."""
    return "format" in metadata or any(_is_program(part) for part in metadata.get("parts", []))


def _built(tensors: dict[str, torch.Tensor], metadata: dict[str, Any], name: str) -> Network:
    if "parts" in metadata:
        return _combined(tensors, metadata, name)
    if "graph" in metadata or "format" in metadata:
        if "graph" in metadata:
            body: nn.Module = graph_file.read(tensors, metadata["graph"])
        else:
            content = tensors["program"].numpy().tobytes()
            body = formats.read_module(metadata["format"], content, name)
        return Classifier(body, Preprocessing(**metadata["seen"]), opaque=True).frozen()
    architecture = TypeAdapter(Architecture).validate_python(metadata["architecture"])
    network = untrained(architecture, *(metadata[key] for key in ("classes", "size", "width")))
    if metadata.get("seen", {}).get("channels") == 1:
        take_one_channel(network.body)
    network.load_state_dict(tensors)
    if "seen" in metadata:
        network = Classifier(network.body, Preprocessing(**metadata["seen"])).frozen()
    return network.eval()


def _combined(tensors: dict[str, torch.Tensor], metadata: dict[str, Any], name: str) -> Network:
    of_parts: list[dict[str, torch.Tensor]] = [{} for _ in metadata["parts"]]
    for key, tensor in tensors.items():
        number, _, of_part = key.partition(".")
        of_parts[int(number)][of_part] = tensor
    networks = [
        _built(part, about, name) for part, about in zip(of_parts, metadata["parts"], strict=True)
    ]
    if "defence" not in metadata:
        return EnsembleClassifier(networks).frozen()
    entry = DefendedNetwork(defence=metadata["defence"], gradient=metadata["gradient"])
    (network,), seed = networks, int(metadata["seed"])
    defence = input_defences.make(entry.defence, entry.used_gradient, seed)
    return DefendedClassifier(network, defence).frozen()


def load_to_attack(
    path: str | Path, precision: str, device: torch.device, *, trust: bool = False
) -> tuple[nn.Module, str]:
    """The network on the device, folded; and the precision in use there."""
    return with_precision(fold(load(path, trust=trust)).to(device), precision, device)


def import_network(
    existing: ExistingNetwork, output: str | Path, classes: list[str], size: int | Sequence[int]
) -> Classifier:
    """Write a network that was trained elsewhere to `output`, and load it.

    `classes` are the group's, in its order; `size` is that of its images: the side of a square, or
    rows and columns. UserError if the file is refused, or does not fit the architecture; nothing is
    written then.
    """
    path = Path(existing.file)
    if fault := misfit(path, existing.format):
        raise UserError(f"{path.name}: {fault}")
    order = [existing.classes.index(name) for name in classes]
    if existing.architecture is None:
        _import_graph(existing, output, order, size)
    else:
        _import_weights(existing, output, order, size)
    network = load(output, trust=existing.trust)
    assert isinstance(network, Classifier)  # no file of another maker describes parts
    return network


def _import_graph(
    existing: ExistingNetwork, output: str | Path, order: list[int], size: int | Sequence[int]
) -> None:
    """Write a network whose file says how it is carried out."""
    path = Path(existing.file)
    content = path.read_bytes()
    body = formats.read_module(existing.format, content, path.name, data_files(path))
    expected = Preprocessing.from_study(existing.input or Input(), existing, order)
    shape = body.shape if isinstance(body, GraphNetwork) else ()
    notes = declared_input.check(shape, expected, size, path.name)
    final_activation.check_declared(body, expected, path.name)
    body, expected, of_outputs = final_activation.logits_of(body, expected, sides(size))
    notes += of_outputs
    about: dict[str, Any] = {"seen": expected.as_metadata()}
    if isinstance(body, GraphNetwork):
        tensors, graph = graph_file.written(body)
        about |= {"graph": graph, "notes": [*body.notes, *notes]}
    else:
        content = formats.without_sources(content)
        tensors = {"program": torch.frombuffer(bytearray(content), dtype=torch.uint8)}
        about |= {"format": existing.format, "notes": notes}
    tensor_files.save(tensors, output, about)


def _import_weights(
    existing: ExistingNetwork, output: str | Path, order: list[int], size: int | Sequence[int]
) -> None:
    """Write an architecture with the weights of a file."""
    path, declared = Path(existing.file), existing.input or Input()
    outputs = existing.width(len(order))
    description: dict[str, Any] = {
        "architecture": existing.architecture,
        "classes": outputs,
        "size": size,
    }
    network = untrained(**description)
    if declared.channels == 1:
        take_one_channel(network.body)
        if network.mean.numel() > 1 and None in (declared.mean, declared.std):
            raise UserError(
                f"{path.name}: 'input.channels' is 1, and the mean and std of "
                f"{existing.architecture} are those of three channels; give 'input.mean' and "
                "'input.std', each one number"
            )
    try:
        weights = fitted(read_weights(path), network.body)
    except UserError as error:
        raise UserError(f"{path.name}: {error}") from None
    first = load_matching(network.body, weights.tensors, is_auxiliary)
    if first:
        count = _count(outputs, existing)
        raise UserError(
            f"{path.name}: does not fit {existing.architecture} for {count} and images of "
            f"{shown(size)} pixels (first misfit: {first}); give weights of this architecture, "
            "trained for these classes"
        )
    expected = Preprocessing.from_study(declared, existing, order, network)
    seen = {"width": 1.0, "seen": expected.as_metadata(), "notes": weights.notes}
    save(network, output, description | seen)


def _count(outputs: int, existing: ExistingNetwork) -> str:
    if existing.outputs in OF_ONE_NUMBER:
        return f"{outputs} output{'s' * (outputs > 1)} ('outputs: {existing.outputs}')"
    return f"{outputs} classes"
