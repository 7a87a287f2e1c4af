from job import job, settings

from pgdose import images, records
from pgdose.plots import sheets, style

PER_CLASS = 20

with job(snakemake):
    members = images.load_members(
        snakemake.input.members,
        snakemake.input.missing,
        snakemake.params.results,
        **settings(snakemake.params, "shape"),
    )
    originals = members.table[members.table["copy"] == 0]
    order = records.draw(snakemake.params.seed, "contact sheet", originals["record_id"])
    shown = originals.assign(draw=order).sort_values("draw")
    shown = shown.groupby("class_index").head(PER_CLASS).sort_values(["class_index", "draw"])
    pixels = members.read(shown.index)
    pixels = pixels[:, 0] if members.channels == 1 else pixels.transpose(0, 2, 3, 1)
    captions = (shown["class"] + "\n" + shown["record_id"]).tolist()
    style.save(sheets.contact_sheet(list(pixels), captions), snakemake.output[0])
