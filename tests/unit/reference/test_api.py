"""The API page has everything that README, docs and notebooks import from pgdose."""

import json
from pathlib import Path

from helpers.workflow import PROJECT

from pgdose.reference import api

README = """\
    import pgdose
    from pgdose.attack import make  # an attack
    from pgdose.study.doses import (
        Doses,
        same_epsilon as same,
    )
    from pgdose.networks import folding, network_files as files

    folding.fold(files.load("x"))
    from pathlib import Path
"""
CELL = "from pgdose_phantom.field_textures import draw_field\n"


def test_imports_of_pages_and_notebooks_are_found(tmp_path: Path) -> None:
    (tmp_path / "docs/_build").mkdir(parents=True)
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "docs/_build/old.md").write_text("from pgdose.names import is_name\n")
    cells = [{"cell_type": "code", "source": [CELL]}]
    (tmp_path / "docs/n.ipynb").write_text(json.dumps({"cells": cells}))
    assert api.imported(tmp_path) == {
        "pgdose": ["dose_response", "DoseResponse"],
        "pgdose.attack": ["make"],
        "pgdose.networks.folding": ["fold"],
        "pgdose.networks.network_files": ["load"],
        "pgdose.study.doses": ["same_epsilon", "Doses"],
        "pgdose_phantom.field_textures": ["draw_field"],
    }


def test_the_page_describes_each_import() -> None:
    text = api.pages()[api.PATH]
    for module, names in api.imported(PROJECT).items():
        for name in names:
            assert f":: {module}.{name}\n" in text


def test_each_of_them_has_a_description() -> None:
    for line in api.pages()[api.PATH].split("\n"):
        if line.startswith("| `"):
            assert len(line.split("|")[2]) > 20, line
