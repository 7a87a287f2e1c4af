"""Networks from elsewhere give the outputs that they gave there, on images prepared for them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import EXPECTED, FILES, WRITERS, TwoClasses, images
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

from pgdose import tensor_files
from pgdose.errors import UserError
from pgdose.networks import classifier, folding, formats, network_files, probe
from pgdose.study.networks import ExistingNetwork

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def existing(path: Path, classes: str = "ab", **settings: Any) -> ExistingNetwork:
    """A network of the study; TorchScript is trusted."""
    settings = {"classes": list(classes), "trust": True, **settings}
    return ExistingNetwork(file=str(path), **settings)


@pytest.mark.parametrize("format", WRITERS)
def test_a_whole_file_gives_the_outputs_of_its_network(format: str, tmp_path: Path) -> None:
    network, path = TwoClasses().eval(), tmp_path / FILES[format]
    path.write_bytes(WRITERS[format](network))
    output = tmp_path / "network.safetensors"
    declared = {"channels": 1, "mean": 0.5, "std": 0.25}
    imported = network_files.import_network(existing(path, input=declared), output, ["b", "a"], 16)
    path.unlink()
    some = images(3, 1, 16)
    expected = network((some - 0.5) / 0.25)[:, [1, 0]]  # in the group's order
    loaded = network_files.load(output, trust=True)
    for taken in (imported, loaded, folding.fold(loaded)):
        assert torch.allclose(taken(some), expected, atol=1e-5)
        assert not any(m.training for m in taken.modules())
    probe.check(imported, some, 2, "n")


def test_weights_alone_come_with_an_architecture(tmp_path: Path) -> None:
    theirs = models.resnet18(num_classes=3).eval()
    path, output = tmp_path / "n.safetensors", tmp_path / "network.safetensors"
    save_file(theirs.state_dict(), path)
    imported = network_files.import_network(
        existing(path, "abc", architecture="resnet18"), output, ["c", "a", "b"], 64
    )
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    some = images(2, 3, 64)
    expected = theirs((some - mean) / std)[:, [2, 0, 1]]
    loaded = network_files.load(output)
    for taken in (imported, loaded, folding.fold(loaded)):
        assert torch.allclose(taken(some), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "classes", "message"),
    [
        ("resnet34", "abc", r"n\.safetensors: does not fit resnet34 for 3 classes"),
        ("resnet18", "ab", r"does not fit resnet18 for 2 classes and .* \(first misfit: fc\."),
    ],
)
def test_weights_of_another_network_are_refused(
    architecture: str, classes: str, message: str, tmp_path: Path
) -> None:
    path, output = tmp_path / "n.safetensors", tmp_path / "network.safetensors"
    save_file(models.resnet18(num_classes=3).state_dict(), path)
    network = existing(path, classes, architecture=architecture)
    with pytest.raises(UserError, match=message):
        network_files.import_network(network, output, list(classes), 64)
    assert not output.exists()


@pytest.mark.parametrize(
    ("change", "same"),
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
def test_images_are_given_as_the_network_expects_them(change: dict[str, Any], same: Any) -> None:
    network = classifier.Classifier(nn.Identity(), replace(EXPECTED, **change))
    some = images(2, 1, 8)
    assert torch.allclose(network(some), same(some), atol=1e-5)


def test_outputs_are_put_in_the_group_s_order_and_probabilities_become_logits() -> None:
    output = torch.tensor([[0.7, 0.1, 0.2]])

    class Constant(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return output

    expected = replace(EXPECTED, outputs="probabilities", order=[2, 0, 1])
    logits = classifier.Classifier(Constant(), expected)(images(1, 1, 8))
    assert torch.allclose(logits.softmax(dim=1), output[:, [2, 0, 1]])


class Viewing(nn.Module):
    """Takes for granted how its images lie in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3, stride=2)
        self.head = nn.Linear(4 * 7 * 7, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images).view(images.size(0), -1))
        return logits


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("format", ["exported program", "torchscript"])
def test_how_images_lie_in_memory_is_no_matter(format: str, channels: int, tmp_path: Path) -> None:
    theirs, path = Viewing().eval(), tmp_path / FILES[format]
    path.write_bytes(WRITERS[format](theirs, 3))
    imported = network_files.import_network(
        existing(path, input={"size": 16}), tmp_path / "network.safetensors", ["a", "b"], 16
    )
    some = images(9, channels, 16).contiguous(memory_format=torch.channels_last)
    expected = theirs(some.expand(-1, 3, -1, -1).contiguous())
    for taken in (imported, folding.fold(imported)):
        assert torch.allclose(taken(some), expected, atol=1e-5)
        probe.check(taken, some, 2, "n")


def test_an_empty_file_is_no_network(tmp_path: Path) -> None:
    for name in ("n.pt2", "n.onnx", "n.pt", "n.safetensors"):
        (tmp_path / name).touch()
        architecture = "resnet18" if name.endswith("safetensors") else None
        network = existing(tmp_path / name, architecture=architecture)
        with pytest.raises(UserError, match=rf"^{name}"):
            network_files.import_network(network, tmp_path / "out", ["a", "b"], 64)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("declared", "low", "high"),
    [
        (None, 0, 1),
        ({}, 0, 1),
        ({"size": 64}, 0, 1),
        ({"mean": None, "std": None, "range": [0.0, 255.0]}, 0, 255),
    ],
)
def test_mean_and_std_left_out_are_the_architecture_s(
    declared: dict[str, Any] | None, low: float, high: float, tmp_path: Path
) -> None:
    theirs = models.resnet18(num_classes=2).eval()
    path, output = tmp_path / "n.safetensors", tmp_path / "network.safetensors"
    save_file(theirs.state_dict(), path)
    network = existing(path, architecture="resnet18", input=declared)
    imported = network_files.import_network(network, output, ["a", "b"], 64)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    some = images(2, 3, 64)
    expected = theirs((some - mean) / std)
    assert torch.allclose(imported(some), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("format", ["torchscript", "onnx"])
def test_a_file_that_is_no_network_is_named(format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnx")
    with pytest.raises(UserError, match=r"^n: not a "):
        formats.read_module(format, b"no network", "n")


def test_a_network_in_results_runs_as_a_program_only_if_the_study_says_so(tmp_path: Path) -> None:
    """Whoever can change a results folder could say so in the file."""
    path, output = tmp_path / "n.pt", tmp_path / "network.safetensors"
    path.write_bytes(WRITERS["torchscript"](TwoClasses()))
    network_files.import_network(existing(path, input={"channels": 1}), output, ["a", "b"], 16)
    with pytest.raises(UserError, match="runs as a program, which 'trust: true' in the study"):
        network_files.load(output)
    network_files.load(output, trust=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "banana"},
        {"architecture": "timm/hf-hub:x/y"},
        {"architecture": "timm/local-dir:x"},
        {"seen": {}},
        {"graph": {"calls": [], "images": 0, "outputs": [9], "shape": []}},
    ],
)
def test_a_changed_description_is_damage(changed: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    whole = {"architecture": "inception_v3", "classes": 2, "size": 75, "width": 0.0625}
    tensor_files.save({}, path, whole | changed)
    with pytest.raises(UserError):
        network_files.load(path, trust=True)


def test_a_lack_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job sets a damaged file aside."""
    path = tmp_path / "network.safetensors"
    tensor_files.save({}, path, {"graph": {}, "seen": {}})

    def read(*_: Any) -> Any:
        raise RuntimeError(
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte"
        )

    monkeypatch.setattr(network_files.graph_file, "read", read)
    with pytest.raises(RuntimeError, match="can't allocate memory"):
        network_files.load(path)


# --- weights as training leaves them -------------------------------------------------------------


def weights_of(
    path: Path, state: dict[str, Tensor], architecture: str = "resnet18", **settings: Any
) -> Any:
    """The network of a file of these weights."""
    save_file({name: tensor.clone().contiguous() for name, tensor in state.items()}, path)
    network = existing(path, architecture=architecture, **settings)
    return network_files.import_network(network, path.parent / "out", ["a", "b"], 64)


RESNET = models.resnet18(num_classes=2).eval()
STATE = RESNET.state_dict()


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in STATE.items()}


PREFIXES = ["module.", "model.", "net.", "backbone.", "model.module._orig_mod.", "vadim.", "body."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_that_training_adds_is_left_out_and_noted(prefix: str, tmp_path: Path) -> None:
    imported = weights_of(tmp_path / "n.safetensors", prefixed(prefix))
    assert all(torch.equal(imported.body.state_dict()[n], t) for n, t in STATE.items())
    notes = " ".join(imported.notes)
    assert ("in front, which is left out" in notes) == (prefix != "body.")
    assert "vadim" not in notes


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (prefixed("model.") | prefixed("ema."), "holds the weights of 2 networks, with 'ema', "),
        (STATE | prefixed("model_ema."), "of 2 networks, with nothing, 'model_ema' in front"),
        (
            prefixed("model.") | {"loss.weight": torch.ones(2)},
            "1 tensors that it does not have, such as 'loss.weight'",
        ),
        (STATE | {"anna.weight": torch.ones(2)}, r"such as \(a name not shown here\)"),
        (
            {n: t.to(torch.int8) for n, t in STATE.items()},
            "conv1.weight holds whole numbers; give weights from before they were quantised",
        ),
        (
            models.resnet18(num_classes=5).state_dict(),
            "fc.weight is 5 x 512 in the file, and 2 x 512 in the architecture",
        ),
        (
            STATE | {"conv1.weight": torch.ones(64, 1, 7, 7)},
            "conv1.weight is 64 x 1 x 7 x 7 in the file, and 64 x 3 x 7 x 7 in the architecture: "
            "set input.channels: 1",
        ),
        ({n: t for n, t in STATE.items() if n != "fc.bias"}, "fc.bias is missing"),
    ],
)
def test_what_does_not_belong_to_the_architecture_is_named(
    state: dict[str, Tensor], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"^n.safetensors: .*{message}"):
        weights_of(tmp_path / "n.safetensors", state)


def test_counters_of_training_change_nothing(tmp_path: Path) -> None:
    state = {n: t for n, t in STATE.items() if not n.endswith("num_batches_tracked")}
    state |= {"layer1.total_ops": torch.ones(1), "total_params": torch.ones(1)}
    some = images(2, 3, 64)
    both = [weights_of(tmp_path / f"{i}.safetensors", s) for i, s in enumerate((STATE, state))]
    assert torch.equal(both[0](some), both[1](some))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_numbers_are_noted(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in STATE.items()}
    imported = weights_of(tmp_path / "n.safetensors", state)
    assert imported.body.conv1.weight.dtype == torch.float32
    assert torch.equal(imported.body.conv1.weight, STATE["conv1.weight"].to(dtype).float())
    assert f"are {str(dtype).removeprefix('torch.')}, and computed with" in imported.notes[0]


def test_an_architecture_may_take_grey_images(tmp_path: Path) -> None:
    theirs = models.resnet18(num_classes=2).eval()
    theirs.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    path, grey = tmp_path / "n.safetensors", {"channels": 1, "mean": 0.5, "std": 0.25}
    some = images(2, 1, 64)
    for network in (
        weights_of(path, theirs.state_dict(), input=grey),
        network_files.load(tmp_path / "out"),
    ):
        assert torch.allclose(network(some), theirs((some - 0.5) / 0.25), rtol=1e-3, atol=1e-4)
    with pytest.raises(UserError, match=r"are those of three channels; give 'input\.mean'"):
        weights_of(path, theirs.state_dict(), input={"channels": 1})


def test_timm_s_networks_of_a_fixed_size_are_built_for_the_group_s(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    name, options = "vit_tiny_patch16_224", {"num_classes": 2, "img_size": 64}
    theirs = timm.create_model(name, **options, in_chans=1).eval()
    grey = {"channels": 1, "mean": 0.5, "std": 0.5}
    path, some = tmp_path / "n.safetensors", images(2, 1, 64)
    imported = weights_of(path, theirs.state_dict(), f"timm/{name}", input=grey)
    assert torch.allclose(imported(some), theirs((some - 0.5) / 0.5), rtol=1e-3, atol=1e-4)
    other = timm.create_model(name, num_classes=2).state_dict()
    with pytest.raises(UserError, match="pos_embed is 1 x 197 x 192 in the file, and 1 x 17 x 192"):
        weights_of(path, other, f"timm/{name}")


# --- the images that a file says it takes --------------------------------------------------------


def shaped(shape: list[Any], tmp_path: Path, of_group: Any = 64, **declared: Any) -> Any:
    """The import of a network whose file declares this shape of its input."""
    onnx = pytest.importorskip("onnx")
    nodes = [
        onnx.helper.make_node("GlobalAveragePool", ["images"], ["a"]),
        onnx.helper.make_node("Flatten", ["a"], ["logits"]),
    ]
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [info("images", 1, shape)], [info("logits", 1, None)]
    )
    imports = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=imports)
    path = tmp_path / "n.onnx"
    path.write_bytes(model.SerializeToString())
    network = existing(path, input=declared or None)
    return network_files.import_network(network, tmp_path / "out", ["a", "b"], of_group)


@pytest.mark.parametrize(
    ("shape", "declared", "message"),
    [
        (["n", 3, 224, 224], {}, r"takes 224 x 224 images, .* size 64; set image\.size: 224"),
        (["n", 3, None, 224], {}, r"takes 224 x 224 images"),
        (
            ["n", 3, 64, 80],
            {},
            r"takes 64 x 80 images \(height x width\), .*; set image\.size: \[64, ",
        ),
        (["n", 80, 64, 3], {"layout": "channels_last"}, r"takes 80 x 64 images .*: \[80, 64\],"),
        (["n", 1, 64, 64], {}, r"images of 1 channel, but .* is 3; set input\.channels: 1"),
        (["n", 3, 64, 64], {"channels": 1}, r"of 3 channels, but .* is 1; set input\.channels: 3"),
        (["n", 64, 64, 3], {}, r"of 64 x 64 x 3, but .* set input\.layout: channels_last"),
        (
            ["n", 3, 64, 64],
            {"layout": "channels_last"},
            r"of 3 x 64 x 64, but .* set input\.layout: channels_first",
        ),
        (["n", 4, 64, 64], {}, "takes images of 4 channels; give one that takes 1 or 3"),
        (["n", 100], {}, "takes an input of 2 dimensions"),
    ],
)
def test_images_of_another_kind_than_the_file_says_are_refused(
    shape: list[Any], declared: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"^n\.onnx: .*{message}"):
        shaped(shape, tmp_path, **declared)


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ([64, 80], [64, 80], ""),
        ([None, 80], [64, 80], ""),
        ([64, None], [64, 80], ""),
        (
            [80, 64],
            [64, 80],
            r"takes 80 x 64 images .* size \[64, 80\]; set image\.size: \[80, 64\]",
        ),
        (
            [None, 64],
            [64, 80],
            r"takes 64 x 64 images .*; set image\.size: 64, or export it for 64 x",
        ),
        (
            [80, None],
            [64, 80],
            r"takes 80 x 80 images .*; set image\.size: 80, .* for 64 x 80 images",
        ),
        ([64, 64], [64, 80], r"set image\.size: 64,"),
    ],
)
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_both_sides_are_compared(
    shape: list[Any], size: list[int], message: str, layout: str, tmp_path: Path
) -> None:
    whole = ["n", 3, *shape] if layout == "channels_first" else ["n", *shape, 3]
    if not message:
        assert shaped(whole, tmp_path, size, layout=layout).notes == []
        return
    with pytest.raises(UserError, match=rf"^n\.onnx: .*{message}"):
        shaped(whole, tmp_path, size, layout=layout)


@pytest.mark.parametrize(
    ("shape", "declared", "noted"),
    [
        (["n", 3, 64, 64], {}, False),
        (["n", 64, 64, 3], {"layout": "channels_last"}, False),
        (["n", 3, "h", "w"], {}, True),
        (["n", 3, "h", "w"], {"size": 64}, False),
        (None, {}, True),
    ],
)
def test_an_unknown_size_is_noted(
    shape: list[Any], declared: dict[str, Any], noted: bool, tmp_path: Path
) -> None:
    notes = " ".join(shaped(shape, tmp_path, **declared).notes)
    assert ("does not say for images of which size" in notes) == noted
