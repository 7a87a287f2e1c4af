# Changes of images that are no attack on one image: corruptions, beside the attacks.


if corrupted_runs():

    rule corrupt:
        """What a run's network makes of its validation images, corrupted in rising severities."""
        input:
            members=f"{RESULTS}/groups/{{group}}/members.parquet",
            stores=lambda w: stores(w.group),
            network=f"{RUN}/network.safetensors",
        output:
            f"{RUN}/corruptions.parquet",
        log:
            f"{LOGS}/corrupt/{{group}}-{{run}}.log",
        benchmark:
            f"{BENCHMARKS}/corrupt/{{group}}-{{run}}.tsv"
        wildcard_constraints:
            group=group_pattern(corrupted_runs()),
        conda:
            "../../envs/network.yaml"
        threads: lambda w: most_of_controls("threads", w.group)
        resources:
            gpu=1,
            mem_mb=grows(lambda w: most_of_controls("mem_mb", w.group)),
            batch_mb=lambda w: most_of_controls("mem_mb", w.group),  # the same at every attempt
            runtime=grows(lambda w: most_of_controls("runtime", w.group)),
        params:
            results=lambda w: RESULTS,
            trust=lambda w: trusted([w.group]),
            seed=STUDY.seed,
            shape=lambda w: image_shape(w.group),
            settings=lambda w: as_json(controls_of_kind("corruption", w.group)),
            threads=lambda w: most_of_controls("threads", w.group),
            code=script_digest("corrupt.py"),
        script:
            "../../scripts/corrupt.py"


if controlled_runs():

    rule table_controls:
        """How often controls flip a diagnosis, and the dose of each attack that flips as many."""
        input:
            members=group_file(
                "members.parquet",
                dict.fromkeys(run.group for run in controlled_runs()),
            ),
            networks=run_file("network.safetensors", controlled_runs()),
            clean=run_file("clean.parquet", controlled_runs()),
            surfaces=[
                file
                for run in controlled_runs()
                for attack in bounded_attacks()
                for file in surfaces(run, attack)
            ],
            controlled=controlled_files(),
        output:
            **{
                name: shown_table(name)
                for name in table_registry.tables_of("table_controls")
            },
        log:
            f"{LOGS}/table_controls.log",
        benchmark:
            f"{BENCHMARKS}/table_controls.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            groups=as_json(list(dict.fromkeys(run.group for run in controlled_runs()))),
            runs=as_json([run.identity() for run in controlled_runs()]),
            controls=as_json(
                {
                    name: control.settings("table")
                    for name, control in STUDY.controls.items()
                }
            ),
            attacks=as_json(bounded_attacks()),
            settings=measure_settings(),
            columns=columns_of("table_controls"),
            code=script_digest("table_controls.py"),
        script:
            "../../scripts/table_controls.py"
