from job import job

from pgdose.cohort import settling
from pgdose.tables import parquet, source_index
from pgdose.tables.cohort_schemas import MEMBERS, MISSING
from pgdose.tables.rejects import REJECTS

with job(snakemake) as log:
    group = snakemake.wildcards.group
    planned = parquet.read_table(snakemake.input.planned)
    missing = parquet.read_tables(snakemake.input.missing, MISSING.names)
    lost = settling.unreadable(planned, missing)
    parquet.write_table(lost, snakemake.output.unreadable, REJECTS)
    members = settling.settle(planned, missing, group)
    log.info("%s: %d members, %d could not be read", group, len(members), len(missing))
    made_with = source_index.key_of_group([snakemake.input.planned], group)
    parquet.write_table(members, snakemake.output.members, MEMBERS, made_with)
