from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose.imagetable import index
from pgdose.tables import keyed, record_schemas, source_files, source_index, user_tables

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    wanted = settings(snakemake.params)
    labels = wanted["labels"] or {"names": {}, "column": None, "separator": None}
    source_files.check_folder(root, f"sources.{source}.root")
    rows = user_tables.read_columns(
        Path(snakemake.input.table),
        {**wanted["columns"], "label": labels["column"]},
        f"sources.{source}.columns",
    )
    found, paths, rejects = index.index(
        rows,
        root,
        key=keyed.load_key(Path(snakemake.params.key), snakemake.params.key_seed),
        source=source,
        labels=labels["names"],
        separator=labels["separator"],
        patients=snakemake.params.patients,
        **settings(snakemake.params, "codes"),
    )
    log.info("%s: %d rows, %d readable images", source, len(rows), len(found))
    schema = record_schemas.records_schema(labels["names"])
    kept = pd.DataFrame(found, columns=schema.names).sort_values("record_id")
    source_index.write_index(kept, rejects, paths, snakemake.output, schema)
