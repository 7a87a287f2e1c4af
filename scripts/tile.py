import time

import pandas as pd
from job import job

from pgdose.errors import Rejected
from pgdose.histology import fields, slides
from pgdose.images import stores
from pgdose.progress import log_progress
from pgdose.tables import parquet, private_paths, result_csv, source_files
from pgdose.tables.screening_schemas import SCREEN


def read(file, positions, put, params, threads):
    """Put the tiles of one field or slide into the store; {number: Rejected} of those that fail."""
    try:
        path = source_files.unchanged(file)
        if params.kind == "slides":
            return slides.read_tiles(path, positions, params.tile, put, threads)
        for number, tile in enumerate(fields.read_tiles(path, positions, params.tile, params.bits)):
            put(number, tile)
    except Rejected as r:
        return dict.fromkeys(range(len(positions)), r)
    return {}


with job(snakemake) as log:
    params, shard = snakemake.params, snakemake.wildcards.shard
    table = parquet.read_table(snakemake.input.records)
    store = f"sources/{snakemake.wildcards.source}/tiles/{shard}.npy"
    table = table[table["store"] == store].sort_values("row")
    paths = private_paths.read_paths(snakemake.input.paths, table["parent"].unique())
    screened, seconds = [], []
    with stores.new_store(snakemake.output.tiles, len(table), params.tile, 3) as tiles:
        for parent, positions in log_progress(table.groupby("parent", sort=False), log, "parents"):
            start = time.perf_counter()
            rows, sums = positions["row"].tolist(), {}

            def put(number, tile, rows=rows, sums=sums):
                sums[number] = tiles.put(rows[number], tile)

            failed = read(paths[parent], positions, put, params, snakemake.threads)
            for number, record_id in enumerate(positions["record_id"]):
                row = {"record_id": record_id, "usable": number not in failed}
                if number in failed:
                    row |= {"reason": failed[number].reason, "detail": failed[number].detail}
                else:
                    row["pixel_hash"] = sums[number]
                screened.append(row)
            seconds.append((parent, round(time.perf_counter() - start, 3)))
    found = pd.DataFrame(screened, columns=SCREEN.names)
    log.info("%d tiles, %d usable", len(found), int(found["usable"].sum()))
    parquet.write_table(found, snakemake.output.screen, SCREEN)
    timed = pd.DataFrame(seconds, columns=["record_id", "seconds"])
    result_csv.write_csv(timed, snakemake.output.seconds)
