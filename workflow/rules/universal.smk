# Universal perturbations: one for all images, learned on training images.

if universal_runs():

    rule universal:
        """Learn a run's universal perturbations; all of its group's networks judge the images."""
        input:
            members=f"{RESULTS}/groups/{{group}}/members.parquet",
            stores=lambda w: stores(w.group),
            networks=lambda w: run_file("network.safetensors", judges(w)),
        output:
            table=f"{RUN}/universal.parquet",
            perturbations=f"{RUN}/universal.npz",
        log:
            f"{LOGS}/universal/{{group}}-{{run}}.log",
        benchmark:
            f"{BENCHMARKS}/universal/{{group}}-{{run}}.tsv"
        wildcard_constraints:
            group=group_pattern(universal_runs()),
        conda:
            "../../envs/network.yaml"
        threads: lambda w: most_of_controls("threads", w.group, "universal")
        resources:
            gpu=1,
            mem_mb=grows(lambda w: most_of_controls("mem_mb", w.group, "universal")),
            batch_mb=lambda w: most_of_controls("mem_mb", w.group, "universal"),  # the same at every attempt
            runtime=grows(lambda w: most_of_controls("runtime", w.group, "universal")),
        params:
            results=lambda w: RESULTS,
            trust=lambda w: trusted([w.group]),
            seed=STUDY.seed,
            shape=lambda w: image_shape(w.group),
            judges=lambda w: as_json([run.name for run in judges(w)]),
            settings=lambda w: as_json(controls_of_kind("universal", w.group)),
            threads=lambda w: most_of_controls("threads", w.group, "universal"),
            code=script_digest("universal.py"),
        script:
            "../../scripts/universal.py"

    rule universal_picture:
        """A run's universal perturbations, magnified, for a person to look at."""
        input:
            f"{RUN}/universal.npz",
        output:
            f"{RUN}/universal.png",
        log:
            f"{LOGS}/universal_picture/{{group}}-{{run}}.log",
        benchmark:
            f"{BENCHMARKS}/universal_picture/{{group}}-{{run}}.tsv"
        wildcard_constraints:
            group=group_pattern(universal_runs()),
        conda:
            "../../envs/data.yaml"
        params:
            code=script_digest("universal_picture.py"),
        script:
            "../../scripts/universal_picture.py"
