from pathlib import Path

from job import job, progress, settings
from listing import list_slides, of_shard

from pgdose import records
from pgdose.errors import Rejected
from pgdose.plots import sheets, style
from pgdose.sources import slides

SIDE = 1200  # pixels of the longer side

with job(snakemake) as log:
    wanted, root = settings(snakemake.params), Path(snakemake.params.root)
    listed, _, _ = list_slides(snakemake, wanted["columns"])
    columns = ["parent", "class", "x", "y"]
    taken = records.read_table(snakemake.input.records, columns)
    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True)
    for row in progress(of_shard(listed, snakemake), log, "slides"):
        try:
            found = slides.look(row, root, wanted)
            small = slides.picture(Path(row["path"]), found.bounds, SIDE)
        except Rejected as r:
            log.info("%s: no picture, %s", row["record_id"], r.reason)
            continue
        figure = sheets.slide(
            small.pixels,
            cell=small.cell,
            corner=found.bounds[:2],
            tissue=found.tissue.cells.rings(),
            ink=found.tissue.ink.rings(),
            outlines={name: area.rings() for name, area in found.outlines.areas.items()},
            tiles=taken[taken["parent"] == row["record_id"]],
            extent=found.grid.extent,
            classes=[*wanted["classes"], wanted["rest"]],
            title=row["record_id"],
        )
        style.save(figure, folder / f"{row['record_id']}.png")
