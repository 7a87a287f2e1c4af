from job import job, settings

from pgdose.analysis import tables
from pgdose.tables import parquet, result_csv

with job(snakemake):
    screens = settings(snakemake.params, "screens")
    conflicts = dict(
        zip(settings(snakemake.params, "reported"), snakemake.input.conflicts, strict=True)
    )
    counted = [
        tables.source_counts(
            source,
            parquet.read_table(table),
            sum(len(parquet.read_table(path)) for path in screens[source]),
            parquet.read_table(rejects),
            parquet.read_table(conflicts[source]) if source in conflicts else None,
        )
        for source, table, rejects in zip(
            screens,
            snakemake.input.records,
            snakemake.input.rejects,
            strict=True,
        )
    ]
    result_csv.write_csv(tables.all_sources(counted), snakemake.output[0])
