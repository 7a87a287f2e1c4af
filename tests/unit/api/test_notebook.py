"""The notebook of the docs runs, and holds no outputs."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from helpers.workflow import PROJECT

from pgdose.api.result import DoseResponse

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:dose_response"),
]

NOTEBOOK = PROJECT / "docs/notebooks/dose_response.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[Any]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return list(notebook.cells)


def test_it_holds_no_outputs(cells: list[Any]) -> None:
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)


def test_its_cells_run(cells: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one namespace, as in a kernel."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, cell in enumerate(cells):
        if cell.cell_type == "code":
            exec(compile(cell.source, f"cell {number}", "exec"), names)
    result, noise = names["result"], names["noise"]
    assert isinstance(result, DoseResponse)
    assert result.clean_accuracy > 0.8
    assert result.curve()["asr"].iloc[-1] > noise.curve()["asr"].iloc[-1] + 0.5
    assert (tmp_path / "dose_response.html").stat().st_size > 10_000
