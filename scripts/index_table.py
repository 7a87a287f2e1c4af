from pathlib import Path

from job import job, settings

import pandas as pd

from pgdose.imagetable.index import TableLabels, index_images
from pgdose.tables import keyed, site_key, source_files, source_index, user_tables
from pgdose.tables.record_schemas import records_schema

with job(snakemake) as log:
    params, source = snakemake.params, snakemake.wildcards.source
    table, root = settings(params), Path(params.root)
    labels = table["labels"] or {"names": {}, "column": None, "separator": None}
    source_files.check_folder(root, f"sources.{source}.root")
    rows = user_tables.read_columns(
        Path(snakemake.input.table),
        {**table["columns"], "label": labels["column"]},
        f"sources.{source}.columns",
    )
    key = site_key.load_key(Path(params.key), params.key_seed)
    index = index_images(
        rows,
        root,
        keyed.SourceIds(key, source, params.patients),
        TableLabels(labels["names"], labels["separator"]),
        **settings(params, "codes"),
    )
    log.info("%s: %d rows, %d readable images", source, len(rows), len(index.records))
    schema = records_schema(labels["names"])
    records = pd.DataFrame(index.records, columns=schema.names).sort_values("record_id")
    source_index.write_index(
        records,
        index.rejects,
        index.paths,
        snakemake.output,
        schema,
        site_key.key_metadata(key, params.key_seed),
    )
