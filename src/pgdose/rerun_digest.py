"""A digest of the code that a job runs: a changed digest makes Snakemake rerun the job.

It covers a script and every module of `pgdose` and `pgdose_phantom` that the script imports,
directly or indirectly, whether or not it uses it. Docstrings, also those below the fields of a
class, and comments do not count. The imports are read from the source; nothing is imported.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent  # the folder that holds the packages
PACKAGES = ("pgdose", "pgdose_phantom")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def _parse(path: Path) -> tuple[str, tuple[str, ...]]:
    """The syntax tree without docstrings, as text, and the dotted names that it imports."""
    tree = ast.parse(path.read_bytes())
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ValueError(f"{path.name} has a relative import; write the module's full name")
        if isinstance(node, DOCUMENTED):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
    return _dump(tree), tuple(names)


def _is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement is a text alone, which does nothing when it runs."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _dump(value: object) -> str:
    """A syntax tree as text, the same under every version of Python, unlike that of `ast.dump`.

    Later versions know more fields, which are empty in code of earlier ones, and 3.12 has an empty
    text at the end of an f-string's format.
    """
    if isinstance(value, list):
        return f"[{','.join(map(_dump, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = dict(ast.iter_fields(value))
    if isinstance(value, ast.JoinedStr):
        fields["values"] = [part for part in value.values if not _is_empty_text(part)]
    texts = (f"{name}={_dump(field)}" for name, field in fields.items() if field not in (None, []))
    return f"{type(value).__name__}({','.join(texts)})"


def _is_empty_text(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and part.value == ""


def _imported_files(name: str, folder: Path) -> list[Path]:
    """The files that an import of `name` runs: modules of PACKAGES, or a script's neighbours."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        beside = folder / f"{parts[0]}.py"
        return [beside] if beside.is_file() else []
    stems = [SOURCE.joinpath(*parts[:i]) for i in range(1, len(parts) + 1)]
    files = [path for stem in stems for path in (stem / "__init__.py", stem.with_suffix(".py"))]
    return [path for path in files if path.is_file()]


def source_files(script: Path, without: Iterable[str] = ()) -> list[Path]:
    """The script and every file of the project that it runs: scripts first, each part sorted.

    So the order, and with it the digest, is the same wherever scripts and packages lie.
    `without` names modules that this job imports and surely does not use: they and what they alone
    import are left out.
    """
    unused = {SOURCE.joinpath(*name.split(".")).with_suffix(".py") for name in without}
    files: set[Path] = set()
    pending = [script]
    while pending:
        path = pending.pop()
        if path in files or path in unused:
            continue
        files.add(path)
        for name in _parse(path)[1]:
            pending += _imported_files(name, script.parent)
    return sorted(files, key=lambda path: (path.parent != script.parent, path))


@cache
def digest(script: Path, without: tuple[str, ...] = ()) -> str:
    """16 hex digits that change when the code changes that the script runs; see `source_files`."""
    total = hashlib.sha256()
    for path in source_files(script, without):
        total.update(f"{path.name}\0{_parse(path)[0]}\0".encode())
    return total.hexdigest()[:16]


def digest_of_files(paths: Iterable[Path]) -> str:
    """16 hex digits that change when the content of one of the files changes."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return total.hexdigest()[:16]


def forget() -> None:
    """Read the source files again at the next call; for tests, which change them."""
    _parse.cache_clear()
    digest.cache_clear()
