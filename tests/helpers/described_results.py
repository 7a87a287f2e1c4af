"""Whether docs/reference/results.md describes what lies in a results folder."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pgdose.analysis.result_values import values_of
from pgdose.analysis.table_registry import RESULT_TABLES
from pgdose.reference.results import ResultFile, all_files
from pgdose.tables import parquet, result_csv
from pgdose.tables.column_values import INTEGER, NUMBER, TEXT, TRUTH, Values

# Columns that some files of a kind do not have.
OPTIONAL = {"other_labels", "held_out_loss", "held_out_accuracy", "adversarial_accuracy"}
OPTIONAL |= {"row", "column"}  # of exported images
ROUNDING = 1e-6


def problems(results: Path) -> list[str]:
    """What the page lacks or says otherwise, one sentence each."""
    found: list[str] = []
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results).as_posix()
        if path.is_dir() or any(part.startswith(".") for part in path.parts):
            continue
        kinds = [file for file in all_files() if file.matches(name)]
        if not kinds:
            found.append(f"{name}: the page does not list it")
        elif path.suffix in (".csv", ".parquet") and not name.startswith(("logs", "benchmarks")):
            found += [f"{name}: {problem}" for problem in _of_table(path, kinds)]
    return found


def _of_table(path: Path, kinds: list[ResultFile]) -> list[str]:
    table = result_csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    described = next((file.columns for file in kinds if file.columns is not None), None)
    if described is not None:
        columns = {name: column.values for name, column in described.items()}
    else:
        name = "abstention" if path.stem == "disagreement" else path.stem
        if name not in RESULT_TABLES:
            return ["its columns are not described"]
        columns = {column: values_of(name, column) for column in RESULT_TABLES[name].columns}
    return _of_columns(table, columns)


def _of_columns(table: pd.DataFrame, columns: Mapping[str, Values]) -> list[str]:
    found = []
    for name in table:
        # <finding> stands for a column of any name, candidates_<class> for one that begins so.
        patterns = (column for column in columns if "<" in column)
        stands_for = (p for p in patterns if re.fullmatch(re.sub("<.*?>", ".+", p), str(name)))
        column = name if name in columns else next(stands_for, None)
        if column is None:
            found.append(f"column {name} is not described")
        elif problem := _of_values(table[name].dropna(), columns[column]):
            found.append(f"column {name} {problem}")
    always = {column for column in columns if "<" not in column} - OPTIONAL
    if "<finding>" not in columns:  # the columns behind the findings may be missing
        found += [f"column {name} is not there" for name in sorted(always - set(table))]
    return found


def _of_values(column: pd.Series, values: Values) -> str:
    """What is wrong with the values of a column; "" if nothing is."""
    texts = set(map(str, column)) - {""}
    if not texts:
        return ""
    if values.words and texts - set(values.words):
        return f"holds {sorted(texts - set(values.words))}"
    if values.type == TRUTH and texts - {"True", "False"}:
        return "is not true or false"
    if values.type == TEXT and column.dtype.kind in "iuf":
        return "holds numbers"
    if values.type in (NUMBER, INTEGER):
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.isna().any():
            return "holds texts"
        if values.type == INTEGER and (numbers != numbers.round()).any():
            return "holds numbers that are not whole"
        low = -float("inf") if values.low is None else values.low
        high = float("inf") if values.high is None else values.high
        if numbers.min() < low - ROUNDING or numbers.max() > high + ROUNDING:
            return f"lies from {numbers.min():g} to {numbers.max():g}, not in {values.range}"
    return ""
