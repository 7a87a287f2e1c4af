# The page that holds everything, and a page for each network from elsewhere.


rule report:
    """One page with findings, tables, curves, each group's section, and how they were made."""
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
        f"{RESULTS}/report.html",
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
            "report.html", "group.html", "macros.html", "report.css", "report.js"
        ),
        code=script_digest("report.py"),
    script:
        "../../scripts/report.py"


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
