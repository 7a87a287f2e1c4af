# From response surfaces to tables.


rule measure:
    """What the attacks on a run come to: success rates, flips, and the draws of conclusions."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        network=f"{RUN}/network.safetensors",
        surfaces=lambda w: of_surfaces(w.group, w.run),
    output:
        **measured(STUDY.attacks),
    log:
        f"{LOGS}/measure/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{group}}-{{run}}.tsv"
    wildcard_constraints:
        run=NETWORKS,
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        doses=lambda w: as_json(
            {
                a: STUDY.attacks[a].model_dump(include={"epsilon", "max_iter"})
                for a in STUDY.attacks_of(w.group, w.run)
            }
        ),
        operating_epsilon=STUDY.operating_points.epsilon,
        iterations=STUDY.operating_points.iterations,
        success=STUDY.measures.success,
        draws=STUDY.measures.draws,
        seed=STUDY.seed,
        code=script_digest("measure.py"),
    script:
        "../../scripts/measure.py"


if STUDY.training_size:

    use rule measure as measure_sizes with:
        output:
            **measured(attacks_of_sizes()),
        wildcard_constraints:
            run=SIZED,


rule table_sources:
    """What was found in each source, what is usable, and how often each finding occurs."""
    input:
        records=[f"{RESULTS}/sources/{s}/records.parquet" for s in STUDY.sources],
        screens=[file for s in STUDY.sources for file in screens(s)],
        rejects=[f"{RESULTS}/sources/{s}/rejects.parquet" for s in STUDY.sources],
        conflicts=[f"{RESULTS}/sources/{s}/conflicts.parquet" for s in reported()],
    output:
        shown_table("sources"),
    log:
        f"{LOGS}/table_sources.log",
    benchmark:
        f"{BENCHMARKS}/table_sources.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
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
    output:
        table1=shown_table("table1"),
        class_counts=f"{RESULTS}/tables/class_counts.csv",
    log:
        f"{LOGS}/table1.log",
    benchmark:
        f"{BENCHMARKS}/table1.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        groups=as_json(
            {
                name: {"title": group.title, "paper_accuracy": group.paper_accuracy}
                for name, group in STUDY.groups.items()
            }
        ),
        draws=STUDY.measures.draws,
        seed=STUDY.seed,
        code=script_digest("table1.py"),
    script:
        "../../scripts/table1.py"


rule quality:
    """How good each network is: accuracy, reliability, confusion, and whether attacks mean much."""
    input:
        members=[f"{RESULTS}/groups/{g}/members.parquet" for g in STUDY.groups],
        clean=of_networks("clean.parquet"),
    output:
        networks=f"{RESULTS}/tables/networks.csv",
        calibration=f"{RESULTS}/tables/calibration.csv",
        confusion=f"{RESULTS}/tables/confusion.csv",
        network_checks=f"{RESULTS}/tables/network_checks.csv",
    log:
        f"{LOGS}/quality.log",
    benchmark:
        f"{BENCHMARKS}/quality.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(20),
    params:
        groups=as_json(
            {
                g: {run: kind_of_network(g, run) for run in STUDY.networks(g)}
                for g in STUDY.groups
            }
        ),
        draws=STUDY.measures.draws,
        seed=STUDY.seed,
        code=script_digest("quality.py"),
    script:
        "../../scripts/quality.py"


if transfers():  # groups with several networks

    rule table_transfer:
        """How often an attack on one network of a group flips what another one sees."""
        input:
            members=[f"{RESULTS}/groups/{g}/members.parquet" for g in networked()],
            transfers=[
                f"{RESULTS}/groups/{g}/{run}/{attack}/transfer.parquet"
                for g, run, attack in transfers()
            ],
        output:
            shown_table("transfer"),
        log:
            f"{LOGS}/table_transfer.log",
        benchmark:
            f"{BENCHMARKS}/table_transfer.tsv"
        conda:
            "../../envs/data.yaml"
        threads: 1
        resources:
            mem_mb=grows(4000),
            runtime=grows(20),
        params:
            groups=as_json(networked()),
            transfers=as_json(transfers()),
            draws=STUDY.measures.draws,
            seed=STUDY.seed,
            code=script_digest("table_transfer.py"),
        script:
            "../../scripts/table_transfer.py"


rule tables:
    """The measures of all groups together, and the verdicts about the five conclusions."""
    input:
        **{name: of_all_attacks(f"{name}.csv") for name in MEASURES},
        images=of_all_attacks("images.parquet"),
        evidence=of_all_attacks("evidence.parquet"),
        clean=of_sized_runs("clean.parquet"),
        members=(
            f"{RESULTS}/groups/{STUDY.training_size.group}/members.parquet"
            if STUDY.training_size
            else []
        ),
    output:
        **{name: shown_table(name) for name in [*MEASURES, *FINDINGS]},
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(30),
    params:
        runs=as_json(
            {
                group: {run: STUDY.attacks_of(group, run) for run in STUDY.runs(group)}
                for group in STUDY.groups
            }
        ),
        attacks=as_json(
            {name: attack.epsilon for name, attack in STUDY.attacks.items()}
        ),
        sized=STUDY.training_size.group if STUDY.training_size else "",
        sized_runs=as_json(sized_runs()),
        sized_attacks=as_json(
            STUDY.training_size.attacks if STUDY.training_size else []
        ),
        modality=as_json({g: STUDY.modality(g) for g in STUDY.groups}),
        epsilon=STUDY.operating_points.epsilon,
        iterations=STUDY.operating_points.iterations,
        success=STUDY.measures.success,
        draws=STUDY.measures.draws,
        seed=STUDY.seed,
        code=script_digest("tables.py"),
    script:
        "../../scripts/tables.py"
