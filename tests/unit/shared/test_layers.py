"""An import never runs upwards through the rooms of the library."""

import ast

import pytest
from helpers.workflow import PROJECT

SOURCE = PROJECT / "src" / "pgdose"
# Lowest first, as in DESIGN; rooms of one line may not import each other, but for themselves.
ROOMS = [
    {"errors", "names", "progress"},
    {"study"},
    {"tables"},
    {"rerun_digest", "out_of_memory", "preflight"},
    {"tensor_files"},
    {"devices", "checkpoints"},
    {"images"},
    {"xray"},
    {"histology"},
    {"imagetable"},
    {"labelling"},
    {"cohort"},
    {"networks"},
    {"attack"},
    {"training"},
    {"analysis"},
    {"plots"},
    {"report"},
    {"cli"},
]
HEIGHT = {room: i for i, rooms in enumerate(ROOMS) for room in rooms}
# What a room never touches, at any depth of its imports.
FORBIDDEN = {
    "study": {"torch", "pydicom", "pandas", "numpy"},
    "tables": {"torch"},
    "cohort": {"torch", "PIL"},
    "attack": {"snakemake"},
    "analysis": {"torch"},
    "plots": {"torch"},
    "report": {"torch"},
}
MODULES = sorted(SOURCE.rglob("*.py"))


def imports(path) -> set[str]:  # type: ignore[no-untyped-def]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def room(path) -> str:  # type: ignore[no-untyped-def]
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_downwards(path) -> None:  # type: ignore[no-untyped-def]
    own = room(path)
    if own == "__init__":
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "pgdose" and len(parts) > 1 and parts[1] in HEIGHT and parts[1] != own:
            assert HEIGHT[parts[1]] < HEIGHT[own], f"{own} imports {name}"
        assert parts[0] not in FORBIDDEN.get(own, set()), f"{own} imports {name}"


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in MODULES} - {"__init__"} == set(HEIGHT)


def test_scripts_never_import_the_study() -> None:
    """Each job would pay for it, and another key in it would rerun everything."""
    for path in (PROJECT / "scripts").glob("*.py"):
        assert not any(name.startswith("pgdose.study") for name in imports(path)), path.name
