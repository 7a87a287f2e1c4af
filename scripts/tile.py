import pandas as pd
from job import job

from pgdose import images, records
from pgdose.errors import Rejected
from pgdose.screen import pixel_hash
from pgdose.sources import fields, slides

with job(snakemake) as log:
    side = snakemake.params.tile
    read_tiles = {"microscope_fields": fields, "slides": slides}[snakemake.params.kind].read_tiles
    table = records.read_table(snakemake.input.records)
    store = f"sources/{snakemake.wildcards.source}/tiles/{snakemake.wildcards.shard}.npy"
    table = table[table["store"] == store].sort_values("row")
    paths = records.read_table(snakemake.input.paths).set_index("record_id")["path"]
    screened = []
    with images.new_store(snakemake.output.tiles, len(table), side, 3) as tiles:
        for parent, positions in table.groupby("parent", sort=False):
            try:
                read = read_tiles(paths[parent], positions, side)
            except Rejected as r:
                failed = {"usable": False, "reason": r.reason, "detail": r.detail}
                screened += [{"record_id": i, **failed} for i in positions["record_id"]]
                continue
            for record_id, row, tile in zip(
                positions["record_id"], positions["row"], read, strict=True
            ):
                tiles[row] = tile
                screened.append(
                    {"record_id": record_id, "usable": True, "pixel_hash": pixel_hash(tile)}
                )
    found = pd.DataFrame(screened, columns=records.SCREEN.names)
    log.info("%d tiles, %d usable", len(found), int(found["usable"].sum()))
    records.write_table(found, snakemake.output.screen, records.SCREEN)
