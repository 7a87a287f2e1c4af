# The page that holds everything, a page for each network from elsewhere, and the settings for programs.


rule report:
    """The page of the study, and the evidence for a regulator's or a reviewer's file."""
    input:
        tables=result_tables(),
        figures=figures(["fig1", "fig2", *CURVES, *COMPARISONS], ["png"]),
        network=figures([f"network/{g}" for g in STUDY.groups], ["png"]),
        heatmap=figures([f"heatmap/{g}" for g in STUDY.groups], ["png"]),
        examples=figures([f"examples/{g}" for g in STUDY.groups], ["png"]),
        rejects=source_file("rejects.parquet"),
        left_out=group_file("left_out.parquet"),
        unreadable=group_file("unreadable.parquet"),
        near_duplicates=group_file("near_duplicates.parquet"),
        agreement=source_file("agreement.csv", hand_labelled()),
        diagnostics=run_file("diagnostics.parquet", runs()),
    output:
        page=f"{RESULTS}/report.html",
        evidence=f"{RESULTS}/evidence.html",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{BENCHMARKS}/report.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        study=as_json(STUDY.to_dict(paths=False)),
        sources=as_json(list(STUDY.sources)),
        groups=as_json(list(STUDY.groups)),
        modality=modalities(),
        classes=as_json(STUDY.class_titles()),
        synthetic=as_json([s for s in STUDY.sources if STUDY.synthetic(s)]),
        hand_labelled=as_json(hand_labelled()),
        diagnosed=as_json([run.identity() for run in runs()]),
        trained=as_json([[run.group, run.name] for run in runs() if run.is_trained]),
        benchmarks=BENCHMARKS,
        page=page_digest(
            *("report.html", "group.html", "evidence.html", "macros.html"),
            *("report.css", "report.js"),
        ),
        code=script_digest("report.py"),
    script:
        "../../scripts/report.py"


rule description:
    """The study's settings without paths, for programs: study.json."""
    output:
        f"{RESULTS}/study.json",
    log:
        f"{LOGS}/description.log",
    benchmark:
        f"{BENCHMARKS}/description.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        study=as_json(STUDY.to_dict(paths=False)),
        modality=modalities(),
        classes=as_json(STUDY.class_titles()),
        synthetic=as_json([s for s in STUDY.sources if STUDY.synthetic(s)]),
        code=script_digest("description.py"),
    script:
        "../../scripts/description.py"


rule crate:
    """A research object crate: which workflow made which results from what, for archives."""
    input:
        tables=result_tables(),
        figures=figures(["fig1", "fig2", *CURVES, *COMPARISONS], ["png"]),
        pages=[f"{RESULTS}/report.html", f"{RESULTS}/evidence.html"],
        description=f"{RESULTS}/study.json",
        records=source_file("records.parquet"),
    output:
        metadata=f"{RESULTS}/ro-crate-metadata.json",
        workflow=f"{RESULTS}/Snakefile",
    log:
        f"{LOGS}/crate.log",
    benchmark:
        f"{BENCHMARKS}/crate.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        sources=as_json(list(STUDY.sources)),
        entry=rerun_digest.digest_of_files([ROOT / "Snakefile"]),
        code=script_digest("crate.py"),
    script:
        "../../scripts/crate.py"


rule probe_page:
    """The page about a network from elsewhere: accuracy, outputs, other preprocessings.

    The import of a network that it refuses writes the same page.
    """
    input:
        findings=f"{RUN}/probe.json",
    output:
        f"{RUN}/probe.html",
    log:
        f"{LOGS}/probe_page/{{group}}-{{run}}.log",
    benchmark:
        f"{BENCHMARKS}/probe_page/{{group}}-{{run}}.tsv"
    wildcard_constraints:
        group=group_pattern(run for run in runs() if run.is_imported),
    conda:
        "../../envs/data.yaml"
    params:
        page=page_digest("probe.html", "macros.html", "report.css"),
        code=script_digest("probe_page.py"),
    script:
        "../../scripts/probe_page.py"
