# From tables to figures.


rule curves:
    """Figs. 3a-3d: success over eps, iterations, clean confidence and training size.

    The table that each figure is drawn from stands beside it.
    """
    input:
        asr=f"{RESULTS}/tables/asr.csv",
        confidence=f"{RESULTS}/tables/confidence.csv",
        training_size=f"{RESULTS}/tables/training_size.csv",
    output:
        [
            shown_figure(f"{RESULTS}/figures/{name}.{kind}")
            for name in CURVES
            for kind in ("png", "svg", "csv")
        ],
    log:
        f"{LOGS}/curves.log",
    benchmark:
        f"{BENCHMARKS}/curves.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        groups=group_modalities(),
        points=as_json(STUDY.operating_points.to_dict()),
        success=STUDY.measures.success,
        code=script_digest("curves.py"),
    script:
        "../../scripts/curves.py"


rule pictures:
    """Figs. 1 and 2: originals beside their adversarial versions."""
    input:
        images=f"{RESULTS}/figures/examples.npz",
        table=f"{RESULTS}/figures/examples.csv",
    output:
        [
            shown_figure(f"{RESULTS}/figures/{name}.{kind}")
            for name in ("fig1", "fig2")
            for kind in ("png", "svg")
        ],
    log:
        f"{LOGS}/pictures.log",
    benchmark:
        f"{BENCHMARKS}/pictures.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(20),
    params:
        groups=group_modalities(),
        epsilon=STUDY.operating_points.flips_epsilon,
        code=script_digest("pictures.py"),
    script:
        "../../scripts/pictures.py"


rule group_figures:
    """Each group's response surface, network and examples; the first two with their tables."""
    input:
        asr=f"{RESULTS}/tables/asr.csv",
        calibration=f"{RESULTS}/tables/calibration.csv",
        confusion=f"{RESULTS}/tables/confusion.csv",
        training=of_groups("training.csv"),
        images=f"{RESULTS}/figures/examples.npz",
        table=f"{RESULTS}/figures/examples.csv",
    output:
        [shown_figure(path) for path in group_figures()],
    log:
        f"{LOGS}/group_figures.log",
    benchmark:
        f"{BENCHMARKS}/group_figures.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grows(2000),
        runtime=grows(30),
    params:
        groups=group_modalities(),
        success=STUDY.measures.success,
        code=script_digest("group_figures.py"),
    script:
        "../../scripts/group_figures.py"
