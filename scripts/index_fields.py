from pathlib import Path

from job import job, settings

import pandas as pd

from pgdose.histology import fields
from pgdose.histology.tile_placement import place_tiles
from pgdose.tables import site_key, source_files, source_index
from pgdose.tables.record_schemas import RECORDS
from pgdose.tables.user_tables import read_columns

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    root, entry, field = Path(params.root), settings(params), f"sources.{source}"
    source_files.check_folder(root, f"{field}.root")
    if entry["table"]:
        rows = read_columns(Path(snakemake.input.table), entry["columns"], f"{field}.columns")
    else:
        rows = fields.table_from_layout(root, entry["layout"])
    if truth := snakemake.input.get("truth"):
        listed = rows.to_dict("records") if entry["table"] else ()
        source_files.check_synthetic(root, Path(truth), field, listed)
    key = site_key.load_key(Path(params.key), params.key_seed)
    index = fields.index_fields(
        rows,
        root,
        key=key,
        source=source,
        tile=entry["tile"],
        margin=entry["margin"],
        patients=params.patients,
    )
    log.info("%s: %d fields, %d rejects", source, len(rows), len(index.rejects))
    log.info("%s: %d tiles", source, len(index.records))
    log.info("%s: %.1f %% of the pixels dropped as margins", source, 100 * index.margin_share)
    records = place_tiles(pd.DataFrame(index.records), source, entry["shards"])
    source_index.write_index(
        records,
        index.rejects,
        index.paths,
        snakemake.output,
        RECORDS,
        site_key.key_metadata(key, params.key_seed),
    )
