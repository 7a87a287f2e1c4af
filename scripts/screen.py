import pandas as pd
from job import job, progress, settings

from pgdose.cohort import selection
from pgdose.study.groups import Where
from pgdose.tables import parquet, private_paths, sharding
from pgdose.tables.screening_schemas import SCREEN
from pgdose.xray import screening

COLUMNS = ["record_id", "class", "age", "sex", "view", "body_part", "mm_per_px"]

with job(snakemake) as log:
    params = snakemake.params
    wanted = settings(params, "wanted")
    labels = {f"label_{where['label']}" for where in wanted if where["label"]}
    table = parquet.read_tables([snakemake.input.records], [*COLUMNS, *sorted(labels)])
    fits, cropped = (pd.Series(False, index=table.index) for _ in range(2))
    for where in wanted:
        cropping = where.pop("crop") == "aorta"
        eligible = selection.eligible(table, Where.model_validate(where))
        fits |= eligible
        if cropping:
            cropped |= eligible
    table = table.assign(aorta=cropped)[fits].sort_values("record_id")
    table = table.iloc[
        sharding.shard_rows(len(table), int(snakemake.wildcards.shard), params.shards)
    ]
    needed = table[["record_id", "view", "body_part", "mm_per_px", "aorta"]].to_dict("records")
    found = screening.screen(
        progress(needed, log, "images"),
        private_paths.read_paths(snakemake.input.paths, table["record_id"]),
        kind=params.kind,
        modality=params.modality,
        limits=settings(params, "limits"),
    )
    log.info("%d images, %d usable", len(found), int(found["usable"].sum()))
    parquet.write_table(found, snakemake.output[0], SCREEN)
