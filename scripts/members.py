from job import job, settings

from pgdose.cohort import rejects_by_class, settling
from pgdose.tables import parquet, source_index
from pgdose.tables.cohort_schemas import MEMBERS, MISSING, REJECTS_BY_CLASS
from pgdose.tables.rejects import LEFT_OUT

with job(snakemake) as log:
    params, group = snakemake.params, snakemake.wildcards.group
    inputs, outputs = snakemake.input, snakemake.output
    planned = parquet.read_table(inputs.planned)
    missing = parquet.read_tables(inputs.missing, MISSING.names)
    lost = settling.unreadable(planned, missing)
    parquet.write_table(lost, outputs.unreadable, LEFT_OUT)
    slides = {s: parquet.read_tables(files) for s, files in settings(params, "slides").items()}
    counts = rejects_by_class.rejects_by_class(
        parquet.read_table(inputs.left_out),
        rejects_by_class.read_eligible(inputs.left_out),
        lost,
        planned,
        rejects_by_class.slide_counts(slides, settings(params, "slide_classes")),
        rejects_by_class.depth_counts(inputs.left_out),
    )
    rejects_by_class.warn_uneven(log, group, counts)
    parquet.write_table(counts, outputs.by_class, REJECTS_BY_CLASS)
    members = settling.settle(planned, missing, group)
    log.info("%s: %d members, %d could not be read", group, len(members), len(missing))
    made_with = source_index.key_of_group([inputs.planned], group)
    parquet.write_table(members, outputs.members, MEMBERS, made_with)
