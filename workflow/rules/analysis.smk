# From response surfaces to tables.

from pgdose.analysis import registry


def columns_of(*rules):
    """The columns of the result tables that some rules make, for a job to hold to."""
    return as_json(registry.columns_of(*rules))


def identities():
    """Which run a row of a table is of, for every run in the order of the study."""
    return [
        run.identity() for group in STUDY.groups for run in STUDY.runs(group).values()
    ]


def doses_of(attacks):
    """The doses of some attacks."""
    return {
        name: {"epsilons": attack.epsilon, "max_iter": attack.max_iter}
        for name, attack in STUDY.attacks.items()
        if name in attacks
    }


def measure_settings():
    """At which point, by which success and with how many draws attacks are measured."""
    return as_json(
        {
            "epsilon": STUDY.operating_points.epsilon,
            "iterations": STUDY.operating_points.iterations,
            "success": STUDY.measures.success,
            "draws": STUDY.measures.draws,
            "seed": STUDY.seed,
        }
    )


rule measure:
    """What the attacks on a run come to: success rates, flips, and the draws of conclusions."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        network=f"{RUN}/network.safetensors",
        surfaces=lambda w: of_surfaces(w.group, w.run),
    output:
        **{
            name: f"{RUN}/measures/{name}.parquet"
            for name in [*registry.tables_of("measure"), "images"]
        },
        draws=f"{RUN}/measures/conclusion_draws.parquet",
    log:
        f"{LOGS}/measure/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{group}}-{{run}}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(4000),
        runtime=grows(60),
    params:
        run=lambda w: as_json(STUDY.runs(w.group)[w.run].identity()),
        doses=lambda w: as_json(doses_of(STUDY.runs(w.group)[w.run].attacks)),
        settings=measure_settings(),
        columns=as_json(
            {**registry.columns_of("measure"), "images": list(registry.IMAGES)}
        ),
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
        columns=columns_of("table_sources"),
        code=script_digest("table_sources.py"),
    script:
        "../../scripts/table_sources.py"


rule table1:
    """Table 1: groups, sizes and accuracy beside the paper's."""
    input:
        members=[f"{RESULTS}/groups/{g}/members.parquet" for g in STUDY.groups],
        clean=of_groups("clean.parquet"),
    output:
        **{name: shown_table(name) for name in registry.tables_of("table1")},
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
            [
                {
                    "group": name,
                    "title": group.title,
                    "paper_accuracy": group.paper_accuracy,
                }
                for name, group in STUDY.groups.items()
            ]
        ),
        columns=columns_of("table1"),
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
        **{name: shown_table(name) for name in registry.tables_of("quality")},
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
        groups=as_json(list(STUDY.groups)),
        networks=as_json(
            [
                (run.identity(), kind_of_network(g, run.name))
                for g in STUDY.groups
                for run in STUDY.runs(g).values()
                if run.role != "sized"
            ]
        ),
        columns=columns_of("quality"),
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
            transfers=as_json(
                [
                    (STUDY.runs(g)[run].identity(), attack)
                    for g, run, attack in transfers()
                ]
            ),
            columns=columns_of("table_transfer"),
            draws=STUDY.measures.draws,
            seed=STUDY.seed,
            code=script_digest("table_transfer.py"),
        script:
            "../../scripts/table_transfer.py"


rule tables:
    """The measures of all groups together, and the verdicts about the five conclusions."""
    input:
        **{
            name: of_all_runs(f"measures/{name}.parquet")
            for name in registry.tables_of("measure")
        },
        images=of_groups("measures/images.parquet"),
        draws=of_all_runs("measures/conclusion_draws.parquet"),
        clean=of_sized_runs("clean.parquet"),
        members=(
            f"{RESULTS}/groups/{STUDY.training_size.group}/members.parquet"
            if STUDY.training_size
            else []
        ),
    output:
        **{
            name: shown_table(name)
            for rule in ("measure", "tables")
            for name in registry.tables_of(rule)
        },
        format_version=f"{RESULTS}/tables/format_version.txt",
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
        runs=as_json(identities()),
        doses=as_json(doses_of(STUDY.attacks)),
        measures=registry.tables_of("measure"),
        sized_group=STUDY.training_size.group if STUDY.training_size else "",
        sized_attacks=as_json(
            STUDY.training_size.attacks if STUDY.training_size else []
        ),
        modality=as_json({g: STUDY.modality(g) for g in STUDY.groups}),
        settings=measure_settings(),
        columns=columns_of("measure", "tables"),
        code=script_digest("tables.py"),
    script:
        "../../scripts/tables.py"
