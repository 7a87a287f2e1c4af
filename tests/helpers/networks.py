"""Small networks, files of them in every format, and images for them."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pgdose.networks import architectures, classifier, network_files


def small(classes: int = 2, seed: int = 0) -> classifier.Classifier:
    torch.manual_seed(seed)
    return architectures.build("inception_v3", classes, 75, 0.0625, None)


def settled(network: classifier.Classifier) -> classifier.Classifier:
    """With batch norms that do something: random statistics, gains and offsets."""
    source = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_mean, -0.3, 0.3),
                (module.running_var, 0.5, 2.0),
                (module.weight, 0.5, 1.5),
                (module.bias, -0.3, 0.3),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=source)
    return network.eval()


def images(n: int = 2, channels: int = 1, size: int = 75) -> Tensor:
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(2))


class TwoClasses(nn.Module):
    """A network of two classes for images of 16 pixels; `last` is a module behind its logits."""

    def __init__(self, channels: int = 1, last: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.head = nn.Linear(16, 2)
        self.last = last or nn.Identity()

    def forward(self, images: Tensor) -> Any:
        return self.last(self.head(self.body(images)))


def as_script(network: nn.Module, channels: int = 1) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(network.eval(), torch.rand(2, channels, 16, 16)), file)
    return file.getvalue()


def as_program(network: nn.Module, channels: int = 1) -> bytes:
    file = io.BytesIO()
    shapes = ({0: torch.export.Dim("batch", min=1, max=1024)},)
    inputs = (torch.rand(2, channels, 16, 16),)
    torch.export.save(torch.export.export(network.eval(), inputs, dynamic_shapes=shapes), file)
    return file.getvalue()


def as_onnx(network: nn.Module) -> bytes:
    """By hand: torch needs one more package to write ONNX, which pgdose uses nowhere else."""
    onnx = pytest.importorskip("onnx")
    helper, numbers = onnx.helper, onnx.numpy_helper
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    nodes = [
        helper.make_node("Conv", ["images", "body.0.weight", "body.0.bias"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("AveragePool", ["b"], ["c"], kernel_shape=[7, 7], strides=[7, 7]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "head.weight", "head.bias"], ["logits"], transB=1),
    ]
    shape = ["n", 1, 16, 16]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])],
        [numbers.from_array(value, name) for name, value in state.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    content: bytes = helper.make_model(graph, opset_imports=opset).SerializeToString()
    return content


WRITERS = {"exported program": as_program, "torchscript": as_script, "onnx": as_onnx}
FILES = {"exported program": "n.pt2", "torchscript": "n.pt", "onnx": "n.onnx"}
EXPECTED = classifier.Preprocessing(
    outputs="logits",
    order=None,
    mean=[0.5],
    std=[0.25],
    channels=1,
    layout="channels_first",
    range=[0, 1],
)

DESCRIPTION: dict[str, Any] = {
    "architecture": "inception_v3",
    "classes": 2,
    "size": 75,
    "width": 0.0625,
}


def saved(path: Path, network: classifier.Classifier, **changed: Any) -> Path:
    """The file of a network as `small` builds it, but for what changed."""
    network_files.save(network, path, DESCRIPTION | changed)
    return path


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks have equal weights."""
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
