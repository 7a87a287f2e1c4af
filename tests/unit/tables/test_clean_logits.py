"""clean.parquet is read for the members that are asked for, as it was written."""

from pathlib import Path

import numpy as np
import pytest

from pgdose.errors import UserError
from pgdose.tables import clean_logits, parquet

LOGITS = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_logits_are_written_in_the_members_order_and_read_in_any(tmp_path: Path) -> None:
    path = tmp_path / "clean.parquet"
    clean_logits.write(path, [5, 3, 1], LOGITS, "tf32", {"accuracy_by_batches": "0.5"})
    assert parquet.read_table(path)["member"].tolist() == [5, 3, 1]
    assert parquet.read_metadata(path) == {"accuracy_by_batches": "0.5", "precision": "tf32"}
    assert clean_logits.computed_in(path) == "tf32"
    logits = clean_logits.read(path, [1, 5])
    assert logits.dtype == np.float32 and np.array_equal(logits, LOGITS[[2, 0]])


def test_a_member_without_logits_is_named(tmp_path: Path) -> None:
    clean_logits.write(tmp_path / "clean.parquet", [5, 3, 1], LOGITS, "fp32")
    with pytest.raises(UserError, match="member 2 is missing"):
        clean_logits.read(tmp_path / "clean.parquet", [5, 2])
