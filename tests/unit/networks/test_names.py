"""Names that would write a file stay names, wherever a name of somebody else's comes in."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.networks import EXPECTED, TwoClasses, as_program
from pydantic import ValidationError
from safetensors.torch import save_file

from pgdose.attack import libraries
from pgdose.errors import UserError
from pgdose.networks import architectures, folding, formats, weights
from pgdose.networks.classifier import Classifier
from pgdose.study.training import Training

WRITE = "open('executed','w')"
CODE = [
    *(WRITE, f"__import__('os').system('touch executed') or '{WRITE}'", f"x');{WRITE};('"),
    *(f"x\n{WRITE}", "__class__", "__builtins__", "os.system", "../../executed", "eval", "Attack"),
]


@pytest.fixture(autouse=True)
def nothing_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("prefix", ["", "timm/", "timm/hf-hub:", "timm/local-dir:"])
@pytest.mark.parametrize("name", CODE)
def test_of_architectures(name: str, prefix: str) -> None:
    plain = prefix == "timm/" and name.replace("_", "").replace(".", "").isalnum()
    if not plain:
        with pytest.raises(ValidationError):
            Training(architecture=prefix + name)
    if prefix == "timm/":
        pytest.importorskip("timm")
    if prefix in ("", "timm/"):
        with pytest.raises(UserError, match=r"^training\.architecture: "):
            architectures.untrained(prefix + name, 2, 64)


@pytest.mark.parametrize("library", libraries.LIBRARIES)
@pytest.mark.parametrize("name", [*CODE, "importlib", "torch", "PGD.__init__"])
def test_of_attacks(library: str, name: str) -> None:
    if not libraries.available(library):
        pytest.skip(f"{library} is not installed")
    with pytest.raises(UserError, match=r"^name: "):
        libraries.LibraryAttack(library, name, {})


@pytest.mark.parametrize("name", CODE)
def test_of_weights(name: str, tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    network = torch.nn.Linear(2, 2)
    save_file({**network.state_dict(), name: torch.zeros(1)}, path)
    misfit = weights.load_matching(network, weights.read_weights(path), lambda key: False)
    shown = "(a name not shown here)"
    assert misfit == f"1 tensors that it does not have, such as {shown}"


@pytest.mark.parametrize("name", [WRITE, "__class__", "a b", "eval", f"x\n{WRITE}"])
def test_of_modules(name: str) -> None:
    """torch.fx, which folds batch norm, writes names of modules into source: never foreign ones."""
    network = TwoClasses()
    network._modules[name] = torch.nn.Identity()
    opaque = Classifier(network, EXPECTED, opaque=True)
    assert folding.fold(opaque)(torch.rand(2, 1, 16, 16)).shape == (2, 2)


PLANTED = "Zqxwova"


def messages() -> Iterator[str]:
    """What refusals say of files that are full of a name."""
    onnx = pytest.importorskip("onnx")
    for operator, domain in ((PLANTED, ""), (PLANTED, PLANTED), ("Relu", "")):
        node = onnx.helper.make_node(operator, ["x"], ["y"], domain=domain, **{PLANTED: 1})
        info = onnx.helper.make_tensor_value_info("x", 1, ["n", 1, 4, 4])
        graph = onnx.helper.make_graph([node], "g", [info], [info])
        content = onnx.helper.make_model(graph).SerializeToString()
        yield refusal("onnx", content)
    for change in (
        lambda model: model["graph_module"]["graph"]["nodes"][0].update(
            target=f"torch.ops.{PLANTED}.relu.default"
        ),
        lambda model: model["graph_module"]["graph"]["nodes"][0]["inputs"][0].update(
            arg={PLANTED: 1}
        ),
        lambda model: model["graph_module"]["signature"]["input_specs"].append({PLANTED: {}}),
        lambda model: model.update(torch_version=PLANTED, schema_version={"major": 9}),
        lambda model: model.update(torch_version=PLANTED, graph_module={}),
    ):
        yield refusal("exported program", edited(change))
    yield refusal("exported program", edited(lambda model: None, more=f"archive/{PLANTED}.so"))


def edited(change: Callable[[Any], None], more: str = "") -> bytes:
    old, new = zipfile.ZipFile(io.BytesIO(as_program(TwoClasses()))), io.BytesIO()
    with zipfile.ZipFile(new, "w") as archive:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("model.json"):
                model = json.loads(part)
                change(model)
                part = json.dumps(model).encode()
            archive.writestr(name, part)
        if more:
            archive.writestr(more, b"")
    return new.getvalue()


def refusal(format: str, content: bytes) -> str:
    with pytest.raises(UserError) as caught:
        formats.read_module(format, content, "n")
    return str(caught.value)


def test_no_message_quotes_a_name() -> None:
    """Logs lie with the results, and a name in a file may be a patient's."""
    texts = list(messages())
    assert len(texts) == 9
    assert not [text for text in texts if PLANTED in text]
