# Networks that are made of others of their group. Nothing is trained.


rule defend:
    """Put a defence before a network, or several networks together, and evaluate the result."""
    input:
        networks=lambda w: run_file("network.safetensors", made_of(w)),
        members=f"{RESULTS}/groups/{{group}}/members.parquet",
        stores=lambda w: stores(w.group),
    output:
        network=f"{RUN}/network.safetensors",
        training=f"{RUN}/training.csv",
        clean=f"{RUN}/clean.parquet",
    log:
        f"{LOGS}/defend/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/defend/{{group}}-{{run}}.tsv"
    wildcard_constraints:
        group=group_pattern(run for run in runs() if run.made_of),
    conda:
        "../../envs/network.yaml"
    threads: STUDY.training.threads
    resources:
        gpu=1,
        mem_mb=grows(STUDY.training.mem_mb),
        runtime=grows(STUDY.training.runtime),
    params:
        results=lambda w: RESULTS,
        trust=lambda w: trusted([w.group]),
        shape=lambda w: image_shape(w.group),
        settings=combined_settings,
        batch=STUDY.training.batch,
        threads=STUDY.training.threads,
        code=script_digest("defend.py"),
    script:
        "../../scripts/defend.py"
