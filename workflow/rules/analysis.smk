# From response surfaces to tables.


rule measure:
    """Measure the attacks on a run: success rates, flips, and the draws that conclusions need."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        network=f"{RUN}/network.safetensors",
        clean=f"{RUN}/clean.parquet",
        surfaces=all_surfaces,
    output:
        **{
            name: f"{RUN}/measures/{name}.parquet"
            for name in [*table_registry.tables_of("measure"), "images"]
        },
        draws=f"{RUN}/measures/conclusion_draws.parquet",
    log:
        f"{LOGS}/measure/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/measure/{{group}}-{{run}}.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        run=lambda w: as_json(run_of(w).identity()),
        doses=lambda w: as_json(doses_of(run_of(w).attacks)),
        images=lambda w: as_json(images_of(run_of(w).attacks)),
        gradient_clipped=gradient_clipped(),
        harm=lambda w: as_json(harm_settings(STUDY.groups[w.group])),
        settings=measure_settings(),
        raises_wrong_class=lambda w: as_json(raises_wrong_class(run_of(w))),
        columns=as_json(
            {
                **table_registry.columns_of("measure"),
                "images": list(table_registry.IMAGES),
            }
        ),
        code=script_digest("measure.py"),
    script:
        "../../scripts/measure.py"


rule table_sources:
    """What was found in each source, what is usable, and how often each finding occurs."""
    input:
        records=source_file("records.parquet"),
        screens=[file for s in STUDY.sources for file in screens(s)],
        rejects=source_file("rejects.parquet"),
        conflicts=source_file("conflicts.parquet", reported()),
        repeated=source_file("repeated.parquet"),
    output:
        shown_table("sources"),
    log:
        f"{LOGS}/table_sources.log",
    benchmark:
        f"{BENCHMARKS}/table_sources.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        screens=as_json({s: screens(s) for s in STUDY.sources}),
        reported=as_json(reported()),
        columns=columns_of("table_sources"),
        code=script_digest("table_sources.py"),
    script:
        "../../scripts/table_sources.py"


rule table_rejects:
    """What share of each class each reason left out, and whether the shares differ."""
    input:
        group_file("rejects_by_class.parquet"),
    output:
        shown_table("rejects_by_class"),
    log:
        f"{LOGS}/table_rejects.log",
    benchmark:
        f"{BENCHMARKS}/table_rejects.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        groups=as_json(list(STUDY.groups)),
        columns=columns_of("table_rejects"),
        code=script_digest("table_rejects.py"),
    script:
        "../../scripts/table_rejects.py"


rule table1:
    """Table 1: groups, sizes and accuracy beside the paper's."""
    input:
        members=group_file("members.parquet"),
        clean=run_file("clean.parquet", runs("main")),
    output:
        **{name: shown_table(name) for name in table_registry.tables_of("table1")},
    log:
        f"{LOGS}/table1.log",
    benchmark:
        f"{BENCHMARKS}/table1.tsv"
    conda:
        "../../envs/data.yaml"
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
    """How good each network is: accuracy, reliability, confusion, and whether attacking it makes sense."""
    input:
        members=group_file("members.parquet"),
        clean=run_file("clean.parquet", judged_runs()),
    output:
        **{name: shown_table(name) for name in table_registry.tables_of("quality")},
    log:
        f"{LOGS}/quality.log",
    benchmark:
        f"{BENCHMARKS}/quality.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        groups=as_json(list(STUDY.groups)),
        networks=as_json(
            [(run.identity(), kind_of(run.network)) for run in judged_runs()]
        ),
        columns=columns_of("quality"),
        draws=STUDY.measures.draws,
        seed=STUDY.seed,
        code=script_digest("quality.py"),
    script:
        "../../scripts/quality.py"


if STUDY.acceptance:

    rule acceptance:
        """Whether each network keeps the limits that the study sets."""
        input:
            members=[
                file
                for run in judged_runs()
                for file in group_file("members.parquet", [run.group])
            ],
            networks=run_file("network.safetensors", judged_runs()),
            surfaces=[
                file
                for run in judged_runs()
                for a in accepted_attacks()
                for file in surfaces(run, a)
            ],
        output:
            shown_table("acceptance"),
        log:
            f"{LOGS}/acceptance.log",
        benchmark:
            f"{BENCHMARKS}/acceptance.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            runs=as_json([run.identity() for run in judged_runs()]),
            limits=as_json([limit.to_dict() for limit in STUDY.acceptance]),
            columns=columns_of("acceptance"),
            code=script_digest("acceptance.py"),
        script:
            "../../scripts/acceptance.py"


if transferred():  # some group has several networks

    rule table_transfer:
        """How often an attack on one network of a group flips another network's prediction."""
        input:
            members=group_file("members.parquet", with_several_networks()),
            transfers=[
                file
                for run, attack in transferred()
                for file in run_file(f"{attack}/transfer.parquet", [run])
            ],
        output:
            shown_table("transfer"),
        log:
            f"{LOGS}/table_transfer.log",
        benchmark:
            f"{BENCHMARKS}/table_transfer.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            groups=as_json(with_several_networks()),
            transfers=as_json(
                [(run.identity(), attack) for run, attack in transferred()]
            ),
            columns=columns_of("table_transfer"),
            draws=STUDY.measures.draws,
            seed=STUDY.seed,
            code=script_digest("table_transfer.py"),
        script:
            "../../scripts/table_transfer.py"

    rule disagreement:
        """What rejecting the images on which a group's networks disagree comes to."""
        input:
            members=f"{RESULTS}/groups/{{group}}/members.parquet",
            clean=lambda w: run_file("clean.parquet", judges(w)),
            transfers=lambda w: [
                file
                for run, attack in transferred()
                if run.group == w.group
                for file in run_file(f"{attack}/transfer.parquet", [run])
            ],
        output:
            f"{RESULTS}/groups/{{group}}/disagreement.parquet",
        log:
            f"{LOGS}/disagreement/{{group}}.log",
        benchmark:
            f"{BENCHMARKS}/disagreement/{{group}}.tsv"
        wildcard_constraints:
            group=one_of(with_disagreement()),
        conda:
            "../../envs/data.yaml"
        params:
            runs=lambda w: as_json([run.identity() for run in judges(w)]),
            judges=lambda w: as_json(disagreeing(w.group)),
            attacks=lambda w: as_json(
                [
                    (run.name, attack, *judged_attack(run, attack))
                    for run, attack in transferred()
                    if run.group == w.group
                ]
            ),
            columns=as_json(table_registry.columns_of("measure")["abstention"]),
            draws=STUDY.measures.draws,
            seed=STUDY.seed,
            code=script_digest("disagreement.py"),
        script:
            "../../scripts/disagreement.py"


if defended_groups():

    rule table_defence:
        """What helps: each defended network of a group beside the group's main network."""
        input:
            members=group_file("members.parquet", defended_groups()),
            networks=run_file("network.safetensors", compared_runs()),
            clean=run_file("clean.parquet", compared_runs()),
            diagnostics=run_file("diagnostics.parquet", compared_runs()),
            surfaces=[
                file
                for run in compared_runs()
                for attack in run.attacks
                for file in surfaces(run, attack)
            ],
        output:
            shown_table("defence"),
        log:
            f"{LOGS}/table_defence.log",
        benchmark:
            f"{BENCHMARKS}/table_defence.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            groups=as_json(defended_groups()),
            networks=networks_of_defences(),
            attacks=attacks_on_defences(),
            settings=measure_settings(),
            margins=as_json(STUDY.measures.margins.to_dict()),
            columns=columns_of("table_defence"),
            code=script_digest("table_defence.py"),
        script:
            "../../scripts/table_defence.py"


rule tables:
    """The measures of all groups together, and the verdicts about the five conclusions."""
    input:
        **{
            name: run_file(f"measures/{name}.parquet", runs())
            for name in table_registry.tables_of("measure")
        },
        images=run_file("measures/images.parquet", runs()),
        draws=run_file("measures/conclusion_draws.parquet", runs()),
        clean=run_file("clean.parquet", size_runs()),
        members=group_file(
            "members.parquet", dict.fromkeys(run.group for run in size_runs())
        ),
        disagreement=group_file("disagreement.parquet", with_disagreement()),
    output:
        **{
            name: shown_table(name)
            for rule in ("measure", "tables")
            for name in table_registry.tables_of(rule)
        },
        format_version=f"{RESULTS}/tables/format_version.txt",
    log:
        f"{LOGS}/tables.log",
    benchmark:
        f"{BENCHMARKS}/tables.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        runs=as_json([run.identity() for run in runs()]),
        doses=as_json(doses_of(STUDY.attacks)),
        measures=table_registry.tables_of("measure"),
        sized_attacks=as_json(sized_attacks()),
        modality=modalities(),
        controls=[name for name, a in STUDY.attacks.items() if a.kind == "noise"],
        settings=measure_settings(),
        columns=columns_of("measure", "tables"),
        code=script_digest("tables.py"),
    script:
        "../../scripts/tables.py"
