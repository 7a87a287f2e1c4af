from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.sources import files, table

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    wanted = settings(snakemake.params)
    labels = wanted["labels"] or {"names": {}, "column": None, "separator": None}
    files.check_folder(root, f"sources.{source}.root")
    rows = table.read_columns(
        Path(snakemake.input.table),
        {**wanted["columns"], "label": labels["column"]},
        f"sources.{source}.columns",
    )
    found, paths, rejects = table.index(
        rows,
        root,
        key=records.load_key(Path(snakemake.params.key), snakemake.params.key_seed),
        source=source,
        labels=labels["names"],
        separator=labels["separator"],
        patients=snakemake.params.patients,
        **settings(snakemake.params, "codes"),
    )
    log.info("%s: %d rows, %d readable images", source, len(rows), len(found))
    schema = records.records_schema(labels["names"])
    kept = pd.DataFrame(found, columns=schema.names).sort_values("record_id")
    records.write_index(kept, rejects, paths, snakemake.output, schema)
