import numpy as np
from job import job, settings

from pgdose.plots import examples, style
from pgdose.tables import result_csv

with job(snakemake):
    groups = settings(snakemake.params, "groups")
    table = result_csv.read_csv(snakemake.input.table)
    with np.load(snakemake.input.images) as file:
        images = [file[f"image{i}"] for i in range(len(table))]
    draw = {"fig1": examples.adversarial_examples, "fig2": examples.flips}
    for path in snakemake.output:
        style.save(draw[path.rsplit("/", 1)[-1].split(".")[0]](images, table, groups), path)
