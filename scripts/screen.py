import pandas as pd
from job import job, settings

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
    paths = records.read_table(snakemake.input.paths).set_index("record_id")["path"]
    found = screen.screen(
        table,
        paths,
        kind=params.kind,
        modality=params.modality,
        aorta=any(where["crop"] == "aorta" for where in wanted),
    )
    log.info("%d images, %d usable", len(found), int(found["usable"].sum()))
    records.write_table(found, snakemake.output[0], records.SCREEN)
