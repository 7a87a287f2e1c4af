import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.analysis import tables

with job(snakemake):
    groups, missing = settings(snakemake.params, "groups"), settings(snakemake.params, "missing")
    rows, counts = [], []
    for (group, known), members, clean in zip(
        groups.items(), snakemake.input.members, snakemake.input.clean, strict=True
    ):
        table = records.read_table(members)
        for path in missing[group]:
            table = table[~table["member"].isin(records.read_table(path)["member"])]
        rows.append(tables.table1_row(group, table, records.read_table(clean), **known))
        counts.append(tables.class_counts(group, table))
    records.write_csv(pd.DataFrame(rows), snakemake.output.table1)
    records.write_csv(pd.concat(counts), snakemake.output.class_counts)
