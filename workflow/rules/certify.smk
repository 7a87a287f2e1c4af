# Certificates of randomised smoothing, in studies that have a network with it.

if smoothed_runs():

    rule certify:
        """The certified radius of each validation image, by noisy copies of it.

        The copies go through the network behind the smoothing; the smoothed one is not needed.
        """
        input:
            members=f"{RESULTS}/groups/{{group}}/members.parquet",
            stores=lambda w: stores(w.group),
            network=lambda w: base_file(run_of(w), "network.safetensors"),
        output:
            f"{RUN}/certificate.parquet",
        log:
            f"{LOGS}/certify/{{group}}-{{run}}.log",
        benchmark:
            f"{BENCHMARKS}/certify/{{group}}-{{run}}.tsv"
        wildcard_constraints:
            group=group_pattern(smoothed_runs()),
        conda:
            "../../envs/network.yaml"
        threads: STUDY.training.threads
        resources:
            gpu=1,
            mem_mb=grows(STUDY.training.mem_mb),
            batch_mb=STUDY.training.mem_mb,  # the same at every attempt
            runtime=grows(STUDY.training.runtime),
        params:
            results=lambda w: RESULTS,
            trust=lambda w: trusted([w.group]),
            seed=STUDY.seed,
            shape=lambda w: image_shape(w.group),
            settings=lambda w: as_json(smoothing_of(run_of(w))),
            threads=STUDY.training.threads,
            code=script_digest("certify.py"),
        script:
            "../../scripts/certify.py"

    rule table_certified:
        """Certified accuracy over the radius, beside robust accuracy under L2 attacks."""
        input:
            members=[
                file
                for run in smoothed_runs()
                for file in group_file("members.parquet", [run.group])
            ],
            certificates=run_file("certificate.parquet", smoothed_runs()),
            networks=l2_networks(),
            clean=l2_networks("clean.parquet"),
            surfaces=l2_surfaces(),
        output:
            shown_table("certified"),
        log:
            f"{LOGS}/table_certified.log",
        benchmark:
            f"{BENCHMARKS}/table_certified.tsv"
        conda:
            "../../envs/data.yaml"
        params:
            runs=as_json(
                [
                    (run.identity(), run.network.of, smoothing_of(run))
                    for run in smoothed_runs()
                ]
            ),
            attacks=as_json(l2_attacks()),
            settings=measure_settings(),
            columns=columns_of("table_certified"),
            code=script_digest("table_certified.py"),
        script:
            "../../scripts/table_certified.py"
