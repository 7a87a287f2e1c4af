# From tables to figures.


rule curves:
    """Figs. 3a-3d: success against eps, iterations, clean confidence and training size."""
    input:
        asr=f"{RESULTS}/tables/asr.csv",
        confidence=f"{RESULTS}/tables/confidence.csv",
        training_size=f"{RESULTS}/tables/training_size.csv",
    output:
        [
            f"{RESULTS}/figures/{name}.{kind}"
            for name in CURVES
            for kind in ("png", "svg")
        ],
    log:
        f"{LOGS}/curves.log",
    benchmark:
        f"{BENCHMARKS}/curves.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        groups=group_modalities(),
        points=as_json(STUDY.operating_points.known()),
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
            f"{RESULTS}/figures/{name}.{kind}"
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
        mem_mb=2000,
        runtime=20,
    params:
        groups=group_modalities(),
        code=script_digest("pictures.py"),
    script:
        "../../scripts/pictures.py"
