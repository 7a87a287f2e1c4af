from job import job, settings

from pgdose.cohort import screening_plan
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, sharding
from pgdose.tables.screening_schemas import SCREEN
from pgdose.xray import screening
from pgdose.xray.source_images import ImageSettings

with job(snakemake) as log:
    params, shard = snakemake.params, int(snakemake.wildcards.shard)
    classes = [screening_plan.ScreenedClass.parse(c) for c in settings(params, "classes")]
    columns = screening_plan.columns(classes)
    table = parquet.read_tables([snakemake.input.records], columns)
    planned = screening_plan.plan(table, classes)
    planned = planned.iloc[sharding.shard_rows(len(planned), shard, params.shards)]
    screened = screening.screen(
        log_progress(planned.to_dict("records"), log, "images"),
        private_paths.read_paths(snakemake.input.paths, planned["record_id"]),
        images=ImageSettings(**settings(params, "images")),
        limits=settings(params, "limits"),
    )
    log.info("%d images, %d usable", len(screened), int(screened["usable"].sum()))
    parquet.write_table(screened, snakemake.output[0], SCREEN)
