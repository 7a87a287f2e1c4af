from job import job

from pgdose import records
from pgdose.analysis import tables

with job(snakemake):
    given = snakemake.input
    found = tables.slides(
        records.read_tables(given.slides),
        records.read_candidates(given.candidates, ["parent", "class"]),
        records.read_table(given.records, ["record_id", "parent", "class"]),
        records.read_tables(given.screens, ["record_id", "usable"]),
        snakemake.params.classes,
    )
    records.write_csv(found, snakemake.output[0])
