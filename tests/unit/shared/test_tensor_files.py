"""Files with checksums: no flipped bit goes unnoticed."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers import surfaces

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
        with pytest.raises(Damaged, match=r"a\.safetensors: damaged"):
            tensor_files.load(path)
    path.write_bytes(content[:-1])
    with pytest.raises(Damaged):
        tensor_files.load(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        tensor_files.load(path)


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
            continue
        assert read[0] == metadata
        pd.testing.assert_frame_equal(read[1], whole)
    assert noticed > 400


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
    for read in (parquet.read_table, parquet.read_metadata, lambda p: parquet.read_tables([p], [])):
        with pytest.raises(Damaged, match=r"0\.parquet: damaged"):
            read(path)


def test_a_table_that_is_not_there_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        parquet.read_table(tmp_path / "none.parquet")
