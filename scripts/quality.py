import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.analysis import quality

with job(snakemake):
    params, given = snakemake.params, snakemake.input
    found = {"calibration": [], "confusion": []}
    for group, members, clean in zip(
        settings(params, "groups"), given.members, given.clean, strict=True
    ):
        seen = records.read_table(members), records.read_table(clean)
        curve = quality.calibration(*seen, draws=params.draws, seed=params.seed)
        for name, table in (("calibration", curve), ("confusion", quality.confusion(*seen))):
            table.insert(0, "group", group)
            found[name].append(table)
    for name, tables in found.items():
        records.write_csv(pd.concat(tables), snakemake.output[name])
