"""The tables of all networks together."""

from pathlib import Path

import pandas as pd
from helpers.clean_images import clean_table, group_members
from helpers.twelve_images import DRAWS, SEED

from pgdose.analysis import network_tables, quality, result_files, table_registry
from pgdose.tables import parquet

MAIN = {"group": "G", "run": "full", "role": "main", "size": None, "repeat": None}
FURTHER = {**MAIN, "run": "other", "role": "further"}


def networks(tmp_path: Path) -> list[network_tables.NetworkImages]:
    members, clean = tmp_path / "members.parquet", tmp_path / "clean.parquet"
    parquet.write_table(group_members(), members)
    parquet.write_table(clean_table(), clean, metadata={"accuracy_by_batches": "0.95"})
    own = network_tables.read_network(MAIN, "resnet18", members, clean)
    parquet.write_table(clean_table(), clean)
    return [own, network_tables.read_network(FURTHER, ".pt2", members, clean)]


def test_the_tables_of_two_networks(tmp_path: Path) -> None:
    tables = network_tables.network_tables(networks(tmp_path), DRAWS, SEED)
    assert list(tables) == table_registry.tables_of("quality")
    for name, table in tables.items():
        result_files.exact_columns(table, list(table_registry.RESULT_TABLES[name].columns), name)
        assert table["run"].drop_duplicates().tolist() == ["full", "other"]
    rows = tables["networks"]
    assert rows["network"].tolist() == ["resnet18", ".pt2"]
    assert rows["role"].tolist() == ["main", "further"] and rows["size"].isna().all()
    summary = quality.quality(group_members(), clean_table(), DRAWS, SEED)
    expected = pd.DataFrame([summary] * 2)
    pd.testing.assert_frame_equal(rows[list(expected)], expected, check_exact=True)
    verdicts = tables["network_checks"].set_index(["run", "check"])["verdict"]
    assert verdicts["full", "running statistics fit"] == "failed"
    assert verdicts["other", "running statistics fit"] == "not done"


def test_failed_checks_are_told_in_the_log(tmp_path: Path) -> None:
    tables = network_tables.network_tables(networks(tmp_path), DRAWS, SEED)
    lines = network_tables.failed_checks(tables["network_checks"])
    assert any(line.startswith("G/full: running statistics fit: accuracy 0.75") for line in lines)
    assert not any(line.startswith("G/other: running") for line in lines)
