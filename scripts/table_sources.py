from job import job, settings

from pgdose.analysis import result_files, source_counts
from pgdose.tables import parquet

with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    screens = settings(params, "screens")
    conflicts = dict(zip(settings(params, "reported"), inputs.conflicts, strict=True))
    counts = [
        source_counts.source_counts(
            source,
            parquet.read_table(records),
            sum(len(parquet.read_table(path)) for path in screens[source]),
            parquet.read_table(rejects),
            parquet.read_table(conflicts[source]) if source in conflicts else None,
        )
        for source, records, rejects in zip(screens, inputs.records, inputs.rejects, strict=True)
    ]
    table = source_counts.all_sources(counts)
    for columns in settings(params, "columns").values():
        result_files.write_result_table(table, snakemake.output[0], columns)
