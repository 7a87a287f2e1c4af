"""Weights in files beside an ONNX model: read as they are meant, and nothing else is read."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import TwoClasses, as_onnx, images
from hypothesis import given
from hypothesis import strategies as st

from pgdose.errors import UserError
from pgdose.networks import network_files, onnx_file, trial
from pgdose.networks.onnx_data import MOST_BYTES
from pgdose.study.networks import ExistingNetwork
from pgdose.study.onnx_locations import data_files

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.usefixtures("one_thread")
DATA = "n.onnx.data"


def written(folder: Path, location: str = DATA, **changed: Any) -> Path:
    """A model with its weights in a file beside it, as torch's exporter writes them."""
    model = onnx.ModelProto()
    model.ParseFromString(as_onnx(TwoClasses().eval()))
    content = b""
    for tensor in model.graph.initializer:
        offset, length = len(content), len(tensor.raw_data)
        content += tensor.raw_data
        onnx.external_data_helper.set_external_data(
            tensor, **{"location": location, "offset": offset, "length": length, **changed}
        )
        tensor.ClearField("raw_data")
    path = folder / "n.onnx"
    path.write_bytes(model.SerializeToString())
    if "/" not in location:
        (folder / location).write_bytes(content)
    return path


def read(path: Path) -> Any:
    return onnx_file.read(path.read_bytes(), path.name, data_files(path))


@pytest.mark.parametrize("location", [DATA, "model.onnx_data", "weights of mine.bin"])
def test_weights_beside_the_model_are_its_weights(location: str, tmp_path: Path) -> None:
    path = written(tmp_path, location)
    assert data_files(path) == [tmp_path / location]
    declared = {"channels": 1}
    existing = ExistingNetwork(file=str(path), classes=["a", "b"], input=declared)
    output = tmp_path / "network.safetensors"
    imported = network_files.import_network(existing, output, ["a", "b"], 16)
    (tmp_path / location).unlink()  # the imported file holds all
    some = images(3, 1, 16)
    for network in (imported, network_files.load(output)):
        assert torch.allclose(network(some), TwoClasses().eval()(some), atol=1e-5)


@pytest.mark.parametrize(
    "location",
    ["../n.onnx.data", "/etc/passwd", "a/n.data", ".", "", "images.csv", "x\n.data", "{x}.data"],
)
def test_no_other_file_is_taken_for_weights(location: str, tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_bytes(bytes(10_000))
    path = written(tmp_path)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = location
    path.write_bytes(model.SerializeToString())
    assert data_files(path) == []
    with pytest.raises(UserError, match=r"does not end in \.data or \.bin; put them into this one"):
        read(path)


def test_a_link_is_no_file_of_weights(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / DATA).rename(tmp_path / "secret")
    with pytest.raises(UserError, match="does not lie beside it; put the file there"):
        read(path)
    (tmp_path / DATA).symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="is a link or cannot be opened"):
        read(path)


def test_a_pipe_in_place_of_the_model_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "n.onnx")
    assert data_files(tmp_path / "n.onnx") == []


def test_a_pipe_and_a_huge_file_are_no_weights(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / DATA).unlink()
    os.mkfifo(tmp_path / DATA)
    with pytest.raises(UserError, match="no plain file of at most 16 GB"):
        read(path)
    (tmp_path / DATA).unlink()
    with (tmp_path / DATA).open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="no plain file of at most 16 GB"):
        read(path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offset": 10**6}, "is too short; copy both files anew"),
        ({"length": 4}, "not a valid ONNX model"),
        ({"offset": -8}, "not a valid ONNX model"),
    ],
)
def test_weights_lie_inside_of_their_file(
    changed: dict[str, int], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        read(written(tmp_path, **changed))


def test_many_tensors_of_the_same_bytes_take_no_memory(tmp_path: Path) -> None:
    path = written(tmp_path)
    with (tmp_path / DATA).open("wb") as file:
        file.truncate(2**25)
    model = onnx.load(path, load_external_data=False)
    large = onnx.TensorProto(name="large", data_type=1, dims=[2**23], raw_data=b"x")
    onnx.external_data_helper.set_external_data(large, DATA, 0, 2**25)
    large.ClearField("raw_data")
    for i in range(8):
        large.name = f"large{i}"
        model.graph.initializer.append(large)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="its weights are larger than the file that holds them"):
        read(path)


def test_constants_are_inside_of_the_model(tmp_path: Path) -> None:
    path = written(tmp_path)
    model = onnx.load(path, load_external_data=False)
    tensor = onnx.numpy_helper.from_array(np.zeros(2, np.float32))
    onnx.external_data_helper.set_external_data(tensor, DATA, 0, 8)
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=tensor))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match="it holds constants that are in another file"):
        read(path)


@given(content=st.binary(max_size=200))
def test_any_bytes_have_some_data_files_or_none(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(content)
    assert data_files(path) == []


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_model_names_files_of_its_folder_alone(
    place: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.getbasetemp())
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content)
    assert all(file.parent == path.parent for file in data_files(path))


def test_a_model_with_weights_beside_it_is_tried(tmp_path: Path) -> None:
    existing = ExistingNetwork(
        file=str(written(tmp_path)), classes=["a", "b"], input={"channels": 1}
    )
    some = torch.rand(2, 1, 16, 16)
    trial.try_network(existing, ["b", "a"], some, memory=2000, seconds=30)
    (tmp_path / DATA).unlink()
    with pytest.raises(UserError, match=r"^n\.onnx: .* does not lie beside it"):
        trial.try_network(existing, ["b", "a"], some, memory=2000, seconds=30)


def test_a_model_exported_for_one_image_takes_them_one_by_one(tmp_path: Path) -> None:
    """As torch's exporter writes it by default: here with a reshape that would mix two images."""
    model = onnx.ModelProto()
    model.ParseFromString(as_onnx(TwoClasses().eval()))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.node[3].CopyFrom(onnx.helper.make_node("Reshape", ["c", "row"], ["d"]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, -1]), "row"))
    network = onnx_file.read(model.SerializeToString(), "n.onnx")
    some = images(3, 1, 16).requires_grad_()
    expected = TwoClasses().eval()(some)
    assert torch.allclose(network(some), expected, atol=1e-5)
    (gradient,) = torch.autograd.grad(network(some)[:, 0].sum(), some)
    assert torch.allclose(gradient, torch.autograd.grad(expected[:, 0].sum(), some)[0], atol=1e-5)
