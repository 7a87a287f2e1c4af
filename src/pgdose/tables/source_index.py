"""What indexing a source produces: records, rejects, and the private table of paths."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from pgdose.errors import UserError
from pgdose.tables.parquet import read_metadata, write_table
from pgdose.tables.private_paths import write_paths
from pgdose.tables.record_schemas import REPEATED
from pgdose.tables.rejects import REJECTS, Reject, reject_table
from pgdose.tables.site_key import ENTRY, SYNTHETIC


class SourceIndex(NamedTuple):
    """The images of a source: a record for each usable one, paths of all, rejects of the rest."""

    records: list[dict]
    paths: list[dict]  # {record_id, path}
    rejects: list[Reject]
    repeated: pd.DataFrame = pd.DataFrame(columns=REPEATED.names)  # records with several rows


def write_index(
    records: pd.DataFrame,
    index: SourceIndex,
    output: Any,
    schema: pa.Schema,
    metadata: Mapping[str, str],
) -> None:
    """Write `output.records` (of `schema`), `rejects`, `repeated` and the private `paths`.

    `records` are those of `index` as a table. `metadata`: of the key that made their ids, see
    `site_key`, and the notes.
    """
    write_table(records, output.records, schema, metadata)
    write_table(reject_table(index.rejects), output.rejects, REJECTS, metadata)
    write_table(index.repeated, output.repeated, REPEATED, metadata)
    write_paths(index.paths, output.paths, metadata)


def common_key(
    paths: Iterable[str | Path], source: str, of_job: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The metadata of the key that made the ids of several tables, and that a job has loaded.

    UserError if they are several keys. Tables of earlier versions do not say it.
    """
    of_tables = [read_metadata(path) for path in paths]
    entries = {table[ENTRY] for table in [*of_tables, of_job or {}] if ENTRY in table}
    if len(entries) > 1:
        raise UserError(
            f"sources.{source}: its tables were made with several keys; restore the first key from "
            "a backup, or delete the results and the private folder of this source, and run again"
        )
    return {ENTRY: entries.pop()} if entries else {}


def key_of_group(paths: Iterable[str | Path], group: str) -> dict[str, str]:
    """The metadata of the key that made a group's ids, by the tables of its sources.

    Some of them may be synthetic, or of earlier versions, which do not say it. UserError if several
    keys of a site made the others.
    """
    entries = {read_metadata(path).get(ENTRY, "") for path in paths} - {""}
    keys = entries - {SYNTHETIC}
    if len(keys) > 1:
        raise UserError(
            f"groups.{group}: the ids of its sources were made with several keys; restore the "
            "first key from a backup, delete the results and private folders of the sources that "
            "were indexed since, and run again"
        )
    return {ENTRY: (keys or entries).pop()} if entries else {}
