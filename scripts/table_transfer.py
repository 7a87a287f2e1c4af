import pandas as pd
from job import job, settings

from pgdose.analysis import transfer
from pgdose.tables import parquet, result_csv

with job(snakemake):
    params, tables = snakemake.params, []
    of_groups = dict(zip(settings(params, "groups"), snakemake.input.members, strict=True))
    members = {g: parquet.read_table(path).set_index("member") for g, path in of_groups.items()}
    for (group, run, attack), path in zip(
        settings(params, "transfers"), snakemake.input.transfers, strict=True
    ):
        seen = parquet.read_table(path)
        table = transfer.transfer(seen, run, members[group], params.draws, params.seed)
        where = {"group": group, "attack": attack, "run": run}
        where["iteration"] = int(parquet.read_metadata(path)["iteration"])
        tables.append(table.assign(**where)[[*where, *table.columns]])
    result_csv.write_csv(pd.concat(tables, ignore_index=True), snakemake.output[0])
