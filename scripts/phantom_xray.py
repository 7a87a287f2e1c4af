from pathlib import Path

from job import job, settings

from pgdose_phantom.xray import write_archive

with job(snakemake):
    write_archive(
        Path(snakemake.params.root),
        Path(snakemake.output.reports),
        Path(snakemake.output.truth),
        Path(snakemake.output.hand_labels),
        seed=snakemake.params.seed,
        **settings(snakemake.params, "amounts"),
    )
