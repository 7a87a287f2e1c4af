from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.sources import fields, files
from pgdose.sources.table import read_columns

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    wanted, field = settings(snakemake.params), f"sources.{source}"
    files.check_folder(root, f"{field}.root")
    if wanted["table"]:
        rows = read_columns(Path(snakemake.input.table), wanted["columns"], f"{field}.columns")
    else:
        rows = fields.from_layout(root, wanted["layout"])
    cut = fields.index(
        rows,
        root,
        key=records.load_key(Path(snakemake.params.key), snakemake.params.key_seed),
        source=source,
        tile=wanted["tile"],
        margin=wanted["margin"],
        patients=snakemake.params.patients,
    )
    log.info(
        "%s: %d fields, %d rejected, %d tiles",
        source,
        len(rows),
        len(cut.rejects),
        len(cut.records),
    )
    if cut.dropped:
        log.info(
            "%s: %.1f %% of the pixels lie in margins and are dropped", source, 100 * cut.dropped
        )
    kept = records.place_tiles(pd.DataFrame(cut.records), source, wanted["shards"])
    records.write_index(kept, cut.rejects, cut.paths, snakemake.output, records.RECORDS)
