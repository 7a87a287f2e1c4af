"""pgdose's attack and training on a machine that has torch, torchvision and numpy alone.

Tables, studies and checksums need further packages, which computing does not. While pgdose's
modules are imported, stand-ins take the place of those that are missing or unusable; what a
stand-in defines does nothing, and pydantic's models take any values. Two functions that would need
them are replaced: the table of epochs is a list of rows, and a resume state is written by
torch.save.
"""

import importlib
import importlib.machinery
import importlib.util
import json
import os
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
PACKAGES = ("pandas", "pyarrow", "pydantic", "pydantic_core", "safetensors", "scipy", "xxhash")
MODULES = (
    *("devices", "errors", "tensor_files", "study.doses", "study.training"),
    *("attack.apgd", "attack.noise", "attack.surface", "attack.objectives"),
    *("networks.architectures", "networks.folding", "networks.cuda_graphs"),
    *("training.loop", "training.step", "training.loading", "training.history"),
)


class _Anything(type):
    """The type of what a missing package would define: a class, a function or a value."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (Nothing,), {})

    def __getitem__(cls, key: object) -> Any:
        return cls


class Nothing(metaclass=_Anything):
    """What a missing package would make; called with one thing, as a decorator, it gives that."""

    def __init__(self, *values: object, **named: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __call__(self, *values: object, **named: object) -> Any:
        return values[0] if len(values) == 1 and not named else self

    def __iter__(self) -> Iterator[object]:
        return iter(())


class Model:
    """A pydantic model that checks nothing: values over the defaults of its class."""

    def __init_subclass__(cls, **named: object) -> None:
        super().__init_subclass__()

    def __init__(self, **values: object) -> None:
        vars(self).update(values)


class StandIn(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if (self.__name__, name) == ("pydantic", "BaseModel"):
            return Model
        return _Anything(name, (Nothing,), {})


class Finder:
    """Finds the packages that are missing, as stand-ins."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = missing

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name.split(".")[0] not in self.missing:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def prepare() -> list[str]:
    """Put src/ on the path and import what the parts need; names of packages not used.

    These are the missing ones; all of PACKAGES if one that is there is of no use, as of another
    version.
    """
    # Deterministic mode needs it before the first matrix product; it is a GPU's default size.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if str(SOURCE) not in sys.path:
        sys.path.insert(0, str(SOURCE))
    for name in ("torch", "torchvision.models", "torch.fx.experimental.optimization"):
        importlib.import_module(name)  # before the stand-ins: they look for packages of their own
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    try:
        _import_without(missing)
    except Exception:  # a foreign package's import may raise anything
        _forget(("pgdose",))
        missing = list(PACKAGES)
        _import_without(missing)
    _replace(missing)
    return missing


def _import_without(missing: Sequence[str]) -> None:
    """Import MODULES with stand-ins for some packages, which are gone afterwards."""
    finder = Finder(missing)
    kept = _forget(missing)
    sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
    try:
        for name in MODULES:
            importlib.import_module(f"pgdose.{name}")
    finally:
        sys.meta_path.remove(finder)  # type: ignore[arg-type]
        _forget(missing)
        sys.modules.update(kept)


def _forget(packages: Sequence[str]) -> dict[str, types.ModuleType]:
    """Take packages and all their modules out of those that are imported."""
    names = [name for name in sys.modules if name.split(".")[0] in packages]
    return {name: sys.modules.pop(name) for name in names}


def _replace(missing: Sequence[str]) -> None:
    from pgdose import tensor_files
    from pgdose.training import history

    if "pandas" in missing:
        history.as_table = lambda rows, kept: list(rows)  # type: ignore[assignment,return-value]
    if {"safetensors", "xxhash"} & set(missing):
        tensor_files.save, tensor_files.load = _save, _load  # type: ignore[assignment]


def _save(tensors: Any, path: Path, metadata: Any = None) -> None:
    import torch

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    beside = Path(f"{path}.part")
    on_cpu = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
    torch.save({"tensors": on_cpu, "metadata": json.dumps(metadata or {})}, beside)
    beside.replace(path)


def _load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    import torch

    with Path(path).open("rb") as file:  # by its name, torch would take it for what it is not
        content = torch.load(file, weights_only=True)
    return content["tensors"], json.loads(content["metadata"])
