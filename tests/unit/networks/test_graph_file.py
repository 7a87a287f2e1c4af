"""A network's file gives the network again, and holds no text of the file that it came from."""

import json
from pathlib import Path

import pytest
import torch
from helpers.networks import TwoClasses, as_onnx, as_program
from torch import Tensor, nn

from pgdose import tensor_files
from pgdose.networks import formats, graph_file
from pgdose.networks.graph import Call, Device, GraphNetwork, Numbers, Value

pytestmark = pytest.mark.usefixtures("one_thread")
PLANTED = "Ivanova"


class Odd(nn.Module):
    """Arguments of many kinds; its names are planted."""

    def __init__(self) -> None:
        super().__init__()
        self.Ivanova = nn.Linear(256, 2)
        self.register_buffer("Ivanova_order", torch.arange(256).flip(0))

    def forward(self, Ivanova_images: Tensor) -> Tensor:  # noqa: N803
        n = Ivanova_images.shape[0]
        flat = (
            Ivanova_images.to(torch.float64).to(torch.float32).reshape(n, -1)[:, self.Ivanova_order]
        )
        flat = torch.cat([flat.clamp(0.1), torch.zeros(n, 0)], dim=1)
        flat = (
            torch.div(flat, 0.5, rounding_mode="floor").contiguous()
            + flat.split([100, 156], 1)[0].sum()
        )
        logits: Tensor = self.Ivanova(flat)
        return logits


@pytest.mark.parametrize(
    ("format", "content"), [("onnx", as_onnx), ("exported program", as_program)]
)
def test_a_network_is_read_as_it_was_written(format: str, content: object, tmp_path: Path) -> None:
    for network in (TwoClasses(), Odd()) if format != "onnx" else (TwoClasses(),):
        body = formats.read_module(format, content(network.eval()), "n")  # type: ignore[operator]
        assert isinstance(body, GraphNetwork)
        tensors, description = graph_file.written(body)
        tensor_files.save(tensors, tmp_path / "n.safetensors", {"graph": description})
        tensors, metadata = tensor_files.load(tmp_path / "n.safetensors")
        read = graph_file.read(tensors, metadata["graph"])
        images = torch.rand(3, 1, 16, 16)
        assert torch.equal(read(images), body(images))
        assert torch.allclose(read(images), network(images), atol=1e-6)
        assert PLANTED.encode() not in (tmp_path / "n.safetensors").read_bytes()
        with pytest.raises(ValueError, match="it takes any x 1 x 16 x 16"):
            read(images[:, :, :-1])


def test_every_kind_of_argument_comes_back() -> None:
    arguments = [
        *(None, True, 3, -0.5, float("inf"), "floor", Value(3), Numbers(4), Device()),
        *(torch.float16, torch.channels_last, torch.strided, [1, [Value(1), None]], []),
    ]
    value = torch.tensor([2], dtype=torch.int64)
    call = Call("_operator.add", max, arguments, {"value": value, "axis": 1}, (7, 8), True)
    _, description = graph_file.written(GraphNetwork([call], {}, 0, [7], [None, 3, 4, 4]))
    read = graph_file.read({}, json.loads(json.dumps(description)))
    (same,) = read.calls
    assert same.arguments == arguments
    assert same.keywords["axis"] == 1 and torch.equal(same.keywords["value"], value)
    assert (same.results, same.several, read.shape) == ((7, 8), True, (None, 3, 4, 4))


@pytest.mark.parametrize("operator", ["os.system", "torch.ops.aten.from_file.default", "onnx.Loop"])
def test_a_file_of_results_calls_no_other_function(operator: str) -> None:
    call = {"operator": operator, "arguments": [], "keywords": {}, "results": [1], "several": False}
    description = {"calls": [call], "images": 0, "outputs": [1], "shape": []}
    with pytest.raises(Exception, match=r"Loop|as target"):
        graph_file.read({}, description)
