from job import job, settings

from pgdose import records
from pgdose.analysis import tables

with job(snakemake):
    screens = settings(snakemake.params, "screens")
    counted = [
        tables.source_counts(
            source,
            records.read_table(table),
            sum(len(records.read_table(path)) for path in screens[source]),
            records.read_table(rejects),
        )
        for source, table, rejects in zip(
            screens,
            snakemake.input.records,
            snakemake.input.rejects,
            strict=True,
        )
    ]
    records.write_csv(tables.all_sources(counted), snakemake.output[0])
