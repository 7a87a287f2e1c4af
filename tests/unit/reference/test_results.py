"""docs/reference/results.md has every file of a study, and every column of every table."""

import ast
import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from helpers.described_results import problems
from helpers.workflow import PROJECT

from pgdose import tables
from pgdose.analysis import result_values, table_registry
from pgdose.analysis.result_values import EXCEPTIONS, VALUES, values_of
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.attack.transfer_table import transfer_table
from pgdose.reference import results
from pgdose.reference.results import all_files
from pgdose.rerun_digest import source_files
from pgdose.tables import descriptions, parquet, result_csv
from pgdose.tables.column_values import INTEGER, NUMBER
from pgdose.training import history

COLUMNS = [(table, column) for table, e in RESULT_TABLES.items() for column in e.columns]
DESCRIBED = [file for file in all_files() if file.columns is not None]

# Schemas of tables that lie below private/ or come from people.
PRIVATE = {
    *("private_paths.PATHS", "record_schemas.HEADERS", "report_schemas.REPORT_MENTIONS"),
    *("report_schemas.REPORTS", "report_schemas.UNREAD_REPORTS", "pacs_schemas.LISTED"),
    *("pacs_schemas.FETCHED", "pacs_schemas.NOT_FETCHED"),
}


@cache
def page() -> str:
    return results.pages()["docs/reference/results.md"]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_every_column_of_a_result_table_has_its_meaning_and_its_values(
    table: str, column: str
) -> None:
    """If this fails: add the values to `analysis.result_values`."""
    values = values_of(table, column)
    assert RESULT_TABLES[table].columns[column]
    if values.type in (NUMBER, INTEGER) and values.high == 1 and values.low == 0:
        assert values.unit
    assert f"| `{column}` | " in page()


def test_a_column_that_nothing_describes_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"asr\.flavour: add its values"):
        values_of("asr", "flavour")


def test_no_values_are_left_of_columns_that_went() -> None:
    assert set(EXCEPTIONS) <= set(COLUMNS)
    names = {column for _, column in COLUMNS}
    names |= {result_values.column_of_end(name) for name in names}
    assert set(VALUES) <= names


@pytest.mark.parametrize("file", [file for file in DESCRIBED if file.schema], ids=lambda f: f.path)
def test_a_table_with_a_schema_has_exactly_its_columns(file: results.ResultFile) -> None:
    """If this fails: describe the column in `tables.descriptions`."""
    assert file.columns is not None and file.schema is not None
    assert [name for name in file.columns if "<" not in name] == file.schema.names


@pytest.mark.parametrize("file", DESCRIBED, ids=lambda file: file.path)
def test_every_described_column_stands_on_the_page(file: results.ResultFile) -> None:
    for name, column in (file.columns or {}).items():
        assert column.meaning
        assert f"| `{name}` | {column.meaning} |" in page()


def test_every_schema_of_a_result_is_described() -> None:
    schemas = {
        f"{module.name}.{name}": value
        for module in pkgutil.iter_modules(tables.__path__)
        for name, value in vars(importlib.import_module(f"pgdose.tables.{module.name}")).items()
        if isinstance(value, pa.Schema)
    }
    described = [file.schema for file in DESCRIBED]
    missing = {name for name, schema in schemas.items() if not any(schema is d for d in described)}
    # Others import them under the same name.
    missing = {
        name for name in missing if name.split(".")[1] not in {p.split(".")[1] for p in PRIVATE}
    }
    assert not missing
    assert set(schemas) >= PRIVATE


def test_tables_without_a_schema_have_the_columns_of_their_makers() -> None:
    logits = np.zeros((1, 1, 2, 2), np.float32)
    transfer = transfer_table(np.array([0]), ["full"], [0.1], logits)
    assert list(descriptions.TRANSFER) == transfer.column_names
    assert list(descriptions.IMAGES) == table_registry.IMAGES
    assert set(history.COLUMNS) <= set(descriptions.TRAINING)
    assert list(descriptions.EXPORTED) == constants("scripts/export.py", "COLUMNS", "CORNER")
    assert list(descriptions.FIGURES["examples"]) == constants("scripts/examples.py", "COLUMNS")


def constants(file: str, *names: str) -> list[str]:
    """The texts in the lists of these names, in the order of the file."""
    tree = ast.parse((PROJECT / file).read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AugAssign)]
    values = [
        node.value
        for node in assigned
        if ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target) in names
    ]
    return [str(text) for value in values for text in ast.literal_eval(value)]


def outputs() -> set[str]:
    """The paths below the results folder that the rules name, {...} for what a rule fills in."""
    paths = set()
    for file in (PROJECT / "workflow/rules").rglob("*.smk"):
        text = file.read_text().replace("{RUN}", "{RESULTS}/groups/{{group}}/{{run}}")
        for path in re.findall(r'f"\{RESULTS\}/([^"]+)"', text):
            paths.add(re.sub(r"\{+.*?\}+", "x", path))
    return paths


def test_every_file_that_a_rule_names_is_listed() -> None:
    """If this fails: add the file to FILES in src/pgdose/reference/results.py."""
    files = {path for path in outputs() if "." in path and path != "figures/x.x"}
    assert {"report.html", "groups/x/x/clean.parquet", "sources/x/rejects.png"} <= files
    assert not {path for path in files if not any(file.matches(path) for file in all_files())}


@pytest.mark.parametrize(
    ("path", "meaning"),
    [
        ("tables/asr.csv", "tables/<table>.csv"),
        ("figures/fig3a.png", "figures/<figure>.png"),
        (
            "groups/X-TB/full/paper/surface/0.parquet",
            f"{results._RUN}/<attack>/surface/<shard>.parquet",
        ),
        ("groups/X-TB/full/paper/images/7-original.png", None),
        ("logs/train/X-TB-full.log", "logs/**"),
    ],
)
def test_a_path_leads_to_its_entry(path: str, meaning: str | None) -> None:
    found = [file.path for file in all_files() if file.matches(path)]
    assert found
    assert meaning is None or meaning in found


WORDS = {
    *("study/descriptions.py", "tables/descriptions.py", "tables/column_values.py"),
    *("analysis/table_registry.py", "analysis/result_values.py"),
}


@pytest.mark.parametrize("script", sorted((PROJECT / "scripts").glob("*.py")), ids=lambda p: p.stem)
def test_no_job_but_the_page_runs_what_the_pages_say(script: Path) -> None:
    """Or another word in a description would rerun its jobs."""
    source = PROJECT / "src/pgdose"
    files = {path for path in source_files(script) if path.is_relative_to(source)}
    used = {path.relative_to(source).as_posix() for path in files}
    assert not {name for name in used if name.startswith("reference/")}
    assert used & WORDS <= ({"analysis/table_registry.py"} if script.stem == "report" else set())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what does asr_any mean?", "n_flipped_any / n_attacked | number | share | 0 to 1 |"),
        ("which unit has epsilon?", "| number | full intensity range | 0 or more |"),
        ("what is role?", "| `role` | what the network is for: main, the group's own; repeat, "),
        ("where are the logits?", "| `groups/<group>/<run>/clean.parquet` | logits of the clean"),
    ],
)
def test_a_question_has_its_answer(question: str, answer: str) -> None:
    assert answer in page(), question


def write(folder: Path, path: str, table: pd.DataFrame) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    if path.endswith(".csv"):
        result_csv.write_csv(table, folder / path)
    else:
        parquet.write_table(table, folder / path)


MENTION = {"record_id": "a", "label": "norm", "state": "present", "start": 0, "end": 4}
MENTIONS = pd.DataFrame([{**MENTION, "pattern": "norm[0]", "cue": None}])


def test_a_folder_that_is_as_described_has_no_problems(tmp_path: Path) -> None:
    write(tmp_path, "sources/xray/mentions.parquet", MENTIONS)
    write(tmp_path, "figures/fig3c.csv", pd.DataFrame(columns=[*descriptions.FIGURES["fig3c"]]))
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"state": "maybe"}, "column state holds ['maybe']"),
        ({"start": -1}, "column start lies from -1 to -1, not in 0 or more"),
        ({"start": 0.5}, "column start holds numbers that are not whole"),
        ({"label": 3}, "column label holds numbers"),
        ({"further": 1}, "column further is not described"),
    ],
)
def test_what_is_not_as_described_is_found(tmp_path: Path, change: dict, problem: str) -> None:
    write(tmp_path, "sources/xray/mentions.parquet", MENTIONS.assign(**change))
    assert problems(tmp_path) == [f"sources/xray/mentions.parquet: {problem}"]


def test_a_missing_column_and_an_unknown_file_are_found(tmp_path: Path) -> None:
    write(tmp_path, "sources/xray/mentions.parquet", MENTIONS.drop(columns="cue"))
    (tmp_path / "sources/xray/notes.txt").write_text("new")
    assert problems(tmp_path) == [
        "sources/xray/mentions.parquet: column cue is not there",
        "sources/xray/notes.txt: the page does not list it",
    ]
