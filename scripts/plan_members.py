import pandas as pd
from job import job, settings

from pgdose.cohort import membership, selection, splitting
from pgdose.tables import parquet
from pgdose.tables.cohort_schemas import MEMBERS
from pgdose.tables.rejects import REJECTS
from pgdose.xray import aorta_boxes

COLUMNS = ["record_id", "patient", "source", "class", "age", "sex", "view", "store", "row"]

with job(snakemake) as log:
    params, group, given = snakemake.params, snakemake.wildcards.group, snakemake.input
    classes, image = settings(params, "classes"), settings(params, "image")
    labels = {entry["where"]["label"] for entry in classes.values()} - {None}
    columns = [*COLUMNS, *(f"label_{name}" for name in sorted(labels))]
    table = parquet.read_tables(given.records, columns)
    found = selection.candidates(table, classes)
    screened = parquet.read_tables(given.screens).set_index("record_id")
    left_out = pd.DataFrame(columns=["record_id", "reason"])
    if given.exclude:
        left_out = pd.read_csv(given.exclude, dtype="str")
        selection.check_exclusions(left_out, group)
    boxes = aorta_boxes.read_boxes(given.boxes) if given.boxes else None
    for name, ids in (
        ("exclude", left_out["record_id"]),
        ("boxes", [] if boxes is None else boxes.index),
    ):
        known = int(pd.Index(ids).isin(table["record_id"]).sum())
        if known < len(ids):
            log.warning(
                "%s: %d of %d ids in %s are no records", group, len(ids) - known, len(ids), name
            )
    found = selection.fitness(
        found,
        screened,
        parquet.read_tables(given.rejects, ["record_id"])["record_id"],
        dicom=settings(params, "dicom"),
        window=image["window"],
        crop=image["crop"],
        least_confidence=image.get("least_confidence", 0.0),
        boxes=boxes,
        excluded=left_out["record_id"],
    )
    members = membership.members(
        found,
        classes,
        group=group,
        balance=settings(params, "balance"),
        training=params.training,
        seed=params.seed,
        augment=settings(params, "augment"),
    )
    splitting.check_parts(members, screened["pixel_hash"], group)
    if not params.tiled:
        members = membership.place(members, group, params.shards)

    own = found[~found["usable"] & found["reason"].ne("rejected")].assign(stage="group")
    for reason, count in own["reason"].value_counts().items():
        log.info("%s: %s %d", group, reason, count)
    log.info("%s:\n%s", group, members.groupby(["class", "part"]).size().unstack().to_string())
    off = splitting.imbalance(members, params.training)
    if off["off"].max() > splitting.TOLERANCE:
        log.warning(
            "%s: patients with several images keep the parts from the proportions asked for:\n%s",
            *(group, off[off["off"] > splitting.TOLERANCE].to_string()),
        )
    parquet.write_table(members, snakemake.output.planned, MEMBERS)
    parquet.write_table(own, snakemake.output.left_out, REJECTS)
