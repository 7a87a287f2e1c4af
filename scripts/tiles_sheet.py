from pathlib import Path

import numpy as np
from job import job

from pgdose.plots import sheets, style
from pgdose.tables import keyed, parquet

PER_CLASS = 20

with job(snakemake):
    columns = ["record_id", "class", "store", "row"]
    table = parquet.read_table(snakemake.input.records, columns)
    screened = parquet.read_tables(snakemake.input.screens, ["record_id", "usable"])
    usable = screened.loc[screened["usable"].astype(bool), "record_id"]
    table = table[table["record_id"].isin(usable)]
    order = keyed.draw(snakemake.params.seed, "tiles sheet", table["record_id"])
    shown = table.assign(draw=order).sort_values(["class", "draw"]).groupby("class").head(PER_CLASS)
    results = Path(snakemake.params.results)
    stores = {name: np.load(results / name, mmap_mode="r") for name in shown["store"].unique()}
    pixels = [stores[name][row] for name, row in zip(shown["store"], shown["row"], strict=True)]
    captions = (shown["class"] + "\n" + shown["record_id"]).tolist()
    style.save(sheets.contact_sheet(pixels, captions), snakemake.output[0])
