"""Networks from elsewhere: read, seen as they are used to, and checked on arrival."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import images
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from pgdose.errors import UserError
from pgdose.networks import classifier, folding, formats, network_files, probe, pt2

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEEN: dict[str, Any] = {
    "range": [0, 1],
    "mean": [0.5],
    "std": [0.25],
    "channels": 1,
    "layout": "channels_first",
    "outputs": "logits",
    "order": None,
}


class Small(nn.Module):
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
    """By hand: torch wants one more package to write ONNX, which pgdose needs nowhere else."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnx2torch")
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


SUFFIX = {"exported program": "n.pt2", "torchscript": "n.pt", "onnx": "n.onnx"}
NAMED: dict[str, Any] = {"architecture": None, "outputs": "logits", "classes": ["a", "b"]}


@pytest.mark.parametrize("format", WRITERS)
def test_a_whole_file_says_what_its_network_said(format: str, tmp_path: Path) -> None:
    network, path = Small().eval(), tmp_path / SUFFIX[format]
    path.write_bytes(WRITERS[format](network))
    output = tmp_path / "network.safetensors"
    given = NAMED | {"input": {name: SEEN[name] for name in classifier.PLAIN}}
    brought = network_files.bring(path, output, ["b", "a"], 16, given)
    path.unlink()
    some = images(3, 1, 16)
    expected = network((some - 0.5) / 0.25)[:, [1, 0]]  # in the group's order
    for taken in (brought, network_files.load(output), folding.fold(network_files.load(output))):
        assert torch.allclose(taken(some), expected, atol=1e-5)
        assert not any(m.training for m in taken.modules())
    probe.check(brought, some, 2, "n")


def test_weights_alone_come_with_an_architecture(tmp_path: Path) -> None:
    theirs = models.resnet18(num_classes=3).eval()
    save_file(theirs.state_dict(), tmp_path / "n.safetensors")
    given = NAMED | {"architecture": "resnet18", "input": None, "classes": ["a", "b", "c"]}
    path, output = tmp_path / "n.safetensors", tmp_path / "network.safetensors"
    brought = network_files.bring(path, output, ["c", "a", "b"], 64, given)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    some = images(2, 3, 64)
    expected = theirs((some - mean) / std)[:, [2, 0, 1]]
    for taken in (brought, network_files.load(output), folding.fold(network_files.load(output))):
        assert torch.allclose(taken(some), expected, rtol=1e-3, atol=1e-4)
    for other, says in (
        ({"architecture": "resnet34"}, r"n\.safetensors: does not fit resnet34 for 3 classes"),
        ({"classes": ["a", "b"]}, r"does not fit resnet18 for 2 classes, e\.g\. fc\."),
    ):
        with pytest.raises(UserError, match=says):
            network_files.bring(path, output, sorted((given | other)["classes"]), 64, given | other)


@pytest.mark.parametrize(
    ("seen", "same"),
    [
        ({"range": [0, 255], "mean": [127.5], "std": [255.0]}, lambda x: (x * 255 - 127.5) / 255),
        ({"range": [-1, 1], "mean": [0.0], "std": [1.0]}, lambda x: x * 2 - 1),
        ({"layout": "channels_last"}, lambda x: ((x - 0.5) / 0.25).permute(0, 2, 3, 1)),
        ({"channels": 3}, lambda x: ((x - 0.5) / 0.25).expand(-1, 3, -1, -1)),
        (
            {"channels": 3, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.6, 0.7]},
            lambda x: torch.cat([(x - m) / s for m, s in ((0.1, 0.5), (0.2, 0.6), (0.3, 0.7))], 1),
        ),
    ],
)
def test_images_are_shown_as_the_network_is_used_to(seen: dict, same: Any) -> None:
    network = classifier.as_seen(nn.Identity(), SEEN | seen)
    some = images(2, 1, 8)
    assert torch.allclose(network(some), same(some), atol=1e-5)


def test_outputs_are_put_in_the_group_s_order_and_probabilities_become_logits() -> None:
    said = torch.tensor([[0.7, 0.1, 0.2]])

    class Says(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return said

    seen = SEEN | {"outputs": "probabilities", "order": [2, 0, 1]}
    logits = classifier.as_seen(Says(), seen)(images(1, 1, 8))
    assert torch.allclose(logits.softmax(dim=1), said[:, [2, 0, 1]])


# --- what is found out on arrival -------------------------------------------------------------


class Rounding(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits.round()


class Detached(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits.detach()


class Noisy(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits + torch.rand_like(logits)


class Together(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits - logits.mean(dim=0)


class Two(nn.Module):
    def forward(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        return logits, logits


class Infinite(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits / 0


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (Small(3), "takes no image of 1 x 16 x 16"),
        (Small(last=nn.Softmax(dim=1)), "gives probabilities, not logits"),
        (Small(last=Two()), "gives 2 outputs; one, n x classes, is wanted"),
        (Small(last=nn.Linear(2, 3)), r"gives \[8, 3\] for 8 images; \[8, 2\] is wanted"),
        (Small(last=nn.Linear(2, 1)), r"gives \[8, 1\] for 8 images"),
        (Small(last=Noisy()), "says two things of the same images"),
        (Small(last=Together()), "depends on the others beside it"),
        (Small(last=Infinite()), "not all finite numbers"),
        (Small(last=Rounding()), "its gradient by the image is 0 everywhere"),
        (Small(last=Detached()), "gives no gradient by the image"),
    ],
)
def test_what_cannot_be_attacked_is_refused_with_the_reason(network: Any, says: str) -> None:
    with pytest.raises(UserError, match=f"n.pt2: .*{says}"):
        probe.check(classifier.as_seen(network.eval(), SEEN), images(9, 1, 16), 2, "n.pt2")


class Viewed(nn.Module):
    """Takes for granted how its images lie in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, stride=2)
        self.head = nn.Linear(4 * 7 * 7, 2)

    def forward(self, seen: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(seen).view(seen.size(0), -1))
        return logits


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("format", ["exported program", "torchscript"])
def test_how_images_lie_in_memory_is_no_matter(format: str, channels: int, tmp_path: Path) -> None:
    theirs, path = Viewed().eval(), tmp_path / SUFFIX[format]
    path.write_bytes(WRITERS[format](theirs, 3))
    given = NAMED | {"input": {"size": 16}}
    brought = network_files.bring(path, tmp_path / "network.safetensors", ["a", "b"], 16, given)
    some = images(9, channels, 16).contiguous(memory_format=torch.channels_last)
    expected = theirs(some.expand(-1, 3, -1, -1).contiguous())
    for taken in (brought, folding.fold(brought)):
        assert torch.allclose(taken(some), expected, atol=1e-5)
        probe.check(taken, some, 2, "n")


def test_outputs_that_nobody_named_are_not_left_out() -> None:
    five = classifier.as_seen(Small(last=nn.Linear(2, 5)).eval(), SEEN | {"order": [1, 0]})
    with pytest.raises(UserError, match=r"gives \[8, 5\] for 8 images"):
        probe.check(five, images(9, 1, 16), 2, "n.pt2")


def test_a_fixed_number_of_images_is_named() -> None:
    file = io.BytesIO()
    torch.export.save(torch.export.export(Small().eval(), (torch.zeros(8, 1, 16, 16),)), file)
    network = classifier.as_seen(pt2.read(file.getvalue(), "n.pt2"), SEEN, as_it_came=True)
    with pytest.raises(UserError, match=r"n\.pt2: takes .* images"):
        probe.check(network, images(9, 1, 16), 2, "n.pt2")


def test_an_empty_file_is_no_network(tmp_path: Path) -> None:
    for name in ("n.pt2", "n.onnx", "n.pt", "n.safetensors"):
        (tmp_path / name).touch()
        given = NAMED | {"input": None}
        given["architecture"] = "resnet18" if name.endswith("safetensors") else None
        with pytest.raises(UserError, match=rf"^{name}"):
            network_files.bring(tmp_path / name, tmp_path / "out", ["a", "b"], 64, given)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [({"size": 64}, 0, 1), ({"range": [0.0, 255.0]}, 0, 255), ({"range": None}, 0, 1)],
)
def test_what_is_not_said_of_an_input_is_the_architecture_s(
    given: dict, low: float, high: float, tmp_path: Path
) -> None:
    theirs = models.resnet18(num_classes=2).eval()
    save_file(theirs.state_dict(), tmp_path / "n.safetensors")
    settings = NAMED | {"architecture": "resnet18", "input": {"mean": None, "std": None} | given}
    path, output = tmp_path / "n.safetensors", tmp_path / "network.safetensors"
    brought = network_files.bring(path, output, ["a", "b"], 64, settings)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    some = images(2, 3, 64)
    expected = theirs((some - mean) / std)
    assert torch.allclose(brought(some), expected, rtol=1e-3, atol=1e-4)


def test_probabilities_are_welcome_where_they_are_declared() -> None:
    seen = SEEN | {"outputs": "probabilities"}
    probe.check(classifier.as_seen(Small(last=nn.Softmax(dim=1)), seen), images(9, 1, 16), 2, "n")
    with pytest.raises(UserError, match="do not add up to 1"):
        probe.check(classifier.as_seen(Small(), seen), images(9, 1, 16), 2, "n")


def test_an_unknown_kind_of_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"n\.h5: '\.h5'; one of \.pt2"):
        formats.format_of(tmp_path / "n.h5")


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_what_is_no_network_is_named(format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnx2torch")
    with pytest.raises(UserError, match=r"^n: no "):
        formats.module(format, b"no network", "n")
