from pathlib import Path

from job import job, settings
from listing import list_slides, of_shard

from pgdose.errors import Rejected
from pgdose.histology import slides
from pgdose.plots import sheets, style
from pgdose.progress import log_progress
from pgdose.tables import parquet, source_files

SIDE = 1200  # pixels of the longer side


def small(path):
    found = slides.picture(path, SIDE)
    return {"pixels": found.pixels, "cell": found.cell, "corner": (found.left, found.top)}


def draw(row, root, wanted, taken):
    """A slide with all that is known of it; of one that was rejected the slide alone, and why."""
    try:
        found = slides.look(row, root, wanted)
    except Rejected as r:
        title = f"{row['record_id']}: rejected, {r.reason}"
        return sheets.slide(
            **small(source_files.inside(root, row["slide"])), tiles=taken, title=title
        )
    return sheets.slide(
        **small(source_files.inside(root, row["slide"])),
        tissue=found.tissue.cells.rings(),
        ink=found.tissue.ink.rings(),
        outlines={name: area.rings() for name, area in found.outlines.areas.items()},
        tiles=taken,
        extent=found.grid.extent,
        classes=[*wanted["classes"], wanted["rest"]],
        title=row["record_id"],
    )


with job(snakemake) as log:
    wanted, root = settings(snakemake.params), Path(snakemake.params.root)
    listed, _, _ = list_slides(snakemake, wanted["columns"])
    columns = ["parent", "class", "x", "y"]
    taken = parquet.read_table(snakemake.input.records, columns)
    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True)
    for row in log_progress(of_shard(listed, snakemake), log, "slides"):
        try:
            figure = draw(row, root, wanted, taken[taken["parent"] == row["record_id"]])
        except Rejected as r:  # it cannot be opened
            log.info("%s: no picture, %s", row["record_id"], r.reason)
            continue
        style.save(figure, folder / f"{row['record_id']}.png")
