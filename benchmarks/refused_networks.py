"""Networks that must be refused: with which sentence, and does its advice work?

    .venv/bin/python benchmarks/refused_networks.py > table.md

Each is given to what a study and `pgdose audit` do first: read its entry, import the file, carry it
out on two images. Then the advice is followed, by the printed command where there is one, and the
result is given again; its decisions must be those of the network at home. Files of libraries that
are not installed here are made by hand, of their first bytes, and no advice is followed.
"""

import argparse
import contextlib
import io
import pickle
import re
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import pandas as pd
import torch
from audited_networks import CLASSES, small
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torchvision import models

from pgdose.errors import UserError
from pgdose.networks import folding, network_files, probe
from pgdose.study.networks import ExistingNetwork
from pgdose.study.sections import section_of

SIZE = 64
SHOWN = 240  # characters of a sentence: that of a .pth file holds two commands
Entry = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A file that its owner brings, and what the owner does then.

    write:   makes the file in a folder
    entry:   what the owner declares of it
    follow:  does what the sentence says; gives the file and what is declared then. None: the
             sentence offers nothing that can be done here
    network: at home: images, n x 3 x rows x columns, to the classes' scores
    size:    pixels of the images; then: the same after the advice
    """

    name: str
    write: Callable[[Path], Path]
    entry: Entry = field(default_factory=dict)
    follow: Callable[[Path, str], tuple[Path, Entry]] | None = None
    network: nn.Module | None = None
    size: int = SIZE
    then: int = SIZE


def images(size: int) -> Tensor:
    return torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(1))


def result_of(path: Path, entry: Entry, size: int) -> Tensor:
    """Logits of the imported network, after the checks of a study. UserError if it is refused."""
    classes = entry.get("classes", CLASSES)
    said = {"input": {"mean": 0, "std": 1}, **entry, "file": str(path), "classes": classes}
    existing = section_of(ExistingNetwork, said, "network")
    network = network_files.import_network(existing, path.parent / "imported", classes, size)
    probe.check(folding.fold(network), images(size), len(classes), path.name)
    with torch.no_grad():
        return network(images(size))


def row(refusal: Refusal) -> dict[str, str]:
    """Refused with a sentence, and what came of following it."""
    with tempfile.TemporaryDirectory() as place:
        path = refusal.write(Path(place))
        try:
            result_of(path, refusal.entry, refusal.size)
        except UserError as error:
            sentence = str(error).replace(f"{place}/", "")
        else:
            return {"brought": refusal.name, "sentence": "TAKEN", "advice": "-"}
        advice = "nothing to follow here"
        if refusal.follow is not None:
            with contextlib.redirect_stdout(io.StringIO()):
                advice = _followed(refusal, path, sentence)
    shown = sentence if len(sentence) <= SHOWN else sentence[:SHOWN].rstrip() + " ..."
    return {"brought": refusal.name, "sentence": shown, "advice": advice}


def _followed(refusal: Refusal, path: Path, sentence: str) -> str:
    assert refusal.follow is not None and refusal.network is not None
    try:
        logits = result_of(*refusal.follow(path, sentence), refusal.then)
    except UserError as error:
        return f"REFUSED AGAIN: {error}"
    with torch.no_grad():
        home = refusal.network.eval()(images(refusal.then))
    if home.shape[1] == 1:  # a logit or a probability of the second class
        half = 0.5 if isinstance(refusal.network[-1], nn.Sigmoid) else 0.0
        home = torch.cat([torch.full_like(home, half), home], dim=1)
    same = bool((logits.argmax(dim=1) == home.argmax(dim=1)).all())
    return "followed; taken, decisions as at home" if same else "OTHER DECISIONS"


# --- files ----------------------------------------------------------------------------------------


def exported(network: nn.Module, folder: Path, size: int = SIZE) -> Path:
    """An exported program, in the mode in which the network is."""
    batch = {0: torch.export.Dim("batch", min=1)}
    program = torch.export.export(network, (images(size),), dynamic_shapes=(batch,))
    torch.export.save(program, folder / "network.pt2")
    return folder / "network.pt2"


def saved(content: Any, name: str) -> Callable[[Path], Path]:
    """A file of torch.save."""

    def write(folder: Path) -> Path:
        torch.save(content, folder / name)
        return folder / name

    return write


def of_bytes(content: bytes, name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def keras(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "network.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    return folder / "network.keras"


def scikit_learn(folder: Path) -> Path:
    (folder / "network.pkl").write_bytes(pickle.dumps(LogisticRegression()))
    return folder / "network.pkl"


def scripted(folder: Path) -> Path:
    torch.jit.trace(PLAIN, images(SIZE)).save(str(folder / "network.torchscript"))
    return folder / "network.torchscript"


def quantised(folder: Path) -> Path:
    """As onnxruntime quantises a network: a layer of whole numbers."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    whole = onnx.TensorProto.UINT8
    values = [
        helper.make_tensor("weights", whole, [3 * SIZE * SIZE, 2], [1] * (6 * SIZE * SIZE)),
        helper.make_tensor("shape", onnx.TensorProto.INT64, [2], [0, -1]),
    ]
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("DynamicQuantizeLinear", ["flat"], ["q", "scale", "zero"]),
        helper.make_node("MatMulInteger", ["q", "weights", "zero"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["logits"], to=floats),
    ]
    ends = ([("x", ["n", 3, SIZE, SIZE])], [("logits", ["n", 2])])
    inputs, outputs = (
        [helper.make_tensor_value_info(name, floats, shape) for name, shape in end] for end in ends
    )
    graph = helper.make_graph(nodes, "quantised", inputs, outputs, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "network.onnx")
    return folder / "network.onnx"


# --- networks -------------------------------------------------------------------------------------


class Argmax(nn.Module):
    """What a deployed network gives: the class alone."""

    def forward(self, x: Tensor) -> Tensor:
        return PLAIN(x).argmax(dim=1)

    def __init__(self) -> None:
        super().__init__()
        self.body = PLAIN


class Pair(nn.Module):
    """Logits and features, without names."""

    def __init__(self) -> None:
        super().__init__()
        self.body = PLAIN

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body[:7](x)
        return self.body[8](features), features


torch.manual_seed(0)
PLAIN = small().eval()
THREE = small(3, 3).eval()
DROPOUT = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(3 * SIZE * SIZE, 2)).eval()
RESNET = models.resnet18(num_classes=2).eval()
SIGMOID = nn.Sequential(small(3, 1), nn.Sigmoid()).eval()
SOFTMAX = nn.Sequential(small(), nn.Softmax(dim=1)).eval()
FIXED = nn.Sequential(nn.Flatten(), nn.Linear(3 * 224 * 224, 2)).eval()
STATE = RESNET.state_dict()
LIGHTNING = {
    "epoch": 3,
    "global_step": 120,
    "pytorch-lightning_version": "2.5.0",
    "state_dict": {f"model.{name}": value for name, value in STATE.items()},
    "optimizer_states": [],
    "hyper_parameters": {"lr": 1e-3},
}
AS_RESNET = {"architecture": "resnet18"}


# --- what the owner does --------------------------------------------------------------------------


def run_command(path: Path, sentence: str) -> tuple[Path, Entry]:
    """Run the printed command by a shell, in the file's folder, as the sentence says."""
    command = re.findall(r'python (-c ".*?"), and give', sentence)[0]
    subprocess.run(f"{sys.executable} {command}", shell=True, cwd=path.parent, check=True)
    return path.parent / "model.safetensors", AS_RESNET


def run_export(path: Path, sentence: str) -> tuple[Path, Entry]:
    """Load it in one's own Python, and run the printed lines with the size of one's images."""
    lines = sentence.rpartition("run: ")[2].replace("224, 224", f"{SIZE}, {SIZE}")
    model = torch.load(path, weights_only=False)  # of our own making
    exec(
        lines.replace("'model.pt2'", repr(str(path.parent / "model.pt2"))),
        {"torch": torch, "model": model},
    )
    return path.parent / "model.pt2", {}


def export_anew(network: nn.Module, **entry: Any) -> Callable[[Path, str], tuple[Path, Entry]]:
    return lambda path, sentence: (exported(network.eval(), path.parent), entry)


def declare(**entry: Any) -> Callable[[Path, str], tuple[Path, Entry]]:
    return lambda path, sentence: (path, entry)


def training_mode(network: nn.Module) -> Callable[[Path], Path]:
    """A program that was exported before anyone called eval()."""
    return lambda folder: exported(network.train(), folder)


REFUSED = [
    Refusal(
        name="`.pth`, torch.save of a state_dict (resnet18)",
        write=saved(STATE, "network.pth"),
        follow=run_command,
        network=RESNET,
    ),
    Refusal(
        name="`.pth`, a checkpoint with model_state_dict",
        write=saved({"epoch": 3, "model_state_dict": STATE}, "network.pth"),
        follow=run_command,
        network=RESNET,
    ),
    Refusal(
        name="`.ckpt` of Lightning",
        write=saved(LIGHTNING, "network.ckpt"),
        follow=run_command,
        network=RESNET,
    ),
    Refusal(
        name="`.pth`, torch.save of a whole network",
        write=saved(PLAIN, "network.pth"),
        follow=run_export,
        network=PLAIN,
    ),
    Refusal(
        name="`.pt` of torch.save, declared as TorchScript",
        write=saved(STATE, "network.pt"),
        entry={"trust": True},
        follow=run_command,
        network=RESNET,
    ),
    Refusal(name="`.h5` of Keras", write=of_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99), "network.h5")),
    Refusal(name="`.keras`", write=keras),
    Refusal(name="`.tflite`", write=of_bytes(bytes(4) + b"TFL3" + bytes(99), "network.tflite")),
    Refusal(name="a pickle of scikit-learn", write=scikit_learn),
    Refusal(name="quantised ONNX", write=quantised, follow=export_anew(PLAIN), network=PLAIN),
    Refusal(
        name="TorchScript without `trust`",
        write=scripted,
        follow=declare(trust=True),
        network=PLAIN,
    ),
    Refusal(
        name="its output is argmax",
        write=lambda folder: exported(Argmax(), folder),
        follow=export_anew(PLAIN),
        network=PLAIN,
    ),
    Refusal(
        name="exported in training mode, dropout active",
        write=training_mode(DROPOUT),
        follow=export_anew(DROPOUT),
        network=DROPOUT,
    ),
    Refusal(
        name="exported in training mode, batch norm",
        write=training_mode(RESNET),
        follow=export_anew(RESNET),
        network=RESNET,
    ),
    Refusal(
        name="two outputs without names",
        write=lambda folder: exported(Pair(), folder),
        follow=export_anew(PLAIN),
        network=PLAIN,
    ),
    Refusal(
        name="a sigmoid, declared as a logit",
        write=lambda folder: exported(SIGMOID, folder),
        entry={"outputs": "logit"},
        follow=declare(outputs="sigmoid"),
        network=SIGMOID,
    ),
    Refusal(
        name="probabilities, declared as logits",
        write=lambda folder: exported(SOFTMAX, folder),
        follow=declare(outputs="probabilities"),
        network=SOFTMAX,
    ),
    Refusal(
        name="logits, declared as probabilities",
        write=lambda folder: exported(PLAIN, folder),
        entry={"outputs": "probabilities"},
        follow=declare(outputs="logits"),
        network=PLAIN,
    ),
    Refusal(
        name="three outputs for two classes",
        write=lambda folder: exported(THREE, folder),
        follow=declare(classes=[*CLASSES, "unclear"]),
        network=THREE,
    ),
    Refusal(
        name="made for 224 pixels, images of 64",
        write=lambda folder: exported(FIXED, folder, 224),
        follow=declare(),
        network=FIXED,
        then=224,
    ),
]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    rows = []
    for refusal in REFUSED:
        rows.append(row(refusal))
        print(rows[-1], file=sys.stderr, flush=True)
    print(pd.DataFrame(rows).to_markdown(index=False))


if __name__ == "__main__":
    main()
