from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.sources import fields, files
from pgdose.sources.table import read_columns

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    wanted = settings(snakemake.params)
    files.check_folder(root, f"sources.{source}.root")
    rows = read_columns(Path(snakemake.input.table), wanted["columns"], f"sources.{source}.columns")
    key = records.load_key(Path(snakemake.params.key), snakemake.params.key_seed)
    found, paths, rejects = fields.index(
        rows, root, key=key, source=source, tile=wanted["tile"], patients=snakemake.params.patients
    )
    log.info("%s: %d fields, %d rejected, %d tiles", source, len(rows), len(rejects), len(found))
    kept = records.place_tiles(pd.DataFrame(found), source, wanted["shards"])
    records.write_index(kept, rejects, paths, snakemake.output, records.RECORDS)
