import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.analysis import quality

with job(snakemake) as log:
    params, given = snakemake.params, snakemake.input
    found = {"calibration": [], "confusion": [], "checks": []}
    for group, members, clean in zip(
        settings(params, "groups"), given.members, given.clean, strict=True
    ):
        seen = records.read_table(members), records.read_table(clean)
        how = quality.quality(*seen, draws=params.draws, seed=params.seed)
        by_batches = records.read_metadata(clean).get("accuracy_by_batches")
        checks = quality.checks(*seen, how, None if by_batches is None else float(by_batches))
        for check in checks:
            if check["verdict"] == "failed":
                log.warning("%s: %s: %s", group, check["check"], check["says"])
        found["checks"].append(pd.DataFrame(checks).assign(group=group, run="full", attack="all"))
        curve = quality.calibration(*seen, draws=params.draws, seed=params.seed)
        for name, table in (("calibration", curve), ("confusion", quality.confusion(*seen))):
            table.insert(0, "group", group)
            found[name].append(table)
    for name, tables in found.items():
        records.write_csv(pd.concat(tables), snakemake.output[name])
