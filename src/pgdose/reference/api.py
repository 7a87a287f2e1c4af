"""docs/reference/api.md: everything that README, docs and notebooks import from pgdose.

The page names functions and classes; Sphinx fills in their signatures and docstrings (`make docs`).
"""

import inspect
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from pgdose.reference.markdown import code, heading, page, table

PATH = "docs/reference/api.md"
ROOT = Path(__file__).resolve().parents[3]
FROM = re.compile(r"^\s*(?:>>> )?from (pgdose[\w.]*) import (\([^)]*\)|[^\n]*)", re.M)
PLAIN = re.compile(r"^\s*(?:>>> )?import pgdose\b", re.M)
NAME = re.compile(r"(\w+)(?: as (\w+))?\s*(?:,|$)")

INTRODUCTION = """\
These are the functions and classes that the README, the tutorials, the guides and the notebooks
import. Other modules of `pgdose` serve its own jobs, and may change in any release. On the site
(`make docs`) this page has all signatures and descriptions; in Python `help(pgdose.dose_response)`
prints them."""


def pages() -> dict[str, str]:
    parts = [INTRODUCTION]
    for module, names in imported(ROOT).items():
        things = {name: getattr(import_module(module), name) for name in names}
        parts.append(heading(2, code(module)))
        parts.append(
            table(
                ["name", "what it does"],
                [(code(name), _first_sentence(thing)) for name, thing in things.items()],
            )
        )
        directives = [_directive(module, name, thing) for name, thing in things.items()]
        parts.append("```{eval-rst}\n" + "\n\n".join(directives) + "\n```")
    sources = "the imports in README.md and docs/, and docstrings"
    return {PATH: page("Python API", sources, *parts)}


def imported(root: Path) -> Mapping[str, list[str]]:
    """The names that the pages use of each module, both in order; `pgdose` itself comes first."""
    found: dict[str, set[str]] = defaultdict(set)
    for text in _texts(root):
        for module, name in _imported_in(text):
            found[module].add(name)
    return {module: sorted(found[module], key=_order) for module in sorted(found)}


def _texts(root: Path) -> Iterator[str]:
    pages, notebooks = (
        sorted(p for p in (root / "docs").rglob(f"*.{kind}") if "_build" not in p.parts)
        for kind in ("md", "ipynb")
    )
    for path in [root / "README.md", *pages]:
        if path != root / PATH:
            yield path.read_text(encoding="utf-8")
    for path in notebooks:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield "\n".join("".join(cell["source"]) for cell in cells)


def _imported_in(text: str) -> Iterator[tuple[str, str]]:
    """(module, name) of each function and class; of an imported module those that are used."""
    if PLAIN.search(text):
        yield from (("pgdose", name) for name in import_module("pgdose").__all__)
    for module, names in FROM.findall(text):
        for name, alias in NAME.findall(re.sub(r"[()\n]|#.*", " ", names).strip()):
            if isinstance(_thing(module, name), ModuleType):
                used = re.findall(rf"\b{alias or name}\.([A-Za-z]\w*)\(", text)
                yield from ((f"{module}.{name}", attribute) for attribute in set(used))
            else:
                yield module, name


def _thing(module: str, name: str) -> Any:
    """What `from module import name` gives."""
    found = import_module(module)
    return getattr(found, name) if hasattr(found, name) else import_module(f"{module}.{name}")


def _order(name: str) -> tuple[bool, str]:
    """Functions before classes."""
    return name[0].isupper(), name


def _first_sentence(thing: Any) -> str:
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n")[0].split())


def _directive(module: str, name: str, thing: Any) -> str:
    if not inspect.isclass(thing):
        return f".. autofunction:: {module}.{name}"
    members = "" if issubclass(thing, BaseModel) else "\n   :members:"
    return f".. autoclass:: {module}.{name}{members}"
