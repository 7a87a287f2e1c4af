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
    view = slides.picture(path, SIDE)
    return sheets.SlidePicture(view.pixels, view.cell, (view.left, view.top))


def draw(row, root, source, tiles):
    """A slide with its contours and tiles; of a rejected slide its picture alone, and why."""
    picture = small(source_files.inside(root, row["slide"]))
    try:
        survey = slides.look(row, root, source)
    except Rejected as r:
        title = f"{row['record_id']}: rejected, {r.reason}"
        return sheets.slide_sheet(picture, title, tiles)
    contours = sheets.Contours(
        tissue=survey.tissue.cells.rings(),
        ink=survey.tissue.ink.rings(),
        outlines={name: area.rings() for name, area in survey.outlines.areas.items()},
    )
    return sheets.slide_sheet(
        picture,
        row["record_id"],
        tiles,
        contours=contours,
        extent=survey.grid.extent,
        classes=[*source["classes"], source["rest"]],
    )


with job(snakemake) as log:
    source, root = settings(snakemake.params), Path(snakemake.params.root)
    listed, _, _ = list_slides(snakemake, source["columns"])
    tiles = parquet.read_table(snakemake.input.records, ["parent", "class", "x", "y"])
    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True)
    for row in log_progress(of_shard(listed, snakemake), log, "slides"):
        try:
            figure = draw(row, root, source, tiles[tiles["parent"] == row["record_id"]])
        except Rejected as r:  # it cannot be opened
            log.info("%s: no picture, %s", row["record_id"], r.reason)
            continue
        style.save(figure, folder / f"{row['record_id']}.png")
