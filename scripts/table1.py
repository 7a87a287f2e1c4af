import pandas as pd
from job import job, settings

from pgdose.analysis import tables
from pgdose.tables import parquet, result_csv

with job(snakemake):
    params = snakemake.params
    draw = {"draws": params.draws, "seed": params.seed}
    groups = settings(params, "groups")
    rows, counts = [], []
    for (group, known), path, clean in zip(
        groups.items(), snakemake.input.members, snakemake.input.clean, strict=True
    ):
        members = parquet.read_table(path)
        rows.append(tables.table1_row(group, members, parquet.read_table(clean), **known, **draw))
        counts.append(tables.class_counts(group, members))
    result_csv.write_csv(pd.DataFrame(rows), snakemake.output.table1)
    result_csv.write_csv(pd.concat(counts), snakemake.output.class_counts)
