"""Files with checksums: no flipped bit goes unnoticed."""

import contextlib
import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers import surfaces
from safetensors.torch import save_file

from pgdose import tensor_files
from pgdose.attack import surface_table
from pgdose.errors import Damaged
from pgdose.study.doses import Doses
from pgdose.tables import parquet

METADATA = {"classes": 2, "history": [{"epoch": 1, "loss": 0.1 + 0.2}]}


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "weight": torch.randn(4, 3).to(memory_format=torch.contiguous_format),
        "half": torch.randn(5).to(torch.bfloat16),
        "step": torch.tensor(7),
        "none": torch.zeros(0, 2),
    }


def test_tensors_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    tensor_files.save(tensors(), tmp_path / "a.safetensors", METADATA)
    loaded, metadata = tensor_files.load(tmp_path / "a.safetensors")
    assert metadata == METADATA and loaded.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype
    tensor_files.save(tensors(), tmp_path / "b.safetensors", METADATA)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_no_flipped_bit_of_tensors_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    tensor_files.save(tensors(), path, METADATA)
    content, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(500):
        path.write_bytes(flipped(content, rng))
        for read in (tensor_files.load, tensor_files.check):
            with pytest.raises(Damaged, match=r"a\.safetensors: damaged"):
                read(path)
    path.write_bytes(content[:-1])
    with pytest.raises(Damaged):
        tensor_files.load(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        tensor_files.load(path)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("sealed", [DEEP, "[]", "1", '{"about": 1, "xxh3_128": "a"}', "{}"])
def test_metadata_of_another_form_is_damaged(tmp_path: Path, sealed: str) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"pgdose": sealed})
    for read in (tensor_files.load, tensor_files.check):
        with pytest.raises(Damaged, match="reading it failed with"):
            read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("about", [DEEP, "no JSON"])
def test_metadata_with_the_right_checksum_may_be_no_metadata(tmp_path: Path, about: str) -> None:
    """Who makes a file up can compute its checksum."""
    tensor_files.save({}, tmp_path / "a.safetensors")
    sealed = json.dumps({"about": about, "xxh3_128": tensor_files._checksum([], about)})
    save_file({}, tmp_path / "a.safetensors", metadata={"pgdose": sealed})
    with pytest.raises(Damaged, match="reading it failed with"):
        tensor_files.load(tmp_path / "a.safetensors")


def test_metadata_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensor_files.save({}, tmp_path / "a.safetensors", {"text": "x" * 1000})
    tensor_files.check(tmp_path / "a.safetensors")
    monkeypatch.setattr(tensor_files, "MOST_METADATA", 1000)
    with pytest.raises(Damaged):
        tensor_files.check(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="at most 1000 are read back"):
        tensor_files.save({}, tmp_path / "b.safetensors", {"text": "x" * 1000})


def write_surface(path: Path, **metadata: str) -> None:
    """A table with lists of numbers and metadata: the surface of 40 images."""
    rng, doses = np.random.default_rng(2), Doses((0.02, 0.1), 4)
    table = surfaces.surface_table(
        np.arange(40), doses, rng.normal(size=(40, 2, 5, 2)), metadata, change=rng.random((40, 2))
    )
    surface_table.write_surface(table, path)


def test_no_flipped_bit_of_a_table_changes_what_is_read(tmp_path: Path) -> None:
    """A few bits mean nothing (padding, statistics): the table is then read as it was."""
    path = tmp_path / "0.parquet"
    write_surface(path, network="abc", n_images="120")
    metadata = parquet.read_metadata(path)
    content, rng = path.read_bytes(), np.random.default_rng(3)
    whole, noticed = parquet.read_table(path), 0
    for _ in range(500):
        path.write_bytes(flipped(content, rng))
        try:
            read = parquet.read_metadata(path), parquet.read_table(path)
        except Damaged:
            noticed += 1
            with pytest.raises(Damaged):
                parquet.check(path)
            continue
        assert read[0] == metadata
        pd.testing.assert_frame_equal(read[1], whole)
    assert noticed > 400


def test_a_damaged_footer_never_ends_the_process(tmp_path: Path) -> None:
    """As pyarrow does when it is asked for the sizes in one."""
    path = tmp_path / "0.parquet"
    write_surface(path, network="abc", n_images="120")
    content, rng = path.read_bytes(), np.random.default_rng(5)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    for _ in range(1500):
        path.write_bytes(content[:-footer] + flipped(content[-footer:], rng))
        with contextlib.suppress(Damaged):
            parquet.check(path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        OSError(errno.EMFILE, "Too many open files"),
        pa.ArrowMemoryError("malloc of size 64 failed"),
    ],
)
def test_an_error_on_the_way_to_a_table_does_not_damage_it(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged table is set aside, and everything made from it is made again."""
    write_surface(tmp_path / "0.parquet")

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pq, "read_table", fail)
    with pytest.raises(type(error)) as caught:
        parquet.read_table(tmp_path / "0.parquet")
    assert caught.value is error


def test_a_table_that_was_cut_off_is_damaged_however_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    write_surface(path)
    path.write_bytes(path.read_bytes()[:-20])
    checks = (parquet.check, parquet.read_metadata, lambda p: parquet.read_tables([p], []))
    for read in (parquet.read_table, *checks):
        with pytest.raises(Damaged, match=r"0\.parquet: damaged"):
            read(path)


def test_a_table_that_is_not_there_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        parquet.read_table(tmp_path / "none.parquet")


TABLES = {
    "no rows": pa.table({"a": pa.array([], pa.int64())}),
    "no columns": pa.table({}),
    "nested": pa.table({"a": [["x"], None, []], "b": [{"q": "x"}, None, {"q": None}]}),
    "bytes": pa.table({"a": [b"a", None, b"c"], "b": [True, None, False]}),
    "many rows": pa.table({"a": np.zeros(50_000), "b": ["x", "y"] * 25_000}),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_every_form_are_checked(tmp_path: Path, name: str) -> None:
    parquet.write_table(TABLES[name], tmp_path / "a.parquet")
    parquet.check(tmp_path / "a.parquet")


def memory_of_a_check(path: Path) -> int:
    """The most bytes that Arrow held."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    try:
        parquet.check(path)
    finally:
        pa.set_memory_pool(before)
    return pool.max_memory()


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": np.zeros(5_000_000)}),
        pa.table({"a": ["x" * 10_000] * 10_000}),
        pa.table({"a": pa.array([b"x" * 10_000] * 10_000, pa.binary(10_000))}),
        pa.table({"a": pa.ListArray.from_arrays([0, 5_000_000], np.zeros(5_000_000))}),
    ],
    ids=["number", "text", "bytes", "list"],
)
def test_what_is_small_on_disk_is_small_in_memory(tmp_path: Path, table: pa.Table) -> None:
    """A number or a text that is repeated takes a few bytes in a file."""
    parquet.write_table(table, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 10**5 < 10**7 < table.nbytes / 3
    assert memory_of_a_check(tmp_path / "a.parquet") < 10**7


def test_a_table_that_is_made_to_fill_the_memory_is_damaged(tmp_path: Path) -> None:
    """Whoever makes one up can give it the right checksums."""
    table = pa.table({"a": np.zeros(10**7)})
    sealed = table.cast(parquet._with_checksum(table.schema, {}))
    path = tmp_path / "a.parquet"
    options = {"compression": "zstd", "use_dictionary": False, "data_page_size": 2**30}
    pq.write_table(sealed, path, write_page_checksum=True, **options)
    with pytest.raises(Damaged, match=r"it would be [0-9]+ bytes when unpacked"):
        parquet.check(path)
