"""The table of rejects: every file or record that the study cannot use, with the reason."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

REJECTS = pa.schema(
    [
        ("record_id", pa.string()),
        ("stage", pa.string()),  # index, screen, group or render
        ("reason", pa.string()),  # a code; those of films and pictures: xray.reject_reasons
        ("detail", pa.string()),
    ]
)


class Reject(NamedTuple):
    """One row of REJECTS. `detail` never quotes the file, which may name a patient."""

    record_id: str
    stage: str
    reason: str
    detail: str


def reject_table(rejects: Iterable[Reject]) -> pd.DataFrame:
    """The rejects as a table with the columns of REJECTS, all of them text."""
    return by_id(pd.DataFrame(list(rejects), columns=REJECTS.names, dtype="str"))


def by_id(table: pd.DataFrame) -> pd.DataFrame:
    """A table sorted by record_id.

    Files are read in the order of their names, and rows in that of a person's table. In results
    that order would tell where in the alphabet, or in a list of patients, a record stands.
    """
    return table.sort_values([name for name in REJECTS.names if name in table])
