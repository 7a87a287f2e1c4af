import time

import pandas as pd
from job import job, progress

from pgdose import images, records
from pgdose.errors import Rejected
from pgdose.sources import fields, files, slides


def read(file, positions, put, params, threads):
    """Put the tiles of one field or slide into the store; {number: Rejected} of those that fail."""
    try:
        path = files.unchanged(file)
        if params.kind == "slides":
            return slides.read_tiles(path, positions, params.tile, put, threads)
        for number, tile in enumerate(fields.read_tiles(path, positions, params.tile, params.bits)):
            put(number, tile)
    except Rejected as r:
        return dict.fromkeys(range(len(positions)), r)
    return {}


with job(snakemake) as log:
    params, shard = snakemake.params, snakemake.wildcards.shard
    table = records.read_table(snakemake.input.records)
    store = f"sources/{snakemake.wildcards.source}/tiles/{shard}.npy"
    table = table[table["store"] == store].sort_values("row")
    paths = records.read_paths(snakemake.input.paths, table["parent"].unique())
    screened, seconds = [], []
    with images.new_store(snakemake.output.tiles, len(table), params.tile, 3) as tiles:
        for parent, positions in progress(table.groupby("parent", sort=False), log, "parents"):
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
    found = pd.DataFrame(screened, columns=records.SCREEN.names)
    log.info("%d tiles, %d usable", len(found), int(found["usable"].sum()))
    records.write_table(found, snakemake.output.screen, records.SCREEN)
    timed = pd.DataFrame(seconds, columns=["record_id", "seconds"])
    records.write_csv(timed, snakemake.output.seconds)
