from pathlib import Path

import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.sources import files, slides
from pgdose.sources.table import read_columns

with job(snakemake) as log:
    source, root = snakemake.wildcards.source, Path(snakemake.params.root)
    wanted = settings(snakemake.params)
    files.check_folder(root, f"sources.{source}.root")
    rows = read_columns(Path(snakemake.input.table), wanted["columns"], f"sources.{source}.columns")
    choice = ("tile", "tiles_per_class", "tumour", "tissue_share", "class_share")
    found, paths, rejects = slides.index(
        rows,
        root,
        key=records.load_key(Path(snakemake.params.key), snakemake.params.key_seed),
        source=source,
        seed=snakemake.params.seed,
        patients=snakemake.params.patients,
        **{name: wanted[name] for name in choice},
    )
    log.info("%s: %d slides, %d rejected, %d tiles", source, len(rows), len(rejects), len(found))
    kept = records.place_tiles(pd.DataFrame(found), source, wanted["shards"])
    records.write_index(kept, rejects, paths, snakemake.output, records.RECORDS)
