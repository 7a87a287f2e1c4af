import pandas as pd
from job import job, progress, settings

from pgdose import cohort, records, screen

with job(snakemake) as log:
    params = snakemake.params
    table = records.read_table(snakemake.input.records)
    wanted = settings(params, "wanted")
    fits = pd.Series(False, index=table.index)
    for where in wanted:
        fits |= cohort.eligible(table, where)
    table = table[fits].sort_values("record_id")
    table = table.iloc[
        records.shard_rows(len(table), int(snakemake.wildcards.shard), params.shards)
    ]
    needed = table[["record_id", "view", "body_part", "mm_per_px"]].to_dict("records")
    found = screen.screen(
        progress(needed, log, "images"),
        records.read_paths(snakemake.input.paths, table["record_id"]),
        kind=params.kind,
        modality=params.modality,
        limits=settings(params, "limits"),
        aorta=any(where["crop"] == "aorta" for where in wanted),
    )
    log.info("%d images, %d usable", len(found), int(found["usable"].sum()))
    records.write_table(found, snakemake.output[0], records.SCREEN)
