# Who takes part in a group, and the pixels of groups that own theirs.


rule plan_members:
    """Choose, balance and split a group's records."""
    input:
        records=lambda w: records_of(w.group),
        screens=lambda w: [f for s in STUDY.sources_of(w.group) for f in screens(s)],
        rejects=lambda w: [
            f"{RESULTS}/sources/{s}/rejects.parquet" for s in STUDY.sources_of(w.group)
        ],
        exclude=lambda w: STUDY.groups[w.group].exclude or [],
        boxes=lambda w: STUDY.groups[w.group].image.boxes or [],
    output:
        planned=f"{RESULTS}/groups/{{group}}/planned.parquet",
        left_out=f"{RESULTS}/groups/{{group}}/left_out.parquet",
    log:
        f"{LOGS}/plan_members/{{group}}.log",
    benchmark:
        f"{BENCHMARKS}/plan_members/{{group}}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        seed=STUDY.seed,
        training=lambda w: STUDY.training_share(w.group),
        tiled=lambda w: STUDY.tiled(w.group),
        shards=lambda w: own_shards(w.group),
        image=lambda w: as_json(fitness(w.group)),
        dicom_sources=lambda w: as_json(archives(w.group)),
        augment=lambda w: as_json(augmentation(w.group)),
        balance=lambda w: as_json(STUDY.groups[w.group].balance),
        classes=lambda w: as_json(STUDY.groups[w.group].to_dict()["classes"]),
        code=script_digest("plan_members.py"),
    script:
        "../../scripts/plan_members.py"


rule render:
    """Read, crop, resize and augment the images of a shard of an X-ray or table group."""
    input:
        planned=f"{RESULTS}/groups/{{group}}/planned.parquet",
        paths=lambda w: [
            f"{PRIVATE}/{s}/paths.parquet" for s in STUDY.sources_of(w.group)
        ],
    output:
        images=f"{RESULTS}/groups/{{group}}/images/{{shard}}.npy",
        missing=f"{RESULTS}/groups/{{group}}/images/{{shard}}.missing.parquet",
    log:
        f"{LOGS}/render/{{group}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/render/{{group}}-{{shard}}.tsv"
    wildcard_constraints:
        group=names(g for g in STUDY.groups if not STUDY.tiled(g)),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(240),
    params:
        shards=lambda w: STUDY.groups[w.group].shards,
        window=lambda w: STUDY.groups[w.group].image.window,
        shape=lambda w: image_shape(w.group),
        kinds=lambda w: kinds_of(w.group),
        code=script_digest("render.py"),
    script:
        "../../scripts/render.py"


rule members:
    """Settle who takes part: the planned members whose image could be read."""
    input:
        planned=f"{RESULTS}/groups/{{group}}/planned.parquet",
        missing=lambda w: missing(w.group),
    output:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        unreadable=f"{RESULTS}/groups/{{group}}/unreadable.parquet",
    log:
        f"{LOGS}/members/{{group}}.log",
    benchmark:
        f"{BENCHMARKS}/members/{{group}}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        code=script_digest("members.py"),
    script:
        "../../scripts/members.py"


rule contact_sheet:
    """A sample of each class with ids, for a person's look and `exclude:`."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
        screens=lambda w: cropped(w.group, screens),
        paths=lambda w: cropped(w.group, lambda s: [f"{PRIVATE}/{s}/paths.parquet"]),
    output:
        f"{RESULTS}/groups/{{group}}/contact_sheet.png",
    log:
        f"{LOGS}/contact_sheet/{{group}}.log",
    benchmark:
        f"{BENCHMARKS}/contact_sheet/{{group}}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        results=lambda w: RESULTS,
        seed=STUDY.seed,
        shape=lambda w: image_shape(w.group),
        window=lambda w: STUDY.groups[w.group].image.window,
        kinds=lambda w: kinds_of(w.group),
        code=script_digest("contact_sheet.py"),
    script:
        "../../scripts/contact_sheet.py"
