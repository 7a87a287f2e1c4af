from pathlib import Path

from job import job

import numpy as np

from pgdose.plots import sheet_samples, sheets, style
from pgdose.tables import parquet

with job(snakemake):
    columns = ["record_id", "class", "store", "row"]
    tiles = parquet.read_table(snakemake.input.records, columns)
    screened = parquet.read_tables(snakemake.input.screens, ["record_id", "usable"])
    sample = sheet_samples.sample_tiles(tiles, screened, snakemake.params.seed)
    results = Path(snakemake.params.results)
    stores = {name: np.load(results / name, mmap_mode="r") for name in sample["store"].unique()}
    pixels = [stores[name][row] for name, row in zip(sample["store"], sample["row"], strict=True)]
    captions = sheet_samples.captions(sample, "class")
    style.save(sheets.contact_sheet(pixels, captions), snakemake.output[0])
