from pathlib import Path

from job import job, settings

import pandas as pd

from pgdose.imagetable.index import ImageRows, index_images
from pgdose.tables import keyed, site_key, source_files, source_index
from pgdose.tables.record_schemas import records_schema
from pgdose.user_tables import layouts, notes, source_tables
from pgdose.user_tables.reader import read_columns

with job(snakemake) as log:
    params, source, guesses = snakemake.params, snakemake.wildcards.source, []
    entry, root = settings(params), Path(params.root)
    source_files.check_folder(root, f"sources.{source}.root")
    path = snakemake.input.get("table")
    table = source_tables.describing_table(Path(path or root), source, entry)
    if path:
        rows = read_columns(table, guesses)
    else:
        rows = pd.DataFrame({"image": layouts.files_below(root)}, dtype=object)
    key = site_key.load_key(Path(params.key), params.key_seed)
    ids = keyed.SourceIds(key, source, params.patients)
    images = ImageRows(rows, table, entry, settings(params, "codes"))
    index = index_images(images, root, ids, guesses)
    log.info("%s: %d rows, %d readable images", source, len(rows), len(index.records))
    notes.log_notes(log, f"sources.{source}", guesses)
    labels = entry["labels"] or {"names": {}, "columns": {}}
    schema = records_schema([*labels["names"], *labels["columns"]])
    records = pd.DataFrame(index.records, columns=schema.names).sort_values("record_id")
    metadata = site_key.key_metadata(key, params.key_seed) | notes.as_metadata(guesses)
    source_index.write_index(records, index, snakemake.output, schema, metadata)
