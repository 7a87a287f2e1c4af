from job import job

from pgdose.analysis.slide_outcomes import slide_outcomes
from pgdose.tables import parquet, rejects, result_csv, slide_schemas

with job(snakemake):
    inputs = snakemake.input
    of_index = parquet.read_table(inputs.index_rejects).itertuples(index=False)
    table = slide_outcomes(
        rejects.with_rejects(parquet.read_tables(inputs.slides), of_index),
        slide_schemas.read_candidates(inputs.candidates, ["parent", "class"]),
        parquet.read_table(inputs.records, ["record_id", "parent", "class"]),
        parquet.read_tables(inputs.screens, ["record_id", "usable"]),
        snakemake.params.classes,
    )
    result_csv.write_csv(table, snakemake.output[0])
