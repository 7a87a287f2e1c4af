"""Exported programs (torch.export's .pt2) from elsewhere, read without running what is foreign.

Torch itself warns of them: beside a graph of operators an archive can hold pickled objects and
compiled code, and parts of its graph are evaluated as Python. So an archive is looked through
before torch reads it, and refused if it holds anything but a plain graph of torch's own operators
and plain tensors.
"""

import contextlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pgdose.errors import UserError

FILES = re.compile(
    r"[^/]+/(data/(weights|constants)/(weight_\d+|tensor_\d+|[\w.-]+_config\.json)"
    r"|data/sample_inputs/[\w.-]+\.pt|models/model\.json"
    r"|archive_format|archive_version|byteorder|\.data/(version|serialization_id))"
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN = re.compile(r"[A-Za-z0-9_.:-]*")
OPERATORS = re.compile(
    r"torch\.ops\.aten\.[a-z0-9_]+\.[A-Za-z0-9_]+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|mod|neg|eq|ne|le|lt|ge|gt)|torch\.sym_(max|min|int)"
)
# What stands in expressions of sizes, which torch gives to Python to evaluate.
EXPRESSION_WORDS = {
    *("Symbol", "Integer", "Add", "Mul", "Pow", "Mod", "FloorDiv", "Max", "Min", "Eq", "Ne", "Le"),
    *("Lt", "Ge", "Gt", "integer", "positive", "nonnegative", "negative", "zero", "True", "False"),
}
EXPRESSION = re.compile(r"[A-Za-z0-9_ ,()=*+/'-]*")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read(content: bytes, name: str) -> nn.Module:
    """The module of an exported program, with weights on the CPU; UserError if it is refused."""
    _look_through(content, name)
    try:
        with _no_pickle():
            program = torch.export.load(io.BytesIO(content))
        module = program.module(check_guards=False)
    except Exception as error:
        raise UserError(
            f"{name}: torch {torch.__version__} cannot read this exported program "
            f"({type(error).__name__}); export it with this version of torch"
        ) from None
    # An exported program has one mode, and torch refuses to be asked for it.
    del module.train, module.eval
    return module.eval()


def _look_through(content: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = archive.namelist()
            if not any(file.endswith("/archive_format") for file in files):
                raise UserError(
                    f"{name}: no exported program of torch 2.8 or later; save one with "
                    "torch.export.save"
                )
            for file in files:
                if not FILES.fullmatch(file):
                    raise _refused(name, f"the file {Path(file).name!r} inside")
            for file in files:
                if file.endswith("_config.json"):
                    for entry in json.loads(archive.read(file))["config"].values():
                        if entry.get("use_pickle") is not False:
                            raise _refused(name, "pickled objects")
            (model,) = (file for file in files if file.endswith("/models/model.json"))
            _look_at(json.loads(archive.read(model)), name)
    except (zipfile.BadZipFile, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise UserError(f"{name}: no whole exported program of torch.export.save") from None


def _look_at(part: Any, name: str, key: str = "") -> None:
    """Look at every name, operator and expression of a graph."""
    if isinstance(part, dict):
        for below, value in part.items():
            if below != "metadata":  # where the graph came from: never evaluated
                _look_at(value, name, below)
    elif isinstance(part, list):
        for value in part:
            _look_at(value, name, key)
    elif isinstance(part, str):
        if key == "target":
            fits = OPERATORS.fullmatch(part) is not None
        elif key == "expr_str":
            words = set(WORD.findall(part)) - EXPRESSION_WORDS
            fits = EXPRESSION.fullmatch(part) is not None
            fits &= all(re.fullmatch(r"[suz]\d+", word) for word in words)
        elif key in ("in_spec", "out_spec"):  # what goes in and comes out: lists and the like
            fits = _is_plain(json.loads(part))
        elif key in ("guards_code", "verifiers", "torch_version", "as_string", "module_call_graph"):
            fits = True  # neither used nor evaluated
        elif key in ("name", "forward_arg_names"):  # become names in a Python function
            fits = NAME.fullmatch(part) is not None
        else:  # of modules and tensors, types and devices
            fits = PLAIN.fullmatch(part) is not None
        if not fits:
            raise _refused(name, f"{part[:60]!r} as {key}")


def _is_plain(spec: Any) -> bool:
    """Whether a tree of inputs or outputs is of Python's own containers."""
    _, tree = spec
    pending = [tree]
    while pending:
        node = pending.pop()
        context = json.loads(node["context"] or "null")
        if node["type"] not in (None, "builtins.tuple", "builtins.list", "builtins.dict"):
            return False
        if not (context is None or all(isinstance(key, str) for key in context)):
            return False
        pending += node["children_spec"]
    return True


def _refused(name: str, what: str) -> UserError:
    return UserError(
        f"{name}: refused, it holds {what}; an exported program may hold plain tensors and a graph "
        "of torch's own operators, nothing that would run code of its own"
    )


@contextlib.contextmanager
def _no_pickle() -> Iterator[None]:
    """Whatever torch loads in the meantime, it loads with `weights_only`."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
