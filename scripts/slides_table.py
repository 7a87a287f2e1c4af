from job import job

from pgdose.analysis.slide_outcomes import slide_outcomes
from pgdose.tables import parquet, result_csv, slide_schemas

with job(snakemake):
    inputs = snakemake.input
    table = slide_outcomes(
        parquet.read_tables(inputs.slides),
        slide_schemas.read_candidates(inputs.candidates, ["parent", "class"]),
        parquet.read_table(inputs.records, ["record_id", "parent", "class"]),
        parquet.read_tables(inputs.screens, ["record_id", "usable"]),
        snakemake.params.classes,
    )
    result_csv.write_csv(table, snakemake.output[0])
