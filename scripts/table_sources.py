from job import job, settings

from pgdose import records
from pgdose.analysis import tables

with job(snakemake):
    screens = settings(snakemake.params, "screens")
    conflicts = dict(
        zip(settings(snakemake.params, "reported"), snakemake.input.conflicts, strict=True)
    )
    counted = [
        tables.source_counts(
            source,
            records.read_table(table),
            sum(len(records.read_table(path)) for path in screens[source]),
            records.read_table(rejects),
            records.read_table(conflicts[source]) if source in conflicts else None,
        )
        for source, table, rejects in zip(
            screens,
            snakemake.input.records,
            snakemake.input.rejects,
            strict=True,
        )
    ]
    records.write_csv(tables.all_sources(counted), snakemake.output[0])
