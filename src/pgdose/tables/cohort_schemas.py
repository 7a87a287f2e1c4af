"""Schemas of the tables of a group's members."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pgdose.tables.parquet import read_table, read_tables

MEMBERS = pa.schema(
    [
        ("member", pa.int32()),
        ("record_id", pa.string()),
        ("patient", pa.string()),
        ("class", pa.string()),
        ("class_index", pa.int16()),
        ("part", pa.string()),
        ("copy", pa.int32()),
        ("augmentation", pa.string()),  # of a copy: its parameters, as JSON
        ("window", pa.string()),  # how the file's values became grey
        ("crop_x", pa.float64()),  # the square that was cut out, in pixels of the original
        ("crop_y", pa.float64()),
        ("crop_side", pa.float64()),
        ("store", pa.string()),
        ("row", pa.int32()),
    ]
)
MISSING = pa.schema([("member", pa.int32()), ("reason", pa.string()), ("detail", pa.string())])


def read_members(path: str | Path, missing: Iterable[str | Path]) -> pd.DataFrame:
    """The members whose images are there; `missing` are the tables of failed rows, if any."""
    members = read_table(path)
    for lost in missing:
        members = members[~members["member"].isin(read_table(lost)["member"])]
    return members


def read_people(paths: Iterable[str | Path], record_ids: Iterable[str]) -> pd.DataFrame:
    """Sex and age (years) of records, in their order, out of several sources' tables of records."""
    wanted = list(record_ids)
    people = read_tables(paths, ["record_id", "sex", "age"]).set_index("record_id")
    return people.reindex(wanted)
