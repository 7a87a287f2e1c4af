"""The registry of result tables: what is made from it follows it."""

import subprocess
import sys

import pytest
from helpers.workflow import PROJECT

from pgdose.analysis import registry
from pgdose.analysis.registry import RESULT_TABLES

REGENERATE = "run python -m pgdose.analysis.registry"


def test_captions_of_snakemake_s_report_are_those_of_the_registry() -> None:
    for file, text in registry.captions().items():
        assert (registry.CAPTIONS / file).read_text(encoding="utf-8") == text, REGENERATE


def test_every_table_and_column_has_its_words() -> None:
    for name, table in RESULT_TABLES.items():
        assert table.name == name and table.caption.endswith(".")
        assert all(table.columns.values()), name


@pytest.mark.parametrize("name", [n for n, t in RESULT_TABLES.items() if "run" in t.columns])
def test_tables_of_runs_say_which_run_a_row_is_of(name: str) -> None:
    columns = list(RESULT_TABLES[name].columns)
    place = columns.index("run")
    assert columns[place : place + 4] == ["run", "role", "size", "repeat"]


def test_a_rule_passes_the_columns_of_its_tables() -> None:
    columns = registry.columns_of("table1", "quality")
    assert list(columns) == ["table1", "class_counts", *registry.tables_of("quality")]
    assert columns["class_counts"][:2] == ["group", "class"]


def test_reading_the_registry_loads_nothing_heavy() -> None:
    """The Snakefile reads it at every start."""
    program = "import sys, pgdose.analysis.registry as r; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not set(run.stdout.split()) & {"numpy", "pandas", "pyarrow", "torch", "scipy"}


def test_no_job_runs_the_registry() -> None:
    """Or another caption would measure everything again."""
    for path in (PROJECT / "src/pgdose").rglob("*.py"):
        if path.parent.name not in ("report", "plots"):
            assert "import registry" not in path.read_text(), path
            assert "analysis.registry" not in path.read_text() or path.name == "registry.py", path
    for path in (PROJECT / "scripts").glob("*.py"):
        assert "registry" not in path.read_text(), path
