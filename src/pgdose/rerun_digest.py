"""A digest of the code that a job runs, so that Snakemake reruns just what a change touches.

It covers a script and all modules of `pgdose` and `pgdose_phantom` that it imports, directly or
not, found by reading the imports. Docstrings and comments do not count. Nothing is imported to
find out.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent  # the folder that holds the packages
PACKAGES = ("pgdose", "pgdose_phantom")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    """The syntax tree without docstrings, as text, and the dotted names it imports."""
    tree = ast.parse(path.read_bytes())
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ValueError(f"{path.name} has a relative import; write it in full")
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return ast.dump(tree), tuple(names)


def _files(name: str, folder: Path) -> list[Path]:
    """The files that an import of `name` runs: those of pgdose, and the script's neighbours."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        beside = folder / f"{parts[0]}.py"
        return [beside] if beside.is_file() else []
    found = []
    for i in range(1, len(parts) + 1):
        stem = SOURCE.joinpath(*parts[:i])
        for path in (stem / "__init__.py", stem.with_suffix(".py")):
            if path.is_file():
                found.append(path)
    return found


def modules(script: Path) -> list[Path]:
    """The script and every file of ours that runs when it does, sorted."""
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _read(path)[1]:
            waiting += _files(name, script.parent)
    return sorted(seen)


@cache
def digest(script: Path) -> str:
    """16 hex digits that change when what the script runs changes."""
    total = hashlib.sha256()
    for path in modules(script):
        total.update(f"{path.name}\0{_read(path)[0]}\0".encode())
    return total.hexdigest()[:16]
