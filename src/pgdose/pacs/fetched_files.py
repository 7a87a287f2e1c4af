"""The files of a PACS source, under the ids that a folder with the same files would give them."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgdose.pacs.folder import SUFFIX
from pgdose.tables.keyed import SourceIds
from pgdose.tables.pacs_schemas import DOCUMENT


class FetchedFiles(NamedTuple):
    """Rows of tables, in the order of the names of files.

    files:       of PATHS, of all that the PACS listed: an instance that was not fetched has the
                 path that it would have, so that it is counted, and rejected with its reason, where
                 headers are read
    documents:   those of `files` that are reports, and that were fetched
    not_fetched: of NOT_FETCHED
    """

    files: list[dict]
    documents: list[dict]
    not_fetched: list[dict]


def source_files(fetched: pd.DataFrame, root: Path, ids: SourceIds) -> FetchedFiles:
    """What was fetched into `root`, and what was not. `fetched`: FETCHED of all shards."""
    tables = FetchedFiles([], [], [])
    by_name = fetched.assign(name=fetched["instance"] + SUFFIX).sort_values("name")
    for row in by_name.to_dict("records"):
        file = {"record_id": ids.record(row["name"]), "path": str(root / row["name"])}
        tables.files.append(file)
        if pd.notna(row["reason"]):
            reject = {"reason": row["reason"], "detail": row["detail"]}
            tables.not_fetched.append({"record_id": file["record_id"], **reject})
        elif row["role"] == DOCUMENT:
            tables.documents.append(file)
    return tables
