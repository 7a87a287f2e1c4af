# The page that holds everything.


rule report:
    """One page with findings, tables, curves, each group's section, and how they were made."""
    input:
        tables=result_tables(),
        figures=figures(["fig1", "fig2", *CURVES], ["png"]),
        network=figures([f"network/{g}" for g in STUDY.groups], ["png"]),
        heatmap=figures([f"heatmap/{g}" for g in STUDY.groups], ["png"]),
        examples=figures([f"examples/{g}" for g in STUDY.groups], ["png"]),
        rejects=source_file("rejects.parquet"),
        left_out=group_file("left_out.parquet"),
        unreadable=group_file("unreadable.parquet"),
        near_duplicates=group_file("near_duplicates.parquet"),
        agreement=source_file("agreement.csv", hand_labelled()),
        diagnostics=run_file("diagnostics.parquet", runs()),
        page=[
            f"src/pgdose/report/page_files/{name}"
            for name in (
                "report.html",
                "group.html",
                "macros.html",
                "report.css",
                "report.js",
            )
        ],
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
        benchmarks=BENCHMARKS,
        code=script_digest("report.py"),
    script:
        "../../scripts/report.py"
