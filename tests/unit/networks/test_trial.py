"""A hostile network can end only a process of its own."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import FILES, WRITERS, TwoClasses

from pgdose.errors import UserError
from pgdose.networks import trial
from pgdose.study.networks import ExistingNetwork

IMAGES = torch.rand(2, 1, 16, 16)


def tried(path: Path, **limits: Any) -> None:
    existing = ExistingNetwork(
        file=str(path), classes=["a", "b"], trust=True, input={"channels": 1}
    )
    trial.try_network(existing, ["b", "a"], IMAGES, **{"memory": 2000, "seconds": 30, **limits})


@pytest.mark.parametrize("format", WRITERS)
def test_a_sound_network_passes(format: str, tmp_path: Path) -> None:
    path = tmp_path / FILES[format]
    path.write_bytes(WRITERS[format](TwoClasses()))
    tried(path)


def model(*nodes: Any, **weights: Any) -> bytes:
    """The images and 0 times the mean of the last node's result, into two logits."""
    onnx = pytest.importorskip("onnx")
    helper, tensors = onnx.helper, []
    for name, values in {"zero": 0.0, "w": [[0.1, -0.1]] * 256, **weights}.items():
        dtype = torch.float32 if name in ("zero", "w") else torch.int64
        array = torch.tensor(values, dtype=dtype).numpy()
        tensors.append(onnx.numpy_helper.from_array(array, name))
    nodes = (
        *(helper.make_node(kind, i.split(), [o], **keys) for kind, i, o, keys in nodes),
        helper.make_node("ReduceMean", ["last"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["product"]),
        helper.make_node("Add", ["product", "nothing"], ["logits"]),
    )
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("images", 1, ["n", 1, 16, 16])],
        [helper.make_tensor_value_info("logits", 1, ["n", 2])],
        tensors,
    )
    content: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)]
    ).SerializeToString()
    return content


HOSTILE = {
    "a pool's padding of 18 GB": (
        ("AveragePool", "images", "last"),
        {"kernel_shape": [10**4] * 2, "strides": [10**4] * 2, "pads": [0, 0, 10**4, 10**4]},
        {},
    ),
    "a normalisation over many channels": (("LRN", "images", "last"), {"size": 400_001}, {}),
    "sums without an end": (
        ("Expand", "images sizes", "last"),
        {},
        {"sizes": [2_000_000, 1, 1_000, 16, 16]},
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_network_is_refused_in_time(name: str, tmp_path: Path) -> None:
    (kind, inputs, output), keys, weights = HOSTILE[name]
    path = tmp_path / "n.onnx"
    path.write_bytes(model((kind, inputs, output, keys), **weights))
    start = time.monotonic()
    with pytest.raises(UserError, match=r"^n\.onnx: .*[^.]$") as caught:
        tried(path, memory=1000, seconds=4)
    assert "\n" not in str(caught.value) and "alloc" not in str(caught.value)
    assert time.monotonic() - start < 120


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"took 2000 MB, or ended its process; raise"),
        ("import time; time.sleep(100)", r"took more than 1 seconds; raise training\.runtime"),
    ],
)
def test_a_process_that_ends_is_named(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TorchScript that does it, in the place where the file is read."""
    path = tmp_path / "n.pt"
    path.write_bytes(WRITERS["torchscript"](TwoClasses()))
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if '-m' in sys.orig_argv and 'pgdose.networks.trial' in sys.orig_argv:\n"
        "    import torch, torch.jit\n"
        f"    def load(*a, **k):\n        {script}\n        raise RuntimeError\n"
        "    torch.jit.load = load\n"
    )
    monkeypatch.setattr(trial, "SOURCES", f"{trial.SOURCES}:{tmp_path}")
    with pytest.raises(UserError, match=message):
        tried(path, seconds=1 if "sleep" in script else 30)
