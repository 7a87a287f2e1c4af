"""An import never runs upwards through the rooms of the library."""

import ast
from pathlib import Path

import pytest
from helpers.workflow import PROJECT

from pgdose import rerun_digest

SOURCE = PROJECT / "src" / "pgdose"
# Lowest first, as in DESIGN; rooms of one line may not import each other, but for themselves.
ROOMS = [
    {"errors", "names", "progress"},
    {"project_files"},
    {"study"},
    {"tables"},
    {"user_tables"},
    {"manifest"},
    {"rerun_digest", "out_of_memory"},
    {"tensor_files"},
    {"devices", "checkpoints"},
    {"images"},
    {"xray"},
    {"histology"},
    {"imagetable"},
    {"labelling"},
    {"documents"},
    {"pacs"},
    {"preflight"},
    {"cohort"},
    {"networks"},
    {"attack"},
    {"training"},
    {"analysis"},
    {"atlas"},
    {"plots"},
    {"report"},
    {"terminal"},
    {"cli", "api"},
    {"reference"},
]
HEIGHT = {room: i for i, rooms in enumerate(ROOMS) for room in rooms}
# What a room never touches, at any depth of its imports.
FORBIDDEN = {
    "study": {"torch", "pydicom", "pandas", "numpy"},
    "terminal": {"torch", "pydicom", "pandas", "numpy", "snakemake"},
    "tables": {"torch"},
    "user_tables": {"torch", "pydicom", "PIL"},
    "documents": {"torch", "PIL"},
    "cohort": {"torch", "PIL"},
    "attack": {"snakemake", "pathlib", "pandas"},
    "analysis": {"torch"},
    "atlas": {"torch", "PIL"},
    "plots": {"torch"},
    "report": {"torch"},
}
# The tables of attacks are the only files that attack/ touches.
TABLES_OF_ATTACKS = {"attack/surface_table.py", "attack/diagnostics/table.py"}
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
        if path.relative_to(SOURCE).as_posix() not in TABLES_OF_ATTACKS:
            assert parts[0] not in FORBIDDEN.get(own, set()), f"{own} imports {name}"


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in MODULES} - {"__init__"} == set(HEIGHT)


# A job takes the settings of its section from the rule; with the whole study in its code, any new
# key would rerun it.
WHOLE_STUDY = {"study", "parsing", "cross_checks", "messages", "versions"}


@pytest.mark.parametrize("script", sorted((PROJECT / "scripts").glob("*.py")), ids=lambda p: p.stem)
def test_scripts_run_sections_of_the_study_but_not_the_whole(script: Path) -> None:
    modules = {
        path.relative_to(SOURCE).as_posix()
        for path in rerun_digest.source_files(script)
        if path.is_relative_to(SOURCE)
    }
    assert not modules & {f"study/{name}.py" for name in WHOLE_STUDY}
