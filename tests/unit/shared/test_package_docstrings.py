"""A package's docstring lists its modules, so that a reader finds the one to open."""

import ast

import pytest
from helpers.workflow import PROJECT

SOURCE = PROJECT / "src"
PACKAGES = [
    *(
        f"pgdose/{name}"
        for name in ("study", "tables", "user_tables", "images", "xray", "histology")
    ),
    *(f"pgdose/{name}" for name in ("imagetable", "labelling", "documents", "cohort", "networks")),
    *("pgdose/histology/slides", "pgdose/histology/outlines"),
    *("pgdose/training", "pgdose/manifest", "pgdose/cli", "pgdose/terminal", "pgdose_phantom"),
]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_docstring_lists_each_module_once(package: str) -> None:
    folder = SOURCE / package
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    listed = [line.split()[0] for line in text.splitlines() if "  " in line.strip()]
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert sorted(listed) == sorted(modules)
