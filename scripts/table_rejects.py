from job import job, settings

from pgdose.analysis import result_files
from pgdose.cohort import rejects_by_class
from pgdose.tables import parquet

with job(snakemake):
    params = snakemake.params
    tables = map(parquet.read_table, snakemake.input)
    table = rejects_by_class.join_groups(zip(settings(params, "groups"), tables, strict=True))
    for columns in settings(params, "columns").values():
        result_files.write_result_table(table, snakemake.output[0], columns)
