# The page that holds everything.


def diagnosed():
    """The runs of all groups with an attack."""
    runs = [run for group in STUDY.groups for run in STUDY.runs(group).values()]
    return [run for run in runs if run.attacks]


rule report:
    """One page with findings, tables, curves, each group's section, and how they were made."""
    input:
        tables=tables(),
        figures=[f"{RESULTS}/figures/{name}.png" for name in ["fig1", "fig2", *CURVES]],
        network=[f"{RESULTS}/figures/network/{g}.png" for g in STUDY.groups],
        heatmap=[f"{RESULTS}/figures/heatmap/{g}.png" for g in STUDY.groups],
        examples=[f"{RESULTS}/figures/examples/{g}.png" for g in STUDY.groups],
        rejects=[f"{RESULTS}/sources/{s}/rejects.parquet" for s in STUDY.sources],
        left_out=[f"{RESULTS}/groups/{g}/left_out.parquet" for g in STUDY.groups],
        unreadable=[f"{RESULTS}/groups/{g}/unreadable.parquet" for g in STUDY.groups],
        agreement=[f"{RESULTS}/sources/{s}/agreement.csv" for s in hand_labelled()],
        diagnostics=[
            f"{RESULTS}/groups/{run.path}/diagnostics.parquet" for run in diagnosed()
        ],
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
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        study=as_json(STUDY.to_dict(paths=False)),
        sources=as_json(list(STUDY.sources)),
        groups=as_json(list(STUDY.groups)),
        modality=group_modalities(),
        hand_labelled=as_json(hand_labelled()),
        diagnosed=as_json([run.identity() for run in diagnosed()]),
        benchmarks=BENCHMARKS,
        code=script_digest("report.py"),
    script:
        "../../scripts/report.py"
