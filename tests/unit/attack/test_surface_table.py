"""The surface on disk: what is written is read, and what does not fit is refused."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import surfaces
from helpers.workflow import PROJECT

from pgdose.attack.surface_table import SurfaceTable, read_surface, write_surface
from pgdose.errors import UserError
from pgdose.study.doses import Doses
from pgdose.tables import parquet

DOSES = Doses((0.02, 0.1), 2)
COLUMNS = ["member", "level", "epsilon"]
COLUMNS += ["logits", "stored", "change", "zero_gradient", "bad_gradient"]


def counted(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def table(*members: int, **metadata: str) -> SurfaceTable:
    """Two epsilons, iterations 0 to 2, two classes."""
    m = len(members)
    return SurfaceTable(
        members=np.array(members, np.int32),
        doses=DOSES,
        logits=counted(m, 2, 3, 2),
        stored=counted(m, 2, 2) + 100,
        change=counted(m, 2) / 10,
        zero_gradient=counted(m) / 4,
        bad_gradient=np.full(m, np.nan, np.float32),
        metadata=[metadata],
    )


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"weights")
    return path


def equal(one: SurfaceTable, other: SurfaceTable) -> bool:
    names = ("members", "logits", "stored", "change", "zero_gradient", "bad_gradient")
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return one.doses == other.doses and all(np.array_equal(*p, equal_nan=True) for p in pairs)


# --- written and read -------------------------------------------------------------------------


def test_a_row_for_each_member_and_epsilon_iteration_0_first(tmp_path: Path) -> None:
    surface = table(4, 9, 11)
    write_surface(surface, tmp_path / "0.parquet")
    rows = pq.read_table(tmp_path / "0.parquet")
    lists = [pa.list_(pa.float32(), 6), pa.list_(pa.float32(), 2)]
    plain = [pa.int32(), pa.int16(), pa.float64()]
    assert rows.schema.types == [*plain, *lists, *[pa.float32()] * 3]
    assert rows.column_names == COLUMNS
    assert rows["member"].to_pylist() == [4, 4, 9, 9, 11, 11]
    assert rows["level"].to_pylist() == [0, 1] * 3
    assert rows["epsilon"].to_pylist() == [0.02, 0.1] * 3
    logits = rows["logits"].to_pylist()
    assert logits[0] == surface.logits[0, 0].ravel().tolist()
    assert logits[3] == surface.logits[1, 1].ravel().tolist()
    assert logits[3][:2] == surface.logits[1, 1, 0].tolist()
    assert rows["stored"].to_pylist()[3] == surface.stored[1, 1].tolist()
    assert rows["change"].to_pylist() == surface.change.ravel().tolist()
    assert rows["zero_gradient"].to_pylist() == [0, 0, 0.25, 0.25, 0.5, 0.5]
    about = parquet.read_metadata(tmp_path / "0.parquet")
    assert about == {"format_version": "1", "doses": '{"epsilons": [0.02, 0.1], "max_iter": 2}'}


def test_what_was_written_is_read(tmp_path: Path, network: Path) -> None:
    surface = table(4, 9, 11, device="cpu")
    surfaces.write(surface, tmp_path / "0.parquet", network)
    found = read_surface([tmp_path / "0.parquet"], network, DOSES)
    assert equal(found, surface) and found.metadata[0]["device"] == "cpu"
    assert found.logits.dtype == np.float32 and found.classes == 2
    assert equal(read_surface([tmp_path / "0.parquet"], network), surface)


def test_shards_are_one_surface_with_its_members_rising(tmp_path: Path, network: Path) -> None:
    for name, members in (("0", (8, 9)), ("1", ()), ("2", (3,))):
        surfaces.write(table(*members, steps=name), tmp_path / f"{name}.parquet", network)
    found = read_surface([tmp_path / f"{i}.parquet" for i in range(3)], network)
    assert found.members.tolist() == [3, 8, 9]
    assert [about["steps"] for about in found.metadata] == ["0", "1", "2"]
    assert np.array_equal(found.logits[0], table(3).logits[0])
    assert np.array_equal(found.logits[1:], table(8, 9).logits)
    assert found.zero_gradient.tolist() == [0, 0, 0.25]


def test_a_surface_of_no_members_has_its_shape(tmp_path: Path, network: Path) -> None:
    surfaces.write(table(), tmp_path / "0.parquet", network)
    found = read_surface([tmp_path / "0.parquet"], network)
    assert found.logits.shape == (0, 2, 3, 2) and found.stored.shape == (0, 2, 2)
    assert found.flipped(np.zeros(0, int)).shape == (0, 2, 3)
    assert pq.read_schema(tmp_path / "0.parquet").field("logits").type == pa.list_(pa.float32(), 6)


def test_rows_that_are_missing_are_nan(tmp_path: Path, network: Path) -> None:
    path = tmp_path / "0.parquet"
    rewrite(table(4, 9), path, network, lambda rows: rows.slice(1))
    found = read_surface([path], network)
    assert found.members.tolist() == [4, 9]
    assert np.isnan(found.logits[0, 0]).all() and np.isnan(found.change[0, 0])
    assert (found.predicted()[0, 0] == -1).all() and (found.predicted()[0, 1] >= 0).all()


# --- flipped ----------------------------------------------------------------------------------


def test_flipped_is_another_class_where_all_logits_are_numbers() -> None:
    logits = np.zeros((2, 2, 3, 2))
    logits[..., 0] = 1  # class 0 everywhere, but
    logits[0, 1, 2] = [0, 1]
    logits[1, 0, 1] = [np.nan, 5]
    logits[1, 1, 1] = [np.inf, 0]
    surface = surfaces.surface_table([3, 7], DOSES, logits)
    assert surface.predicted().dtype == np.int16
    assert surface.predicted()[1, :, 1].tolist() == [-1, -1]
    assert np.argwhere(surface.flipped(np.array([0, 0]))).tolist() == [[0, 1, 2]]
    assert surface.flipped(np.array([0, 1])).sum() == 1 + 4
    assert surface.predicted_stored().tolist() == [[0, 1], [0, 0]]


# --- refused ----------------------------------------------------------------------------------


def rewrite(surface: SurfaceTable, path: Path, network: Path, change: Any) -> None:
    """Write a shard with other rows, and its metadata as it was."""
    surfaces.write(surface, path, network)
    about = parquet.read_metadata(path)
    rows = change(parquet.read_parquet(path).replace_schema_metadata())
    parquet.write_table(rows, path, metadata=about)


def column(name: str, value: Any) -> Any:
    def change(rows: pa.Table) -> pa.Table:
        place = rows.column_names.index(name)
        values = [value, *rows[name].to_pylist()[1:]]
        return rows.set_column(place, name, pa.array(values, rows.schema.field(name).type))

    return change


def test_a_surface_of_another_network_is_refused(tmp_path: Path, network: Path) -> None:
    """A shard that was copied from elsewhere, say."""
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"other weights")
    shards = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for shard, attacked in zip(shards, (network, other), strict=True):
        surfaces.write(table(int(shard.stem)), shard, attacked)
    assert read_surface(shards[:1], network).members.tolist() == [0]
    message = r"1\.parquet: the surface belongs to another network .* delete it and run again"
    with pytest.raises(UserError, match=message):
        read_surface(shards, network)
    write_surface(table(0), shards[0])  # names no network
    with pytest.raises(UserError, match="another network"):
        read_surface(shards[:1], network)


def test_a_surface_of_an_older_pgdose_is_refused(tmp_path: Path, network: Path) -> None:
    path = tmp_path / "0.parquet"
    surfaces.write(table(4), path, network)
    rows, about = parquet.read_parquet(path), parquet.read_metadata(path)
    about.pop("format_version")
    parquet.write_table(rows.drop_columns("level"), path, metadata=about)
    message = r"format none, but this version of pgdose reads format 1; delete it and run again"
    with pytest.raises(UserError, match=message):
        read_surface([path], network)


def test_a_surface_of_other_doses_is_refused(tmp_path: Path, network: Path) -> None:
    path = tmp_path / "0.parquet"
    surfaces.write(table(4), path, network)
    for other in (Doses((0.02, 0.2), 2), Doses((0.02, 0.1), 3), Doses((0.02,), 2)):
        with pytest.raises(UserError, match=r"has epsilon 0\.02, 0\.1 and 2 iterations, but"):
            read_surface([path], network, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            column("epsilon", 0.3),
            r"epsilon 0\.3 at level 0, but the attack has epsilon 0\.02, 0\.1 ",
        ),
        (column("level", 5), r"epsilon 0\.02 at level 5, but the attack has"),
        (column("level", -1), r"epsilon 0\.02 at level -1, but the attack has"),
        (
            lambda rows: pa.concat_tables([rows, rows.slice(3)]),
            r"member 9 has two rows at epsilon 0\.1; delete the surface and run again",
        ),
        (
            lambda rows: rows.set_column(3, "logits", rows["stored"]),
            "2 logits in a row, but 2 iterations of 2 classes make 6; delete it and run again",
        ),
    ],
    ids=["epsilon", "level", "negative level", "twice", "length"],
)
def test_rows_that_do_not_fit_are_refused(
    tmp_path: Path, network: Path, change: Any, message: str
) -> None:
    path = tmp_path / "0.parquet"
    rewrite(table(4, 9), path, network, change)
    with pytest.raises(UserError, match=message):
        read_surface([path], network)


def test_a_member_in_two_shards_is_refused(tmp_path: Path, network: Path) -> None:
    shards = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for shard in shards:
        surfaces.write(table(4), shard, network)
    with pytest.raises(UserError, match="member 4 has two rows"):
        read_surface(shards, network)


def test_shards_of_other_numbers_of_classes_are_refused(tmp_path: Path, network: Path) -> None:
    shards = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    for shard, classes in zip(shards, (2, 3), strict=True):
        logits = np.zeros((1, 2, 3, classes))
        surfaces.write(surfaces.surface_table([classes], DOSES, logits), shard, network)
    with pytest.raises(UserError, match="different numbers of classes"):
        read_surface(shards, network)


def test_arrays_whose_shapes_do_not_agree_make_no_table() -> None:
    with pytest.raises(ValueError, match="change of shape"):
        replace(table(4), change=np.zeros((1, 3)))


def test_nobody_pays_for_torch_to_read_a_surface() -> None:
    code = "import sys, pgdose.attack.surface_table; sys.exit('torch' in sys.modules)"
    path = {"PYTHONPATH": str(PROJECT / "src")}
    assert subprocess.run([sys.executable, "-c", code], env=path).returncode == 0
