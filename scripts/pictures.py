from functools import partial

from job import job, settings

from pgdose.plots import examples, style
from pgdose.tables import result_csv

with job(snakemake):
    groups = settings(snakemake.params, "groups")
    classes = settings(snakemake.params, "classes")
    table = examples.with_class_titles(result_csv.read_csv(snakemake.input.table), classes)
    images = examples.load_images(snakemake.input.images, len(table))
    draw = {
        "fig1": examples.adversarial_examples,
        "fig2": partial(examples.flips, epsilon=snakemake.params.epsilon),
    }
    for figure, files in style.files_of_figures(snakemake.output).items():
        style.save(draw[figure.name](images, table, groups), *files.values())
