"""The registry of result tables: what is made from it follows it."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers import report_tables
from helpers.certified import smoothed_run
from helpers.clean_images import clean_table, group_members
from helpers.result_text import WORDS, text_columns
from helpers.workflow import PROJECT

from pgdose import rerun_digest
from pgdose.analysis import table_registry
from pgdose.analysis.certified import certified_of_all
from pgdose.analysis.network_tables import NetworkImages, network_tables
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.tables import result_csv

REGENERATE = "run python -m pgdose.analysis.table_registry"


def test_captions_of_snakemake_s_report_are_those_of_the_registry() -> None:
    for file, text in table_registry.captions().items():
        assert (table_registry.CAPTION_FOLDER / file).read_text(encoding="utf-8") == text, (
            REGENERATE
        )


def test_every_table_and_column_has_its_words() -> None:
    for name, table in RESULT_TABLES.items():
        assert table.name == name and table.caption.endswith(".")
        assert all(table.columns.values()), name


@pytest.mark.parametrize("name", RESULT_TABLES)
def test_the_maker_of_a_table_is_run_by_the_job_of_its_rule(name: str) -> None:
    table = RESULT_TABLES[name]
    module_name, function_name = f"pgdose.{table.maker}".rsplit(".", 1)
    module = importlib.import_module(module_name)
    function = getattr(module, function_name)
    assert inspect.isfunction(function) and function.__module__ == module_name
    files = rerun_digest.source_files(PROJECT / "scripts" / f"{table.rule}.py")
    assert Path(inspect.getfile(module)) in files
    named = [column for column in table.columns if f'"{column}"' in inspect.getsource(module)]
    assert set(named) - {"group", "attack", "epsilon", "iteration"}, "its columns stand elsewhere"


@pytest.mark.parametrize("name", RESULT_TABLES)
def test_names_that_a_person_chose_are_read_as_text(name: str) -> None:
    table = report_tables.tables().get(name, pd.DataFrame())
    assert not text_columns(table) - WORDS - set(result_csv.TEXT_COLUMNS)


def samples() -> dict[str, pd.DataFrame]:
    """Rows of tables as their makers or the tests of the page make them."""
    identity = {"group": "G", "run": "full", "role": "main", "size": None, "repeat": None}
    images = NetworkImages(identity, "resnet18", group_members(), clean_table(), None)
    tables = {
        **report_tables.tables(),
        **network_tables([images], 20, 1),
        "certified": certified_of_all([smoothed_run(), smoothed_run(attacks=())], 20, 1),
    }
    return {name: table for name, table in tables.items() if len(table)}


@pytest.mark.parametrize("name", samples())
def test_a_table_reads_back_with_numbers_as_numbers_and_names_as_text(
    name: str, tmp_path: Path
) -> None:
    """TEXT_COLUMNS go by name: a column must not be text in one table and numbers in another."""
    table = samples()[name]
    texts = text_columns(table)
    numbers = [c for c in table if table[c].notna().any() and c not in texts]
    assert texts
    chosen = texts & set(result_csv.TEXT_COLUMNS)
    table = table.assign(**dict.fromkeys(chosen, "01"))  # a name may look like a number
    result_csv.write_csv(table, tmp_path / "table.csv")
    back = result_csv.read_csv(tmp_path / "table.csv")
    for column in numbers:
        assert pd.api.types.is_numeric_dtype(back[column]), column
        pd.testing.assert_series_equal(
            back[column].astype(float), table[column].astype(float).reset_index(drop=True)
        )
    for column in texts:
        assert text_columns(back[[column]]) == {column}
        expected = table[column].where(table[column].notna() & (table[column] != ""), None)
        assert back[column].where(back[column].notna(), None).tolist() == expected.tolist()


@pytest.mark.parametrize("name", [n for n, t in RESULT_TABLES.items() if "run" in t.columns])
def test_tables_of_runs_say_which_run_a_row_is_of(name: str) -> None:
    columns = list(RESULT_TABLES[name].columns)
    place = columns.index("run")
    assert columns[place : place + 4] == ["run", "role", "size", "repeat"]


def test_a_rule_passes_the_columns_of_its_tables() -> None:
    columns = table_registry.columns_of("table1", "quality")
    assert list(columns)[:2] == ["table1", "class_counts"]
    assert list(columns) == [
        *table_registry.tables_of("table1"),
        *table_registry.tables_of("quality"),
    ]
    assert columns["class_counts"][:2] == ["group", "class"]


def test_reading_the_registry_loads_nothing_heavy() -> None:
    """The Snakefile reads it at every start."""
    program = "import sys, pgdose.analysis.table_registry as r; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not set(run.stdout.split()) & {"numpy", "pandas", "pyarrow", "torch", "scipy"}


def test_no_job_runs_the_registry() -> None:
    """Or another caption would measure everything again."""
    for path in (PROJECT / "src/pgdose").rglob("*.py"):
        if path.parent.name not in ("report", "plots", "reference"):
            assert "import table_registry" not in path.read_text(), path
            is_itself = path.name == "table_registry.py"
            assert "analysis.table_registry" not in path.read_text() or is_itself, path
    for path in (PROJECT / "scripts").glob("*.py"):
        assert "table_registry" not in path.read_text(), path
