from pathlib import Path

from job import job, settings

import pandas as pd

from pgdose.histology import fields
from pgdose.histology.tile_placement import place_tiles
from pgdose.tables import keyed, site_key, source_files, source_index
from pgdose.tables.record_schemas import RECORDS
from pgdose.user_tables import layouts, notes, source_tables
from pgdose.user_tables.reader import read_columns

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    root, entry, field = Path(params.root), settings(params), f"sources.{source}"
    source_files.check_folder(root, f"{field}.root")
    path, guesses = Path(snakemake.input.table if entry["table"] else root), []
    table = source_tables.describing_table(path, source, entry)
    if entry["table"]:
        rows = read_columns(table, guesses)
    else:
        rows = layouts.table_from_layout(root, entry["layout"])
    if truth := snakemake.input.get("truth"):
        listed = rows.to_dict("records") if entry["table"] else ()
        source_files.check_synthetic(root, Path(truth), field, listed)
    key = site_key.load_key(Path(params.key), params.key_seed)
    ids = keyed.SourceIds(key, source, params.patients)
    index, margin_share = fields.index_fields(
        fields.FieldRows(rows, table, entry), root, ids, guesses
    )
    log.info("%s: %d rows, %d rejects", source, len(rows), len(index.rejects))
    log.info("%s: %d tiles", source, len(index.records))
    log.info("%s: %.1f %% of the pixels dropped as margins", source, 100 * margin_share)
    notes.log_notes(log, field, guesses)
    records = place_tiles(pd.DataFrame(index.records), source, entry["shards"])
    metadata = site_key.key_metadata(key, params.key_seed) | notes.as_metadata(guesses)
    source_index.write_index(records, index, snakemake.output, RECORDS, metadata)
