from job import job, settings

from pgdose.cohort import (
    eligibility,
    equal_images,
    exclusions,
    logs,
    near_duplicates,
    planning,
    rejects_by_class,
    splitting,
    usability,
    words,
)
from pgdose.study.augmentation import Augment
from pgdose.study.classes import Class, Image
from pgdose.tables import parquet, source_index
from pgdose.tables.cohort_schemas import MEMBERS, NEAR_DUPLICATES
from pgdose.xray import hand_drawn_boxes

with job(snakemake) as log:
    params, group, inputs = snakemake.params, snakemake.wildcards.group, snakemake.input
    classes = {n: Class.model_validate(c) for n, c in settings(params, "classes").items()}
    records = parquet.read_tables(inputs.records, eligibility.columns(classes))
    words.check_words(records, classes, group)
    screened = parquet.read_tables(inputs.screens).set_index("record_id")
    lists = settings(params, "lists")
    excluded = exclusions.read_exclusions(inputs.exclude or None, group, lists.get("exclude"))
    boxes = None
    if inputs.boxes:
        boxes = hand_drawn_boxes.read_boxes(inputs.boxes, group, lists["image.boxes"])
    logs.warn_unknown_ids(log, group, "exclude", excluded["record_id"], records)
    logs.warn_unknown_ids(log, group, "boxes", () if boxes is None else boxes.index, records)
    if boxes is not None:
        films = parquet.read_tables(inputs.records, ["record_id", "turned"])
        drawn_on = films["record_id"].isin(boxes.index)
        logs.warn_turned(log, group, int(films.loc[drawn_on, "turned"].eq(True).sum()))
    rejects = parquet.read_tables(inputs.rejects, ["record_id", "reason"])
    candidates = usability.usability(
        eligibility.candidates(records, classes),
        screened,
        Image.model_validate(settings(params, "image")),
        xray_sources=settings(params, "xray_sources"),
        rejected=equal_images.without_copies(rejects).set_index("record_id")["reason"],
        excluded=excluded["record_id"],
        boxes=boxes,
    )
    candidates = equal_images.settle_equal(candidates)
    equal_images.report_equal(log, group, candidates)
    plan = planning.Plan(
        group,
        classes,
        seed=params.seed,
        training=params.training,
        balance=settings(params, "balance"),
        augment=Augment.model_validate(settings(params, "augment")),
    )
    members = planning.plan_members(candidates, plan)
    splitting.check_parts(members, screened["pixel_hash"], group)
    near = near_duplicates.near_duplicates(members, screened["perceptual_hash"])
    near_duplicates.warn_near_duplicates(log, group, near)
    if params.shards:  # tiles lie in the stores of their source
        members = planning.place(members, group, params.shards)
    left_out = usability.left_out(candidates)
    logs.report_plan(log, group, members, left_out, params.training)
    made_with = source_index.key_of_group(inputs.records, group)
    parquet.write_table(members, snakemake.output.planned, MEMBERS, made_with)
    parquet.write_table(near, snakemake.output.near_duplicates, NEAR_DUPLICATES)
    eligible = eligibility.count_eligible(candidates, classes)
    depths = rejects_by_class.count_depths(members, records)
    rejects_by_class.write_left_out(left_out, eligible, depths, snakemake.output.left_out)
