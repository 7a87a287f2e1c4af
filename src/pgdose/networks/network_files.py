"""network.safetensors, the file of every run's network: save it, load it, import it.

It holds weights and the description that builds the network. Of a network from elsewhere it holds
the calls of its graph (metadata key `graph`) and the input that it expects (`seen`): numbers, and
no text of the file. TorchScript alone is kept as it is (`format`), but for its debug notes.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from pgdose import tensor_files
from pgdose.devices import with_precision
from pgdose.errors import Damaged, UserError
from pgdose.networks import formats, graph_file
from pgdose.networks.architectures import untrained
from pgdose.networks.classifier import Classifier, Preprocessing
from pgdose.networks.folding import fold
from pgdose.networks.graph import GraphNetwork, Refused
from pgdose.networks.weights import is_auxiliary, load_matching, read_weights
from pgdose.out_of_memory import is_out_of_memory
from pgdose.study.network_content import misfit
from pgdose.study.networks import ExistingNetwork, Input
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


def load(path: str | Path, *, trust: bool = False) -> Classifier:
    """The network of `save` or `import_network`, in evaluation mode.

    Damaged if the file is not as it was written. TorchScript, a program, needs `trust`: the study
    must say so, not the file.
    """
    tensors, metadata = tensor_files.load(path)
    if "format" in metadata and not trust:
        raise UserError(
            f"{path}: holds a network that runs as a program, which 'trust: true' in the study "
            "allows; set it if you know who made the network, or delete the file"
        )
    try:
        return _built(tensors, metadata, Path(path).name)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, RuntimeError, Refused) as error:
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise  # the file may be whole
        raise Damaged(path, f"no network can be built of it ({type(error).__name__})") from None


def _built(tensors: dict[str, torch.Tensor], metadata: dict[str, Any], name: str) -> Classifier:
    if "graph" in metadata or "format" in metadata:
        if "graph" in metadata:
            body: nn.Module = graph_file.read(tensors, metadata["graph"])
        else:
            content = tensors["program"].numpy().tobytes()
            body = formats.read_module(metadata["format"], content, name)
        return Classifier(body, Preprocessing(**metadata["seen"]), opaque=True).frozen()
    architecture = TypeAdapter(Architecture).validate_python(metadata["architecture"])
    network = untrained(architecture, *(metadata[key] for key in ("classes", "size", "width")))
    network.load_state_dict(tensors)
    if "seen" in metadata:
        network = Classifier(network.body, Preprocessing(**metadata["seen"])).frozen()
    return network.eval()


def load_to_attack(
    path: str | Path, precision: str, device: torch.device, *, trust: bool = False
) -> tuple[nn.Module, str]:
    """The network on the device, folded; and the precision in use there."""
    return with_precision(fold(load(path, trust=trust)).to(device), precision, device)


def import_network(
    existing: ExistingNetwork, output: str | Path, classes: list[str], size: int
) -> Classifier:
    """Write a network that was trained elsewhere to `output`, and load it.

    `classes` are the group's, in its order; `size` is that of its images. UserError if the file is
    refused, or does not fit the architecture; nothing is written then.
    """
    path, declared = Path(existing.file), existing.input or Input()
    order = [existing.classes.index(name) for name in classes]
    if fault := misfit(path, existing.format):
        raise UserError(f"{path.name}: {fault}")
    if existing.architecture is None:
        content = path.read_bytes()
        body = formats.read_module(existing.format, content, path.name, data_files(path))
        expected = Preprocessing.from_study(declared, existing.outputs, order)
        seen = {"seen": expected.as_metadata()}
        if isinstance(body, GraphNetwork):
            tensors, graph = graph_file.written(body)
            tensor_files.save(tensors, output, {"graph": graph} | seen)
        else:
            content = formats.without_sources(content)
            program = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            tensor_files.save({"program": program}, output, {"format": existing.format} | seen)
    else:
        description: dict[str, Any] = {
            "architecture": existing.architecture,
            "classes": len(classes),
            "size": size,
        }
        network = untrained(**description)
        first = load_matching(network.body, read_weights(path), is_auxiliary)
        if first:
            raise UserError(
                f"{path.name}: does not fit {existing.architecture} for {len(classes)} classes "
                f"(first misfit: {first}); give weights of this architecture, "
                "trained for these classes"
            )
        expected = Preprocessing.from_study(declared, existing.outputs, order, network)
        save(network, output, description | {"width": 1.0, "seen": expected.as_metadata()})
    return load(output, trust=existing.trust)
