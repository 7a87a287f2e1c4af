from pathlib import Path

from job import job, settings

from pgdose_phantom.fields import FieldAmounts, write_fields

with job(snakemake):
    write_fields(
        Path(snakemake.params.root),
        Path(snakemake.output.table),
        Path(snakemake.output.truth),
        seed=snakemake.params.seed,
        amounts=FieldAmounts(**settings(snakemake.params, "amounts")),
    )
