"""A file of a kind that is not read is recognised by its content, and the advice works."""

import io
import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch
from helpers.networks import WRITERS, TwoClasses, images
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import models

from pgdose.errors import UserError
from pgdose.networks import network_files, pt2
from pgdose.study import network_content
from pgdose.study.network_content import kind_of, misfit
from pgdose.study.network_kinds import ADVICE, SUFFIXES, refusal
from pgdose.study.networks import NETWORK_FORMATS, ExistingNetwork

pytestmark = pytest.mark.usefixtures("one_thread")


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for name in names:
            written.writestr(name, b"x")
    return file.getvalue()


def saved(state: object, **options: bool) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, **options)
    return file.getvalue()


WEIGHTS = {"weight": torch.zeros(2)}
CONTENTS = {
    "torch": saved(WEIGHTS),
    "torch before 1.6": saved(WEIGHTS, _use_new_zipfile_serialization=False),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "keras": archive("metadata.json", "config.json", "model.weights.h5"),
    "tflite": b"\x1c\0\0\0TFL3" + bytes(100),
    "tensorrt": b"ftrt" + bytes(100),
    "pickle": pickle.dumps({"a": 1}),
    "joblib": b"\x80\x04\x95\x00\x00\x8c\x1asklearn.linear_model._logistic",
}


@pytest.mark.parametrize("suffix", NETWORK_FORMATS)
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_file_of_another_kind_is_recognised_whatever_its_name(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"n{suffix}"
    path.write_bytes(CONTENTS[kind])
    kind = kind.partition(" ")[0]
    assert kind_of(path) == kind
    architecture = "resnet18" if suffix == ".safetensors" else None
    existing = ExistingNetwork(
        file=str(path), classes=["a", "b"], architecture=architecture, trust=True
    )
    with pytest.raises(UserError) as caught:
        network_files.import_network(existing, tmp_path / "out", ["a", "b"], 64)
    message = str(caught.value)
    assert message.startswith(f"n{suffix}: is {ADVICE[kind][0]}, which is not read; ")
    assert "\n" not in message and "FILE" not in message.replace("FILE.onnx", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_suffix_that_is_not_read_says_how_to_bring_it(suffix: str) -> None:
    with pytest.raises(ValidationError, match=r"which is not read; \w+"):
        ExistingNetwork(file=f"n{suffix}", classes=["a", "b"])


def test_a_folder_of_tensorflow_is_named() -> None:
    for file in ("models/mine", "models/mine/saved_model.pb", "models/mine/"):
        with pytest.raises(ValidationError, match=r"--saved-model mine --output model\.onnx"):
            ExistingNetwork(file=file, classes=["a", "b"])


@pytest.mark.parametrize("name", ["it's.keras", 'a"b.keras', "$(touch x).keras", "a`b.keras"])
def test_a_command_holds_no_name_that_a_shell_reads_otherwise(name: str) -> None:
    text = refusal("keras", name)
    assert "load_model('FILE')" in text and name not in text


@pytest.mark.parametrize("format", WRITERS)
def test_a_network_with_another_suffix_is_named(format: str, tmp_path: Path) -> None:
    content = WRITERS[format](TwoClasses())
    for suffix, other in NETWORK_FORMATS.items():
        path = tmp_path / f"n{suffix}"
        path.write_bytes(content)
        fault = misfit(path, other)
        if format == other or format == "onnx":  # ONNX has no first bytes of its own
            assert fault is None
        else:
            assert fault and "rename it so that it ends in" in fault
    save_file(WEIGHTS, tmp_path / "n.pt")
    assert "ends in .safetensors" in str(misfit(tmp_path / "n.pt", "torchscript"))


def test_an_archive_with_a_long_list_of_files_is_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is read as a whole, and `pgdose check` reads it outside of any limit."""
    path = tmp_path / "n.pt2"
    path.write_bytes(archive(*(f"archive/{i}" for i in range(200)), "archive/data.pkl"))
    assert kind_of(path) == "torch"
    monkeypatch.setattr(network_content, "MOST_DIRECTORY", 10_000)

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(network_content.zipfile, "ZipFile", fail)
    assert kind_of(path) is None


def code_in(message: str, start: str, end: str) -> str:
    found = re.search(re.escape(start) + "(.*?)" + re.escape(end), message)
    assert found
    return found[1]


@pytest.mark.parametrize("key", [None, "state_dict", "model_state_dict", "model", "net"])
def test_the_command_for_weights_works(
    key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    state = models.resnet18(num_classes=2).state_dict()
    state["tied"] = state["fc.weight"]  # safetensors refuses tensors that share memory
    torch.save({key: state, "epoch": 3} if key else state, "mine.pth")
    with pytest.raises(ValidationError) as caught:
        ExistingNetwork(file="x/mine.pth", classes=["a", "b"])
    exec(code_in(str(caught.value), 'python -c "', '", and give'))
    written = load_file("model.safetensors")
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], state[name]) for name in state)


def test_the_command_for_a_network_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValidationError) as caught:
        ExistingNetwork(file="mine.pth", classes=["a", "b"])
    command = code_in(str(caught.value), "your own Python and run: ", " [type=")
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    exec(command, {"torch": torch, "model": model})
    network = pt2.read(Path("model.pt2").read_bytes(), "model.pt2")
    some = images(5, 3, 224)
    assert torch.allclose(network(some), model(some), atol=1e-5)


@given(content=st.binary(max_size=64), kind=st.sampled_from(sorted(CONTENTS)))
def test_damaged_heads_are_of_some_kind_or_of_none(
    content: bytes, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pt2"
    head = CONTENTS[kind]
    for damaged in (content, head[: len(content)], head[:8] + content, content + head):
        path.write_bytes(damaged)
        misfit(path, "exported program")
