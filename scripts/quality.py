import pandas as pd
from job import job, settings

from pgdose.analysis import quality
from pgdose.tables import parquet, result_csv

with job(snakemake) as log:
    params, given = snakemake.params, snakemake.input
    groups, rows = settings(params, "groups"), []
    found = {"calibration": [], "confusion": [], "network_checks": []}
    own = dict(zip(groups, given.members, strict=True))
    runs = [(group, run, kind) for group in groups for run, kind in groups[group].items()]
    for (group, run, kind), clean in zip(runs, given.clean, strict=True):
        seen = parquet.read_table(own[group]), parquet.read_table(clean)
        drawn = {"draws": params.draws, "seed": params.seed}
        how = quality.quality(*seen, **drawn)
        by_batches = parquet.read_metadata(clean).get("accuracy_by_batches")
        checks = quality.checks(*seen, how, None if by_batches is None else float(by_batches))
        for check in checks:
            if check["verdict"] == "failed":
                log.warning("%s/%s: %s: %s", group, run, check["check"], check["says"])
        of_what = {"group": group, "run": run}
        rows.append({**of_what, "network": kind, "n_images": len(seen[1]), **how})
        for name, table in (
            ("calibration", quality.calibration(*seen, **drawn)),
            ("confusion", quality.confusion(*seen, **drawn)),
            ("network_checks", pd.DataFrame(checks)),
        ):
            found[name].append(table.assign(**of_what)[[*of_what, *table.columns]])
    for name, tables in found.items():
        result_csv.write_csv(pd.concat(tables), snakemake.output[name])
    result_csv.write_csv(pd.DataFrame(rows), snakemake.output.networks)
