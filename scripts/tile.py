from job import job

from pgdose.histology import tiling
from pgdose.histology.tile_placement import store_name
from pgdose.images.stores import new_store
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, result_csv
from pgdose.tables.screening_schemas import SCREEN

with job(snakemake) as log:
    params = snakemake.params
    records = parquet.read_table(snakemake.input.records)
    store = store_name(snakemake.wildcards.source, snakemake.wildcards.shard)
    records = records[records["store"] == store].sort_values("row")
    files = private_paths.read_paths(snakemake.input.paths, records["parent"].unique())
    if params.kind == "slides":
        read = tiling.slide_reader(params.tile, snakemake.threads, params.colour)
    else:
        read = tiling.field_reader(params.tile, params.bits)
    parents = log_progress(records.groupby("parent", sort=False), log, "parents")
    with new_store(snakemake.output.tiles, len(records), params.tile, 3) as tiles:
        screen, seconds = tiling.fill_store(tiles, parents, files, read, params.least_focus)
    log.info("%d tiles, %d usable", len(screen), int(screen["usable"].sum()))
    parquet.write_table(screen, snakemake.output.screen, SCREEN)
    result_csv.write_csv(seconds, snakemake.output.seconds)
