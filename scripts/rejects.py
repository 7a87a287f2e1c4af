from job import job

from pgdose.tables import parquet
from pgdose.tables.rejects import REJECTS
from pgdose.xray import screening

with job(snakemake) as log:
    index = parquet.read_table(snakemake.input.index)
    screened = parquet.read_tables(snakemake.input.screens)
    instances = parquet.read_table(snakemake.input.records, ["record_id", "instance"])
    found = screening.rejects(index, screened, instances.set_index("record_id")["instance"])
    for reason, count in found["reason"].value_counts().items():
        log.info("%s: %s %d", snakemake.wildcards.source, reason, count)
    parquet.write_table(found, snakemake.output[0], REJECTS)
