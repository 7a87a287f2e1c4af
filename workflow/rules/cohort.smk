# Who takes part in a group, and the pixels of groups that own theirs.


rule plan_members:
    """Choose, balance and split a group's records."""
    input:
        records=lambda w: source_file("records.parquet", STUDY.sources_of(w.group)),
        screens=group_screens,
        rejects=lambda w: source_file("rejects.parquet", STUDY.sources_of(w.group)),
        exclude=lambda w: file_of(STUDY.groups[w.group].exclude),
        boxes=lambda w: file_of(STUDY.groups[w.group].image.boxes),
    output:
        planned=f"{RESULTS}/groups/{{group}}/planned.parquet",
        left_out=f"{RESULTS}/groups/{{group}}/left_out.parquet",
        near_duplicates=f"{RESULTS}/groups/{{group}}/near_duplicates.parquet",
    log:
        f"{LOGS}/plan_members/{{group}}.log",
    benchmark:
        f"{BENCHMARKS}/plan_members/{{group}}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        seed=STUDY.seed,
        training=lambda w: STUDY.training_share(w.group),
        shards=lambda w: 0 if STUDY.tiled(w.group) else STUDY.groups[w.group].shards,
        image=member_image_settings,
        lists=list_formats,
        xray_sources=xray_sources,
        augment=copy_limits,
        balance=lambda w: as_json(STUDY.groups[w.group].balance),
        classes=lambda w: as_json(
            {n: entry.settings() for n, entry in STUDY.groups[w.group].classes.items()}
        ),
        code=script_digest("plan_members.py"),
    script:
        "../../scripts/plan_members.py"


rule render:
    """Read, crop, resize and augment the images of a shard of an X-ray or table group."""
    input:
        planned=f"{RESULTS}/groups/{{group}}/planned.parquet",
        paths=lambda w: private_paths(w.group),
    output:
        images=f"{RESULTS}/groups/{{group}}/images/{{shard}}.npy",
        missing=f"{RESULTS}/groups/{{group}}/images/{{shard}}.missing.parquet",
    log:
        f"{LOGS}/render/{{group}}-{{shard}}.log",
    benchmark:
        f"{BENCHMARKS}/render/{{group}}-{{shard}}.tsv"
    wildcard_constraints:
        group=one_of(g for g in STUDY.groups if not STUDY.tiled(g)),
    conda:
        "../../envs/data.yaml"
    resources:
        runtime=grows(240),
    params:
        shards=lambda w: STUDY.groups[w.group].shards,
        window=lambda w: STUDY.groups[w.group].image.window,
        shape=lambda w: image_shape(w.group, fitted=True),
        sources=settings_of_sources,
        code=script_digest("render.py"),
    script:
        "../../scripts/render.py"


rule members:
    """Settle who takes part: the planned members whose image could be read; watch the rejects."""
    input:
        planned=f"{RESULTS}/groups/{{group}}/planned.parquet",
        left_out=f"{RESULTS}/groups/{{group}}/left_out.parquet",
        missing=missing,
        slides=lambda w: [file for files in group_slides(w).values() for file in files],
    output:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        unreadable=f"{RESULTS}/groups/{{group}}/unreadable.parquet",
        by_class=f"{RESULTS}/groups/{{group}}/rejects_by_class.parquet",
    log:
        f"{LOGS}/members/{{group}}.log",
    benchmark:
        f"{BENCHMARKS}/members/{{group}}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        slides=lambda w: as_json(group_slides(w)),
        slide_classes=lambda w: as_json(slide_classes(w)),
        code=script_digest("members.py"),
    script:
        "../../scripts/members.py"


rule contact_sheet:
    """A sample of each class with ids, for a person to look over (see `exclude:`)."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
        screens=if_cropped(group_screens),
        paths=if_cropped(lambda w: private_paths(w.group)),
    output:
        f"{RESULTS}/groups/{{group}}/contact_sheet.png",
    log:
        f"{LOGS}/contact_sheet/{{group}}.log",
    benchmark:
        f"{BENCHMARKS}/contact_sheet/{{group}}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        results=lambda w: RESULTS,
        seed=STUDY.seed,
        shape=lambda w: image_shape(w.group),
        window=lambda w: STUDY.groups[w.group].image.window,
        sources=settings_of_sources,
        code=script_digest("contact_sheet.py"),
    script:
        "../../scripts/contact_sheet.py"
