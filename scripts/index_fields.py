from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose.histology import fields, placing
from pgdose.tables import keyed, source_files, source_index
from pgdose.tables.record_schemas import RECORDS
from pgdose.tables.user_tables import read_columns

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    wanted, field = settings(snakemake.params), f"sources.{source}"
    source_files.check_folder(root, f"{field}.root")
    if wanted["table"]:
        rows = read_columns(Path(snakemake.input.table), wanted["columns"], f"{field}.columns")
    else:
        rows = fields.from_layout(root, wanted["layout"])
    cut = fields.index(
        rows,
        root,
        key=keyed.load_key(Path(snakemake.params.key), snakemake.params.key_seed),
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
    kept = placing.place_tiles(pd.DataFrame(cut.records), source, wanted["shards"])
    source_index.write_index(kept, cut.rejects, cut.paths, snakemake.output, RECORDS)
