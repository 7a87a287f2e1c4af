import pandas as pd
from job import job, settings

from pgdose import images, records, screen
from pgdose.errors import Rejected

with job(snakemake) as log:
    params, group = snakemake.params, snakemake.wildcards.group
    shape, kinds = settings(params, "shape"), settings(params, "kinds")
    members = records.read_table(snakemake.input.members)
    rows = records.shard_rows(len(members), int(snakemake.wildcards.shard), params.shards)
    members = members.iloc[rows]
    paths = pd.concat(
        records.read_table(path).assign(kind=kinds[source])
        for source, path in zip(kinds, snakemake.input.paths, strict=True)
    ).set_index("record_id")
    screened = records.read_tables(snakemake.input.screens).set_index("record_id")
    modality = "xray" if shape["channels"] == 1 else "other"
    failed = []
    with images.new_store(
        snakemake.output.images, len(members), shape["size"], shape["channels"]
    ) as store:
        for record_id, copies in members.groupby("record_id", sort=False):
            try:
                whole = screen.read(*paths.loc[record_id, ["path", "kind"]], modality)
            except Rejected as r:
                failed += [(member, r.reason, r.detail) for member in copies["member"]]
                continue
            for row, copy in zip(copies["row"], copies["copy"], strict=True):
                store[row] = images.render(
                    whole,
                    shape["size"],
                    window=screened.loc[record_id] if params.crop == "aorta" else None,
                    rng=records.generator(params.seed, f"copy {copy}", record_id) if copy else None,
                )
    log.info("%s: %d images, %d could not be read", group, len(members), len(failed))
    table = pd.DataFrame(failed, columns=["member", "reason", "detail"])
    records.write_table(table, snakemake.output.missing, records.MISSING)
