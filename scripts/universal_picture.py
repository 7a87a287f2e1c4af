from job import job

from pgdose.plots import style, universal

with job(snakemake):
    wildcards = snakemake.wildcards
    perturbations = universal.load_perturbations(snakemake.input[0])
    figure = universal.perturbations_sheet(perturbations, f"{wildcards.group}/{wildcards.run}")
    style.save(figure, snakemake.output[0])
