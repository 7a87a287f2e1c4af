from job import job, settings

from pgdose.cohort.rendering import by_record, render_members
from pgdose.images.stores import new_store
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, sharding
from pgdose.tables.cohort_schemas import MISSING
from pgdose.xray.source_images import ImageSettings, read_source_image

with job(snakemake) as log:
    params, group = snakemake.params, snakemake.wildcards.group
    fitting = settings(params, "shape")
    channels = fitting.pop("channels")
    sources = {name: ImageSettings(**entry) for name, entry in settings(params, "sources").items()}
    members = parquet.read_table(snakemake.input.planned)
    rows = sharding.shard_rows(len(members), int(snakemake.wildcards.shard), params.shards)
    members = members.iloc[rows]
    files = {
        record_id: (file, sources[source])
        for source, table in zip(sources, snakemake.input.paths, strict=True)
        for record_id, file in private_paths.read_paths(table, members["record_id"]).items()
    }

    def read(record_id):
        return read_source_image(*files[record_id], params.window).pixels

    records = log_progress(by_record(members).items(), log, "images")
    with new_store(snakemake.output.images, len(members), fitting["size"], channels) as store:
        missing = render_members(records, read, store, fitting)
    log.info("%s: %d images, %d could not be read", group, len(members), len(missing))
    parquet.write_table(missing, snakemake.output.missing, MISSING)
