import pandas as pd
from job import job, settings

from pgdose import cohort, images, records

with job(snakemake) as log:
    params, group = snakemake.params, snakemake.wildcards.group
    table = records.read_tables(snakemake.input.records)
    screened = records.read_tables(snakemake.input.screens)
    rejected = records.read_tables(snakemake.input.rejects)["record_id"]
    usable = table[table["record_id"].isin(screened["record_id"])]
    usable = usable[~usable["record_id"].isin(rejected)]
    if params.crop == "aorta":
        sure = screened[screened["aorta_confidence"] >= images.LEAST_CONFIDENCE]
        doubtful = ~usable["record_id"].isin(sure["record_id"])
        log.info("%s: aorta not found with confidence in %d images", group, doubtful.sum())
        usable = usable[~doubtful]
    if snakemake.input.exclude:
        left_out = pd.read_csv(snakemake.input.exclude, dtype="str")
        cohort.check_exclusions(left_out, snakemake.input.exclude, group)
        matched = usable["record_id"].isin(left_out["record_id"])
        log.info("%s: %d of %d exclusions met a record", group, matched.sum(), len(left_out))
        usable = usable[~matched]
    members = cohort.members(
        usable,
        settings(params, "classes"),
        group=group,
        balance=settings(params, "balance"),
        training=params.training,
        seed=params.seed,
    )
    if not params.tiled:
        members = cohort.place(members, group, params.shards)
    log.info("%s:\n%s", group, members.groupby(["class", "part"]).size().unstack().to_string())
    records.write_table(members, snakemake.output[0], records.MEMBERS)
