"""Files of results: exactly the columns of the registry, and a format version."""

from pathlib import Path

import pandas as pd
import pytest

from pgdose.analysis import result_files as r
from pgdose.errors import UserError
from pgdose.tables import parquet

TABLE = pd.DataFrame({"b": [1], "a": [2.5]})


def test_columns_come_in_the_order_of_the_registry(tmp_path: Path) -> None:
    r.write_result_table(TABLE, tmp_path / "t.csv", ["a", "b"])
    assert (tmp_path / "t.csv").read_text() == "a,b\n2.5,1\n"


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["a", "b", "c"], r"table t lacks the columns \['c'\]"), (["a"], r"add the columns \['b'\]")],
)
def test_other_columns_are_refused(tmp_path: Path, columns: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        r.write_result_table(TABLE, tmp_path / "t.csv", columns)
    assert not list(tmp_path.iterdir())


def test_a_table_without_rows_has_its_columns_all_the_same(tmp_path: Path) -> None:
    r.write_result_table(pd.DataFrame(), tmp_path / "t.csv", ["a", "b"])
    assert (tmp_path / "t.csv").read_text() == "a,b\n"


def test_columns_of_findings_are_those_of_the_study() -> None:
    columns = ["source", "found", "<finding>", "any_finding", "mojibake"]
    table = pd.DataFrame({"any_finding": [1], "tb": [2], "norm": [3], "found": [4], "source": "x"})
    assert list(r.exact_columns(table, columns, "sources")) == [
        *("source", "found", "tb", "norm", "any_finding")
    ]
    with pytest.raises(ValueError, match="lacks the columns"):
        r.exact_columns(table.drop(columns="found"), columns, "sources")


def test_a_run_s_identity_in_columns() -> None:
    run = {"group": "G", "run": "n8-r2", "role": "sized", "size": 8, "repeat": 2}
    main = {"group": "G", "run": "full", "role": "main", "size": None, "repeat": None}
    rows = [TABLE.assign(**r.identity_columns(of, 1)) for of in (run, main)]
    text = pd.concat(rows)[["run", "role", "size", "repeat"]].to_csv(index=False)
    assert text == "run,role,size,repeat\nn8-r2,sized,8,2\nfull,main,,\n"


def test_measures_are_read_as_they_were_written(tmp_path: Path) -> None:
    r.write_measures(TABLE, tmp_path / "1.parquet", {"bounded": "[]"})
    r.write_measures(TABLE.iloc[:0], tmp_path / "2.parquet")
    assert r.read_measures_metadata(tmp_path / "1.parquet")["bounded"] == "[]"
    both = r.read_measures([tmp_path / "2.parquet", tmp_path / "1.parquet"])
    pd.testing.assert_frame_equal(both, TABLE)
    assert list(r.read_measures([tmp_path / "2.parquet"])) == ["b", "a"]


@pytest.mark.parametrize("version", [None, "0", "2"])
def test_results_of_another_version_are_told_as_such(tmp_path: Path, version: str | None) -> None:
    metadata = {} if version is None else {"format_version": version}
    parquet.write_table(TABLE, tmp_path / "t.parquet", metadata=metadata)
    r.write_result_table(TABLE, tmp_path / "t.csv", ["a", "b"])
    if version is not None:
        (tmp_path / "format_version.txt").write_text(version)
    found = rf"have format {version or 'unknown'}, but this version of pgdose reads format 1; run"
    with pytest.raises(UserError, match=rf"t\.parquet: these results {found}"):
        r.read_measures([tmp_path / "t.parquet"])
    with pytest.raises(UserError, match=rf"format_version\.txt: these results {found}"):
        r.read_result_tables(tmp_path)


def test_tables_of_this_version_are_read(tmp_path: Path) -> None:
    r.write_result_table(TABLE, tmp_path / "t.csv", ["a", "b"])
    r.write_version(tmp_path / "format_version.txt")
    tables = r.read_result_tables(tmp_path)
    pd.testing.assert_frame_equal(tables["t"], TABLE[["a", "b"]])
