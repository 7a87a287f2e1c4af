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
# What a group leaves out of the records that fit one of its classes, whichever stage rejected them.
LEFT_OUT = REJECTS.append(pa.field("class", pa.string()))

# Why a group leaves out records that their source could use. Reasons of the source stand beside
# them in the tables of LEFT_OUT; a repeated picture has the same reason in both.
GROUP_REASONS = {
    "several_classes": "it fits several classes of the group",
    "excluded": "a person excluded it, see `exclude` of the group",
    "no_window": "`window: voi`, and the file has neither a VOI LUT nor a usable window",
    "aorta_not_found": "its aorta window is less sure than `image.least_confidence`",
    "contradiction": "the same image is in another class of the group too",
    "duplicate_uid": "another image of its class has the same SOPInstanceUID",
    "duplicate_pixels": "another image of its class has the same pixels",
    "not_screened": "it was not screened; run the rule `screen` of its source again",
}


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
    return table.sort_values([name for name in LEFT_OUT.names if name in table])


def with_rejects(states: pd.DataFrame, rejects: Iterable[Reject]) -> pd.DataFrame:
    """A table with record_id, reason and detail, in which these records are rejected, too."""
    of = {reject.record_id: reject for reject in rejects}
    states = states.astype({"reason": "object", "detail": "object"})
    for name in ("reason", "detail"):
        more = states["record_id"].map({key: getattr(r, name) for key, r in of.items()})
        states[name] = more.where(more.notna(), states[name])
    return states
