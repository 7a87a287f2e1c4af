"""The columns of labels that records and reports share."""

from collections.abc import Iterable

import pyarrow as pa


def label_columns(labels: Iterable[str]) -> list[tuple[str, pa.DataType]]:
    """One tri-state column `label_<name>` (1, 0 or null) for each label."""
    return [(f"label_{name}", pa.int8()) for name in labels]


def label_names(columns: Iterable[str]) -> list[str]:
    """The labels that a table with these columns has."""
    return [name.removeprefix("label_") for name in columns if name.startswith("label_")]
