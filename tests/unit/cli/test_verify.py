"""Commands beside the workflow that need no run of it."""

from pathlib import Path

import numpy as np
import pytest

from pgdose.cli.verify import verify
from pgdose.errors import UserError
from pgdose.images.stores import new_store


def write(path: Path) -> Path:
    with new_store(path, 3, 8, 1) as store:
        for row in range(3):
            store.put(row, np.full((8, 8), 50 + row, np.uint8))
    return path


def test_verify_names_every_damaged_store(tmp_path: Path) -> None:
    write(tmp_path / "groups/X/images/0.npy")
    assert verify(tmp_path) == ["1 image stores, tables and networks are as they were written"]
    flipped, cut = write(tmp_path / "sources/a/tiles/0.npy"), write(tmp_path / "b.npy")
    content = flipped.read_bytes()
    flipped.write_bytes(content.replace(bytes([52] * 64), bytes([52] * 63 + [53])))
    cut.write_bytes(content[:-20])
    with pytest.raises(UserError) as caught:
        verify(tmp_path)
    message = str(caught.value)
    assert "2 of 3 files are damaged" in message
    assert (
        "tiles/0.npy: damaged, 1 images, rows 2; delete it and make it again with `snakemake"
        in message
    )
    assert "b.npy: damaged, it is cut off" in message and "images/0.npy" not in message


def test_verify_says_so_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no image stores"):
        verify(tmp_path)
