from job import job, settings

from pgdose import records
from pgdose.analysis import tables

with job(snakemake):
    counted = [
        tables.source_counts(source, records.read_table(table), records.read_table(rejects))
        for source, table, rejects in zip(
            settings(snakemake.params, "sources"),
            snakemake.input.records,
            snakemake.input.rejects,
            strict=True,
        )
    ]
    records.write_csv(tables.all_sources(counted), snakemake.output[0])
