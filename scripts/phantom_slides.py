from pathlib import Path

from job import job, settings

from pgdose_phantom.slides import SlideAmounts, write_slides

with job(snakemake):
    write_slides(
        Path(snakemake.params.root),
        Path(snakemake.output.table),
        Path(snakemake.output.truth),
        seed=snakemake.params.seed,
        amounts=SlideAmounts(**settings(snakemake.params, "amounts")),
    )
