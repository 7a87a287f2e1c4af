import numpy as np
from job import job

from pgdose.errors import Rejected
from pgdose.images import rendering
from pgdose.plots import sheets, style
from pgdose.tables import keyed, parquet, private_paths
from pgdose.xray.source_images import read_source_image

EACH, SIDE = 10, 192  # images of a reason; pixels

with job(snakemake) as log:
    params = snakemake.params
    found = parquet.read_table(snakemake.input.rejects)
    found = found[found["stage"] == "screen"]
    found = found.assign(draw=keyed.draw(params.seed, "rejects sheet", found["record_id"]))
    shown = found.sort_values(["reason", "draw"]).groupby("reason").head(EACH)
    paths = private_paths.read_paths(snakemake.input.paths, shown["record_id"])
    pixels, captions = [], []
    for record_id, reason in zip(shown["record_id"], shown["reason"], strict=True):
        try:
            film = read_source_image(paths[record_id], params.kind, params.modality)
            pixels.append(rendering.resize(film.pixels, SIDE))
        except Rejected:  # no pixels to show; the reason says so
            pixels.append(np.full((SIDE, SIDE), 230, np.uint8))
        captions.append(f"{reason}\n{record_id}")
    style.save(sheets.contact_sheet(pixels, captions), snakemake.output[0])
