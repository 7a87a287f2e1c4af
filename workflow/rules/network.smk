# The jobs that want a GPU. `--resources gpu=0` runs them on the CPU, side by side. Their scripts take
# the number of threads from the study, not from --cores: on a CPU it is part of the result.


rule train:
    """Train a group's network, or one of a smaller training set (run n<size>-r<repeat>)."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
        weights=initial_weights,
    output:
        **tensorboard(),
        network=f"{RUN}/network.safetensors",
        training=f"{RUN}/training.csv",
        clean=f"{RUN}/clean.parquet",
    log:
        f"{LOGS}/train/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/train/{{group}}-{{run}}.tsv"
    wildcard_constraints:
        group=group_pattern(run for run in runs() if run.is_trained),
    conda:
        "../../envs/network.yaml"
    threads: lambda w: network_of(w).threads
    resources:
        gpu=lambda w: network_of(w).gpus,
        mem_mb=grows(lambda w: network_of(w).mem_mb),
        runtime=grows(lambda w: network_of(w).runtime),
    params:
        results=lambda w: RESULTS,
        seed=STUDY.seed,
        classes=lambda w: len(STUDY.groups[w.group].classes),
        shape=lambda w: image_shape(w.group),
        size=lambda w: run_of(w).size or 0,
        settings=lambda w: as_json(network_of(w).settings()),
        threads=lambda w: network_of(w).threads,
        code=training_code,
    script:
        "../../scripts/train.py"


rule import_network:
    """Import a network that was trained elsewhere, if it can be attacked."""
    input:
        file=lambda w: network_of(w).file,
        data=lambda w: data_files(network_of(w).file),
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
    output:
        network=f"{RUN}/network.safetensors",
        training=f"{RUN}/training.csv",
        clean=f"{RUN}/clean.parquet",
        findings=f"{RUN}/probe.json",
    log:
        f"{LOGS}/import_network/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/import_network/{{group}}-{{run}}.tsv"
    wildcard_constraints:
        group=group_pattern(run for run in runs() if run.is_imported),
    conda:
        "../../envs/network.yaml"
    threads: STUDY.training.threads
    resources:
        gpu=1,
        mem_mb=grows(STUDY.training.mem_mb),
        batch_mb=STUDY.training.mem_mb,  # the same at every attempt
    params:
        results=lambda w: RESULTS,
        shape=lambda w: image_shape(w.group),
        classes=lambda w: as_json(list(STUDY.groups[w.group].classes)),
        settings=lambda w: as_json(network_of(w).settings()),
        batch=STUDY.training.batch,
        threads=STUDY.training.threads,
        runtime=STUDY.training.runtime,
        # No output: Snakemake would delete it where the network is refused.
        page=f"{RUN}/probe.html",
        code=script_digest("import_network.py"),
    script:
        "../../scripts/import_network.py"


for job in attack_jobs(STUDY):

    rule:
        """Attack a shard of a run's validation images: the whole response surface of each attack.

        `update` keeps what is there: the script measures again only what has changed.
        """
        name:
            job.rule
        input:
            members=f"{RESULTS}/groups/{{group}}/members.parquet",
            stores=lambda w: stores(w.group),
            network=f"{RUN}/network.safetensors",
            clean=f"{RUN}/clean.parquet",
        output:
            [update(f"{RUN}/{a}/surface/{{shard}}.parquet") for a in job.attacks],
        log:
            f"{LOGS}/{job.rule}/{{group}}-{{run}}-{{shard}}.log",
        benchmark:
            f"{BENCHMARKS}/{job.rule}/{{group}}-{{run}}-{{shard}}.tsv"
        wildcard_constraints:
            group=group_pattern(job.runs),
        conda:
            "../../envs/network.yaml"
        threads: job.threads
        resources:
            gpu=1,
            mem_mb=grows(job.mem_mb),
            batch_mb=job.mem_mb,  # the same at every attempt
            runtime=grows(job.runtime),
        params:
            results=lambda w: RESULTS,
            trust=lambda w: trusted([w.group]),
            seed=STUDY.seed,
            shape=lambda w: image_shape(w.group),
            shards=job.shards,
            settings=lambda w, job=job: as_json(
                {a: attack_settings(w.group, a) for a in job.attacks}
            ),
            threads=job.threads,
            code=script_digest("attack.py"),
        script:
            "../../scripts/attack.py"


rule examples:
    """Adversarial images for Figs. 1 and 2, made again from the networks."""
    input:
        members=group_file("members.parquet"),
        stores=sorted({store for g in STUDY.groups for store in stores(g)}),
        networks=run_file("network.safetensors", runs("main")),
        surfaces=[
            file
            for g in STUDY.groups
            for file in main_surfaces(g, STUDY.shown_attack())
        ],
    output:
        images=f"{RESULTS}/figures/examples.npz",
        table=f"{RESULTS}/figures/examples.csv",
    log:
        f"{LOGS}/examples.log",
    benchmark:
        f"{BENCHMARKS}/examples.tsv"
    conda:
        "../../envs/network.yaml"
    threads: SHOWN.threads
    resources:
        gpu=1,
        mem_mb=grows(SHOWN.mem_mb),
    params:
        results=lambda w: RESULTS,
        trust=trusted(list(STUDY.groups)),
        seed=STUDY.seed,
        groups=as_json(
            {
                g: {
                    "shape": image_shape(g),
                    "classes": list(STUDY.groups[g].classes),
                    "surfaces": main_surfaces(g, STUDY.shown_attack()),
                    "settings": attack_settings(g, STUDY.shown_attack()),
                }
                for g in STUDY.groups
            }
        ),
        attack=STUDY.shown_attack(),
        iterations=STUDY.operating_points.iterations,
        epsilon=STUDY.operating_points.epsilon,
        flips_epsilon=STUDY.operating_points.flips_epsilon,
        threads=SHOWN.threads,
        code=script_digest("examples.py"),
    script:
        "../../scripts/examples.py"


rule export:
    """Some adversarial images of a group as files, with their originals and the differences."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
        network=f"{RESULTS}/groups/{{group}}/{MAIN_RUN}/network.safetensors",
        surfaces=lambda w: main_surfaces(w.group, w.attack),
    output:
        directory(f"{RESULTS}/groups/{{group}}/{MAIN_RUN}/{{attack}}/images"),
    log:
        f"{LOGS}/export/{{group}}-{{attack}}.log",
    benchmark:
        f"{BENCHMARKS}/export/{{group}}-{{attack}}.tsv"
    conda:
        "../../envs/network.yaml"
    threads: lambda w: attack_of(w).threads
    resources:
        gpu=1,
        mem_mb=grows(lambda w: attack_of(w).mem_mb),
    params:
        results=lambda w: RESULTS,
        trust=lambda w: trusted([w.group]),
        seed=STUDY.seed,
        shape=lambda w: image_shape(w.group),
        classes=lambda w: as_json(list(STUDY.groups[w.group].classes)),
        settings=lambda w: as_json(attack_settings(w.group, w.attack)),
        amount=lambda w: attack_of(w).export_settings.images,
        dicom=lambda w: attack_of(w).export_settings.dicom,
        study=lambda w: STUDY.study,
        epsilon=STUDY.operating_points.epsilon,
        iterations=STUDY.operating_points.iterations,
        threads=lambda w: attack_of(w).threads,
        code=script_digest("export.py"),
    script:
        "../../scripts/export.py"


rule diagnose:
    """Whether the attacks on a run can be believed: checks of their surfaces, some other attacks."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
        network=f"{RUN}/network.safetensors",
        clean=f"{RUN}/clean.parquet",
        surfaces=all_surfaces,
    output:
        f"{RUN}/diagnostics.parquet",
    log:
        f"{LOGS}/diagnose/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/diagnose/{{group}}-{{run}}.tsv"
    conda:
        "../../envs/network.yaml"
    threads: max(attack.threads for attack in STUDY.attacks.values())
    resources:
        gpu=1,
        mem_mb=grows(max(attack.mem_mb for attack in STUDY.attacks.values())),
        runtime=grows(max(attack.runtime for attack in STUDY.attacks.values())),
    params:
        results=lambda w: RESULTS,
        trust=lambda w: trusted([w.group]),
        seed=STUDY.seed,
        shape=lambda w: image_shape(w.group),
        settings=lambda w: as_json(
            {a: attack_settings(w.group, a) for a in run_of(w).attacks}
        ),
        threads=lambda w: as_json(
            {a: STUDY.attacks[a].threads for a in run_of(w).attacks}
        ),
        checks=as_json(STUDY.checks.to_dict()),
        epsilon=STUDY.operating_points.epsilon,
        code=script_digest("diagnose.py"),
    script:
        "../../scripts/diagnose.py"


rule transfer:
    """Adversarial images of one of a group's networks, judged by all of them."""
    input:
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
        networks=lambda w: run_file("network.safetensors", judges(w)),
        clean=f"{RUN}/clean.parquet",
    output:
        f"{RUN}/{{attack}}/transfer.parquet",
    log:
        f"{LOGS}/transfer/{{group}}-{{run}}-{{attack}}.log",
    benchmark:
        f"{BENCHMARKS}/transfer/{{group}}-{{run}}-{{attack}}.tsv"
    conda:
        "../../envs/network.yaml"
    threads: lambda w: attack_of(w).threads
    resources:
        gpu=1,
        mem_mb=grows(lambda w: attack_of(w).mem_mb),
        batch_mb=lambda w: attack_of(w).mem_mb,  # the same at every attempt
        runtime=grows(lambda w: attack_of(w).runtime),
    params:
        results=lambda w: RESULTS,
        trust=lambda w: trusted([w.group]),
        seed=STUDY.seed,
        shape=lambda w: image_shape(w.group),
        judges=lambda w: as_json([run.name for run in judges(w)]),
        settings=lambda w: as_json(attack_settings(w.group, w.attack)),
        iterations=STUDY.operating_points.iterations,
        threads=lambda w: attack_of(w).threads,
        code=script_digest("transfer.py"),
    script:
        "../../scripts/transfer.py"
