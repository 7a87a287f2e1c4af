from pathlib import Path

from job import job, settings

from pgdose.errors import Rejected
from pgdose.histology import survey
from pgdose.histology.slides import folders as folder_slides
from pgdose.histology.slides import overview, slide_table
from pgdose.plots import sheets, style
from pgdose.progress import log_progress
from pgdose.tables import keyed, parquet, site_key

SIDE = 1200  # pixels of the longer side


def draw(row, folders, source, tiles):
    """A slide with its contours and tiles; of a rejected slide its picture alone, and why."""
    path = folder_slides.slide_file(folders.slides, row["slide"])
    small = overview.thumbnail(path, SIDE, source["colour"])
    picture = sheets.SlidePicture(small.pixels, small.cell, (small.left, small.top))
    try:
        surveyed = survey.survey_row(row, folders, source)
    except Rejected as r:
        title = f"{row['record_id']}: rejected, {r.reason}"
        return sheets.slide_sheet(picture, title, tiles)
    contours = sheets.Contours(
        tissue=surveyed.tissue.region.contours(),
        ink=surveyed.tissue.ink.contours(),
        outlines={name: area.contours() for name, area in surveyed.outlines.regions.items()},
    )
    return sheets.slide_sheet(
        picture,
        row["record_id"],
        tiles,
        contours=contours,
        extent=surveyed.grid.extent,
        classes=[*source["classes"], source["rest"]],
    )


with job(snakemake) as log:
    params = snakemake.params
    folders = slide_table.slide_folders(params.root, params.outlines_root)
    source = settings(params)
    key = site_key.load_key(Path(params.key), params.key_seed)
    slides = slide_table.read_slide_list(
        Path(snakemake.input.table),
        source,
        folders,
        keyed.SourceIds(key, snakemake.wildcards.source, params.patients),
    )
    shard = slides.shard(int(snakemake.wildcards.shard), params.shards)
    tiles = parquet.read_table(snakemake.input.records, ["parent", "class", "x", "y"])
    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True)
    for row in log_progress(shard, log, "slides"):
        try:
            figure = draw(row, folders, source, tiles[tiles["parent"] == row["record_id"]])
        except Rejected as r:  # it cannot be opened
            log.info("%s: no picture, %s", row["record_id"], r.reason)
            continue
        style.save(figure, folder / f"{row['record_id']}.png")
