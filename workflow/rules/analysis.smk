# From response surfaces to tables.


rule measure:
    """Success rates of one attack on one run, over eps and iterations and by confidence."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        network=f"{RUN}/network.safetensors",
        surfaces=lambda w: surfaces(w.group, w.run, w.attack),
    output:
        asr=f"{RUN}/{{attack}}/asr.csv",
        confidence=f"{RUN}/{{attack}}/confidence.csv",
        storage=f"{RUN}/{{attack}}/storage.csv",
    log:
        f"{LOGS}/measure/{{group}}-{{run}}-{{attack}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{group}}-{{run}}-{{attack}}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        epsilon=lambda w: as_json(STUDY.attacks[w.attack].epsilon),
        max_iter=lambda w: STUDY.attacks[w.attack].max_iter,
        iterations=STUDY.operating_points.iterations,
        classes=lambda w: len(STUDY.groups[w.group].classes),
        code=script_digest("measure.py"),
    script:
        "../../scripts/measure.py"


rule table_sources:
    """What was found in each source, what is usable, and how often each finding occurs."""
    input:
        records=[f"{RESULTS}/sources/{s}/records.parquet" for s in STUDY.sources],
        screens=[file for s in STUDY.sources for file in screens(s)],
        rejects=[f"{RESULTS}/sources/{s}/rejects.parquet" for s in STUDY.sources],
        conflicts=[f"{RESULTS}/sources/{s}/conflicts.parquet" for s in reported()],
    output:
        f"{RESULTS}/tables/sources.csv",
    log:
        f"{LOGS}/table_sources.log",
    benchmark:
        f"{BENCHMARKS}/table_sources.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        screens=as_json({s: screens(s) for s in STUDY.sources}),
        reported=as_json(reported()),
        code=script_digest("table_sources.py"),
    script:
        "../../scripts/table_sources.py"


rule table1:
    """Table 1: groups, sizes and accuracy beside the paper's."""
    input:
        members=[f"{RESULTS}/groups/{g}/members.parquet" for g in STUDY.groups],
        clean=of_groups("clean.parquet"),
        missing=[table for g in STUDY.groups for table in missing(g)],
    output:
        table1=f"{RESULTS}/tables/table1.csv",
        class_counts=f"{RESULTS}/tables/class_counts.csv",
    log:
        f"{LOGS}/table1.log",
    benchmark:
        f"{BENCHMARKS}/table1.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        groups=as_json(
            {
                name: {"title": group.title, "paper_accuracy": group.paper_accuracy}
                for name, group in STUDY.groups.items()
            }
        ),
        missing=as_json({g: missing(g) for g in STUDY.groups}),
        code=script_digest("table1.py"),
    script:
        "../../scripts/table1.py"


rule tables:
    """The measures of all groups together, and the five conclusions as estimates."""
    input:
        asr=[table for g in STUDY.groups for table in asr_tables(g)],
        confidence=[
            table
            for g in STUDY.groups
            for table in of_attacks("confidence.csv", g, ["full"])
        ],
        storage=[table for g in STUDY.groups for table in of_attacks("storage.csv", g)],
        clean=(
            [
                f"{RESULTS}/groups/{STUDY.training_size.group}/{run}/clean.parquet"
                for run in STUDY.runs(STUDY.training_size.group)
            ]
            if STUDY.training_size
            else []
        ),
        members=(
            f"{RESULTS}/groups/{STUDY.training_size.group}/members.parquet"
            if STUDY.training_size
            else []
        ),
    output:
        asr=f"{RESULTS}/tables/asr.csv",
        confidence=f"{RESULTS}/tables/confidence.csv",
        storage=f"{RESULTS}/tables/storage.csv",
        training_size=f"{RESULTS}/tables/training_size.csv",
        conclusions=f"{RESULTS}/tables/conclusions.csv",
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        sized=STUDY.training_size.group if STUDY.training_size else "",
        runs=as_json(
            STUDY.runs(STUDY.training_size.group) if STUDY.training_size else []
        ),
        sized_attacks=as_json(
            STUDY.training_size.attacks if STUDY.training_size else []
        ),
        modality=as_json({g: STUDY.modality(g) for g in STUDY.groups}),
        epsilon=STUDY.operating_points.epsilon,
        iterations=STUDY.operating_points.iterations,
        code=script_digest("tables.py"),
    script:
        "../../scripts/tables.py"
