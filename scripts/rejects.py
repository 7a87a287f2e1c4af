from job import job

from pgdose.tables import parquet
from pgdose.tables.rejects import REJECTS
from pgdose.xray.source_rejects import reject_all

with job(snakemake) as log:
    records = parquet.read_table(snakemake.input.records, ["record_id", "instance"])
    rejects = reject_all(
        parquet.read_table(snakemake.input.index),
        parquet.read_tables(snakemake.input.screens),
        instances=records.set_index("record_id")["instance"],
    )
    for reason, count in rejects["reason"].value_counts().items():
        log.info("%s: %s %d", snakemake.wildcards.source, reason, count)
    parquet.write_table(rejects, snakemake.output[0], REJECTS)
