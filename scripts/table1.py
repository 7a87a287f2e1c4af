import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.analysis import tables

with job(snakemake):
    params = snakemake.params
    draw = {"draws": params.draws, "seed": params.seed}
    groups, missing = settings(params, "groups"), settings(params, "missing")
    rows, counts = [], []
    for (group, known), path, clean in zip(
        groups.items(), snakemake.input.members, snakemake.input.clean, strict=True
    ):
        members = records.read_members(path, missing[group])
        rows.append(tables.table1_row(group, members, records.read_table(clean), **known, **draw))
        counts.append(tables.class_counts(group, members))
    records.write_csv(pd.DataFrame(rows), snakemake.output.table1)
    records.write_csv(pd.concat(counts), snakemake.output.class_counts)
