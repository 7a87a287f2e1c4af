from job import job

from pgdose.analysis import tables
from pgdose.tables import parquet, result_csv, slide_schemas

with job(snakemake):
    given = snakemake.input
    found = tables.slides(
        parquet.read_tables(given.slides),
        slide_schemas.read_candidates(given.candidates, ["parent", "class"]),
        parquet.read_table(given.records, ["record_id", "parent", "class"]),
        parquet.read_tables(given.screens, ["record_id", "usable"]),
        snakemake.params.classes,
    )
    result_csv.write_csv(found, snakemake.output[0])
