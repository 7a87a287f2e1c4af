from job import job, settings

from pgdose.analysis import result_files, source_counts
from pgdose.tables import parquet
from pgdose.user_tables import notes

with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    screens = settings(params, "screens")
    conflicts = dict(zip(settings(params, "reported"), inputs.conflicts, strict=True))
    files = zip(screens, inputs.records, inputs.rejects, inputs.repeated, strict=True)
    counts = [
        source_counts.source_counts(
            source,
            parquet.read_table(records),
            parquet.read_tables(screens[source], ["text_regions", "says_burned_in"]),
            parquet.read_table(rejects),
            parquet.read_table(conflicts[source]) if source in conflicts else None,
        )
        | {
            "several_rows": len(parquet.read_table(repeated)),
            "notes": "; ".join(notes.from_metadata(parquet.read_metadata(records))),
        }
        for source, records, rejects, repeated in files
    ]
    table = source_counts.all_sources(counts)
    for columns in settings(params, "columns").values():
        result_files.write_result_table(table, snakemake.output[0], columns)
