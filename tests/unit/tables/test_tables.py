"""The common ground: keyed draws and identities, atomic and private files, tables, shards."""

import csv
import os
import re
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.workflow import PROJECT

from pgdose.histology.tile_placement import place_tiles
from pgdose.tables import (
    cohort_schemas,
    keyed,
    output_files,
    parquet,
    private_paths,
    record_schemas,
    rejects,
    result_csv,
    sharding,
    site_key,
)
from pgdose.tables.screening_schemas import SCREEN


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- draws ------------------------------------------------------------------------------------


def test_draw_of_an_id_depends_neither_on_order_nor_on_the_others() -> None:
    ids = [f"record {i}" for i in range(200)]
    all_at_once = dict(zip(ids, keyed.draw(7, "split", ids), strict=True))
    backwards = dict(zip(ids[::-1], keyed.draw(7, "split", ids[::-1]), strict=True))
    alone = {i: float(keyed.draw(7, "split", [i])[0]) for i in ids[:5]}
    assert backwards == all_at_once
    assert alone == {i: all_at_once[i] for i in ids[:5]}


def test_draws_are_uniform_and_differ_by_seed_purpose_and_id() -> None:
    ids = [f"record {i}" for i in range(4000)]
    first = keyed.draw(7, "split", ids)
    assert first.dtype == np.float64
    assert first.min() >= 0 and first.max() < 1
    assert len(set(first)) == len(ids)
    shares = np.histogram(first, bins=10, range=(0, 1))[0] / len(ids)
    assert np.abs(shares - 0.1).max() < 0.03
    for other in (keyed.draw(8, "split", ids), keyed.draw(7, "choose", ids)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.08
        assert not np.isclose(first, other).any()


def test_draw_of_nothing_is_empty() -> None:
    assert keyed.draw(7, "split", []).shape == (0,)


def test_generator_is_keyed() -> None:
    def numbers(seed: int, purpose: str, name: str) -> list[float]:
        return list(keyed.generator(seed, purpose, name).random(3))

    assert numbers(7, "film", "a") == numbers(7, "film", "a")
    keys = [(7, "film", "a"), (8, "film", "a"), (7, "copy", "a"), (7, "film", "b")]
    assert len({tuple(numbers(*key)) for key in keys}) == 4


# --- identities -------------------------------------------------------------------------------


def test_opaque_ids_differ_by_key_and_by_name_and_hold_no_name() -> None:
    one, other = b"a" * 32, b"b" * 32
    identity = keyed.opaque(one, "xray", "patient", "IVANOV")
    assert identity == keyed.opaque(one, "xray", "patient", "IVANOV")
    assert identity != keyed.opaque(other, "xray", "patient", "IVANOV")
    assert identity != keyed.opaque(one, "xray", "patient", "PETROV")
    assert identity != keyed.opaque(one, "xray", "IVANOV")
    assert len(identity) == keyed.ID_DIGITS
    assert set(identity) <= set("0123456789abcdef")


def test_opaque_ids_keep_the_borders_between_names() -> None:
    assert keyed.opaque(b"k", "ab", "c") != keyed.opaque(b"k", "a", "bc")


def test_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "private" / "key"
    site_key.make_key(path)
    first = site_key.load_key(path)
    content = path.read_bytes()
    site_key.make_key(path)
    assert site_key.load_key(path) == first
    assert path.read_bytes() == content
    assert len(first) == 32
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["key"]


def test_two_sites_get_two_keys(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "key", tmp_path / "b" / "key"]
    for path in paths:
        site_key.make_key(path)
    assert site_key.load_key(paths[0]) != site_key.load_key(paths[1])


def test_key_of_a_seed_repeats_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert site_key.load_key(path, 7) == site_key.load_key(tmp_path / "other", 7)
    assert site_key.load_key(path, 7) != site_key.load_key(path, 8)
    assert site_key.load_key(path, 0) == site_key.load_key(path, 0)
    assert not any(tmp_path.iterdir())


# --- files ------------------------------------------------------------------------------------


def test_atomic_write_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.csv"
    with output_files.atomic(path) as beside:
        beside.write_text("half")
        assert not path.exists()
        assert beside.parent == path.parent and beside.suffix == ".csv"
        beside.write_text("whole")
    assert path.read_text() == "whole"
    assert [file.name for file in path.parent.iterdir()] == ["table.csv"]


def test_atomic_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("before")
    with pytest.raises(RuntimeError, match="power cut"), output_files.atomic(path) as beside:
        beside.write_text("half")
        raise RuntimeError("power cut")
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_private_table_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "private" / "xray" / "paths.parquet"
    path.parent.mkdir(parents=True, mode=0o755)
    table = pd.DataFrame({"record_id": ["a"], "path": ["IVANOV.dcm"]})
    parquet.write_table(table, path, private_paths.PATHS, private=True)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700


def test_file_is_private_before_anything_is_written_to_it(tmp_path: Path) -> None:
    with output_files.atomic(tmp_path / "folder" / "paths.csv", private=True) as beside:
        assert mode(beside) == 0o600
        beside.write_text("IVANOV")


def test_write_table_takes_the_schema_and_fills_what_is_absent_with_nulls(tmp_path: Path) -> None:
    path = tmp_path / "records.parquet"
    schema = record_schemas.records_schema(["norm"])
    found = pd.DataFrame({"record_id": ["a", "b"], "row": [0, 1], "dropped": [1, 2]})
    parquet.write_table(found, path, schema)
    assert pq.read_schema(path).names == schema.names
    assert pq.read_schema(path).types == schema.types
    table = parquet.read_table(path)
    assert table["label_norm"].isna().all()
    assert table["row"].to_list() == [0, 1]


@pytest.mark.parametrize(
    "schema",
    [
        record_schemas.RECORDS,
        SCREEN,
        cohort_schemas.MEMBERS,
        rejects.REJECTS,
        cohort_schemas.MISSING,
    ],
)
def test_empty_shard_is_a_legal_file(tmp_path: Path, schema: pa.Schema) -> None:
    path = tmp_path / "0.parquet"
    parquet.write_table(pd.DataFrame([], columns=schema.names), path, schema)
    assert pq.read_schema(path).types == schema.types
    assert len(parquet.read_table(path)) == 0


def test_read_table_keeps_small_integers_with_nulls(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    schema = pa.schema([("tiny", pa.int8()), ("short", pa.int16()), ("long", pa.int32())])
    values = [1, None, 0]
    parquet.write_table(pa.table([values] * 3, schema=schema), path)
    table = parquet.read_table(path)
    assert table.dtypes.astype(str).to_list() == ["Int8", "Int16", "Int32"]
    for column in table:
        assert table[column].isna().to_list() == [False, True, False]
        assert table[column].eq(1).fillna(False).to_list() == [True, False, False]


def test_read_table_takes_only_the_columns_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    parquet.write_table(pd.DataFrame({"a": [1], "b": [2]}), path)
    assert list(parquet.read_table(path, ["b"])) == ["b"]


def test_read_tables_keeps_the_order_of_shards(tmp_path: Path) -> None:
    paths = [tmp_path / f"{shard}.parquet" for shard in range(3)]
    for shard, path in enumerate(paths):
        parquet.write_table(pd.DataFrame({"member": [shard * 2, shard * 2 + 1]}), path)
    table = parquet.read_tables(paths)
    assert table["member"].to_list() == list(range(6))
    assert table.index.to_list() == list(range(6))


def test_metadata_is_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    parquet.write_table(pd.DataFrame({"a": [1]}), path, metadata={"network": "abc"})
    assert parquet.read_metadata(path) == {"network": "abc"}
    assert set(pq.read_schema(path).metadata) == {b"network", b"checksum"}


def test_csv_reads_back_equal(tmp_path: Path) -> None:
    table = pd.DataFrame({"asr": [0.1 + 0.2, 1 / 3], "group": ["X-TB", "a, b"]})
    result_csv.write_csv(table, tmp_path / "asr.csv")
    read = pd.read_csv(tmp_path / "asr.csv", float_precision="round_trip")
    assert read.to_dict("list") == table.to_dict("list")


def test_json_is_the_same_text_whatever_the_order_of_keys(tmp_path: Path) -> None:
    output_files.write_json({"a": 1, "b": 2}, tmp_path / "one.json")
    output_files.write_json({"b": 2, "a": 1}, tmp_path / "two.json")
    assert (tmp_path / "one.json").read_text() == (tmp_path / "two.json").read_text()


def test_rejects_without_rows_have_their_columns() -> None:
    assert list(rejects.reject_table([])) == rejects.REJECTS.names


# --- shards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 5, 7, 8, 100, 101])
@pytest.mark.parametrize("shards", [1, 2, 3, 7, 8, 13])
def test_shards_cover_each_row_once_and_are_as_equal_as_can_be(n: int, shards: int) -> None:
    runs = [sharding.shard_rows(n, shard, shards) for shard in range(shards)]
    assert [row for run in runs for row in run] == list(range(n))
    assert max(map(len, runs)) - min(map(len, runs)) <= 1


def tiles(fields: int) -> pd.DataFrame:
    """2 x 3 tiles of each field, in no order."""
    places = [(f"f{f}", x, y) for f in range(fields) for y in (0, 256) for x in (0, 256, 512)]
    table = pd.DataFrame(places, columns=["parent", "x", "y"])
    table["record_id"] = [f"{p} {x} {y}" for p, x, y in places]
    return table.sample(frac=1, random_state=0)


@pytest.mark.parametrize("shards", [1, 2, 4, 9])
def test_place_tiles_keeps_a_field_in_one_store_and_numbers_its_rows(shards: int) -> None:
    placed = place_tiles(tiles(5), "fields", shards)
    assert sorted(placed["record_id"]) == sorted(tiles(5)["record_id"])
    assert (placed.groupby("parent")["store"].nunique() == 1).all()
    for store, rows in placed.groupby("store"):
        assert sorted(rows["row"]) == list(range(len(rows)))
        assert str(store).startswith("sources/fields/tiles/")
        assert int(Path(str(store)).stem) < shards
    assert placed["store"].nunique() == min(shards, 5)


def test_place_tiles_goes_row_by_row_through_a_field() -> None:
    placed = place_tiles(tiles(1), "fields", 1).sort_values("row")
    places = list(zip(placed["y"], placed["x"], strict=True))
    assert places == [(y, x) for y in (0, 256) for x in (0, 256, 512)]


def test_tables_with_different_labels_are_read_as_one(tmp_path: Path) -> None:
    """A group may draw on two sources whose lexicons differ."""
    for name in ("norm", "tb"):
        table = pd.DataFrame({"record_id": [name], f"label_{name}": [1]})
        parquet.write_table(table, tmp_path / name, record_schemas.records_schema([name]))
    columns = ["record_id", "label_norm", "label_tb"]
    both = parquet.read_tables([tmp_path / "norm", tmp_path / "tb"], columns)
    assert both["label_norm"].tolist() == [1, pd.NA]
    assert both["label_tb"].tolist() == [pd.NA, 1]


def test_a_file_that_was_looked_at_before_keeps_how_it_was_then(tmp_path: Path) -> None:
    """What changes between the look and the index is then known to have changed."""
    slide = tmp_path / "a.svs"
    slide.write_bytes(b"seen")
    seen = {"record_id": "1", "path": str(slide)} | private_paths.stat_file(slide)._asdict()
    private_paths.write_paths([seen], tmp_path / "seen.parquet")
    slide.write_bytes(b"another one")
    stamp = private_paths.read_paths(tmp_path / "seen.parquet", ["1"])["1"]._asdict()
    private_paths.write_paths(
        [{"record_id": r} | stamp for r in ("1", "tile")], tmp_path / "paths.parquet"
    )
    for found in private_paths.read_paths(tmp_path / "paths.parquet", ["1", "tile"]).values():
        assert found.size == 4 and found != private_paths.stat_file(slide)


def test_paths_need_not_be_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xcf\xe5\xf2\xf0\xee\xe2.dcm")  # cp1251
    private_paths.write_paths([{"record_id": "a", "path": name}], tmp_path / "paths.parquet")
    assert private_paths.read_paths(tmp_path / "paths.parquet", ["a", "b"]) == {
        "a": private_paths.SourceFile(Path(name), None, None)
    }
    assert private_paths.read_shard(tmp_path / "paths.parquet", 0, 1) == [("a", Path(name))]


def test_csv_names_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    table = pd.DataFrame({"group": ["NA", "None", "01"], "class": ["True", "null", "nan"]})
    table["asr"] = [0.5, np.nan, 1.0]
    result_csv.write_csv(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(result_csv.read_csv(tmp_path / "t.csv"), table)


FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "=HYPERLINK(A1)",
    "'=1",
    "''@a",
]
FORMULAS += ["=", "-", "+", "＝1", "－a", "=cmd|' /C calc'!A0", "-norm", "@"]


def test_a_text_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    harmless = ["a=b", "'a", "", "-5", "+1e3", "-.5", "1-2", "'", "a; b|c", "norm"]
    texts = pd.Series([*FORMULAS, *harmless], dtype="str")
    table = pd.DataFrame({"title": texts, "number": np.linspace(-1, 1, len(texts))})
    table["category"] = texts.astype("category")
    result_csv.write_csv(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, text in zip(rows, texts, strict=True):
        for cell in (row["title"], row["category"]):
            text = text.replace("\r", "\n")
            assert cell == (text if text in harmless else f"'{text}")
        assert not row["number"].startswith("'")
    read = result_csv.read_csv(tmp_path / "t.csv")
    assert read["title"].fillna("").tolist() == texts.str.replace("\r", "\n").tolist()
    assert read["number"].tolist() == pytest.approx(table["number"].tolist())


def test_a_text_is_no_formula_where_a_spreadsheet_splits_it(tmp_path: Path) -> None:
    """Many split lines at semicolons, tabs or bars, or at each line break."""
    texts = [f"x{mark}{text}" for mark in ";|\t\n" for text in ("=1+1", "@a", "'=1", '"=1"', "＝1")]
    texts += ["=1;=2|-3\n+4", "x,y;=1"]
    table = pd.DataFrame({"group": "G", "title": pd.Series(texts, dtype="str"), "asr": 0.5})
    result_csv.write_csv(table, tmp_path / "t.csv")
    for cell in re.split(r"[;|\t\n,]", (tmp_path / "t.csv").read_text()):
        assert not re.match(r"\"*[=+\-@＝]", cell), cell
    pd.testing.assert_series_equal(result_csv.read_csv(tmp_path / "t.csv")["title"], table["title"])


def test_random_texts_read_back_equal_and_are_no_formulas(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    texts = [
        "".join(rng.choice(list("'=+-@\t\n a1;|,\""), rng.integers(1, 6))) for _ in range(3000)
    ]
    table = pd.DataFrame({"title": pd.Series(texts, dtype="str"), "asr": 0.5})
    result_csv.write_csv(table, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(result_csv.read_csv(tmp_path / "t.csv"), table)
    written = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)["title"]
    for cell in written:
        assert cell[0] not in "=+-@\t\r\n" or re.fullmatch(r"[+-]?\d+", cell), repr(cell)


def test_every_csv_of_results_is_written_in_one_place() -> None:
    places = [*PROJECT.glob("src/**/*.py"), *PROJECT.glob("scripts/*.py")]
    for path in places:
        is_place = path.name == "result_csv.py"
        assert is_place or not re.search(r"to_csv|csv\.writer|DictWriter", path.read_text()), path
    imitating = [path for path in places if "for_spreadsheets=False" in path.read_text()]
    assert {path.parent.name for path in imitating} <= {"pgdose_phantom", "tables"}


def test_what_a_killed_job_left_goes_when_the_file_is_written(tmp_path: Path) -> None:
    left, others = tmp_path / ".0.4711.npy", [".0.missing.12.npy", ".1.12.npy", ".0.12.parquet"]
    for name in (left.name, *others):
        (tmp_path / name).touch()
    with output_files.atomic(tmp_path / "0.npy") as beside:
        assert not left.exists()
        beside.write_bytes(b"whole")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["0.npy", *others])
