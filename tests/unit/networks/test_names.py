"""Names that would write a file stay names, wherever a name of somebody else's comes in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.networks import EXPECTED, TwoClasses
from pydantic import ValidationError
from safetensors.torch import save_file

from pgdose.attack import libraries
from pgdose.errors import UserError
from pgdose.networks import architectures, folding, weights
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
    assert weights.load_matching(network, weights.read_weights(path), lambda key: False) == name


@pytest.mark.parametrize("name", [WRITE, "__class__", "a b", "eval", f"x\n{WRITE}"])
def test_of_modules(name: str) -> None:
    """torch.fx, which folds batch norm, writes names of modules into source: never foreign ones."""
    network = TwoClasses()
    network._modules[name] = torch.nn.Identity()
    opaque = Classifier(network, EXPECTED, opaque=True)
    assert folding.fold(opaque)(torch.rand(2, 1, 16, 16)).shape == (2, 2)
