from pathlib import Path

from job import job, settings

from pgdose.errors import Rejected
from pgdose.histology import overview, slide_table, survey
from pgdose.plots import sheets, style
from pgdose.progress import log_progress
from pgdose.tables import keyed, parquet, source_files

SIDE = 1200  # pixels of the longer side


def small(path):
    found = overview.thumbnail(path, SIDE)
    return {"pixels": found.pixels, "cell": found.cell, "corner": (found.left, found.top)}


def draw(row, root, wanted, taken):
    """A slide with all that is known of it; of one that was rejected the slide alone, and why."""
    try:
        found = survey.survey_row(row, root, wanted)
    except Rejected as r:
        title = f"{row['record_id']}: rejected, {r.reason}"
        return sheets.slide(
            **small(source_files.inside(root, row["slide"])), tiles=taken, title=title
        )
    return sheets.slide(
        **small(source_files.inside(root, row["slide"])),
        tissue=found.tissue.region.contours(),
        ink=found.tissue.ink.contours(),
        outlines={name: region.contours() for name, region in found.outlines.regions.items()},
        tiles=taken,
        extent=found.grid.extent,
        classes=[*wanted["classes"], wanted["rest"]],
        title=row["record_id"],
    )


with job(snakemake) as log:
    params, root = snakemake.params, Path(snakemake.params.root)
    wanted = settings(params)
    slides = slide_table.read_slide_list(
        Path(snakemake.input.table),
        wanted["columns"],
        root,
        key=keyed.load_key(Path(params.key), params.key_seed),
        source=snakemake.wildcards.source,
        patients=params.patients,
    )
    shard = slides.shard(int(snakemake.wildcards.shard), params.shards)
    columns = ["parent", "class", "x", "y"]
    taken = parquet.read_table(snakemake.input.records, columns)
    folder = Path(snakemake.output[0])
    folder.mkdir(parents=True)
    for row in log_progress(shard, log, "slides"):
        try:
            figure = draw(row, root, wanted, taken[taken["parent"] == row["record_id"]])
        except Rejected as r:  # it cannot be opened
            log.info("%s: no picture, %s", row["record_id"], r.reason)
            continue
        style.save(figure, folder / f"{row['record_id']}.png")
