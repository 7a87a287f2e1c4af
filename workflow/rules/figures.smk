# From tables to figures.
#
# A new figure of the whole study: its name in CURVES, or in COMPARISONS if only some studies have it
# (of each group: in GROUP_FIGURES); its rows and its drawing in src/pgdose/plots/ (colours in
# style.py); both by that name in curves.py (comparisons.py, group_figures.py), which takes the kind of
# figure from the name of the file; its table as an input of the rule below; its title and caption in
# src/pgdose/report/captions.py, then `python -m pgdose.report.captions`. The page shows the figures of both lists in this order; those of
# groups are named in rules/report.smk too.


rule curves:
    """Figs. 3a-3d: success over eps, iterations, clean confidence and training size.

    The table that each figure is drawn from stands beside it.
    """
    input:
        asr=f"{RESULTS}/tables/asr.csv",
        confidence=f"{RESULTS}/tables/confidence.csv",
        confidence_fine=f"{RESULTS}/tables/confidence_fine.csv",
        training_size=f"{RESULTS}/tables/training_size.csv",
        doses_reached=f"{RESULTS}/tables/doses_reached.csv",
    output:
        shown_figures(figures(CURVES, ("png", "svg", "csv"))),
    log:
        f"{LOGS}/curves.log",
    benchmark:
        f"{BENCHMARKS}/curves.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        groups=modalities(),
        points=as_json(STUDY.operating_points.to_dict()),
        success=STUDY.measures.success,
        code=script_digest("curves.py"),
    script:
        "../../scripts/curves.py"


rule comparisons:
    """Defended networks, certificates, controls, abstention and harm, as far as the study has them."""
    input:
        **optional_tables(["defence", "certified", "controls"]),
        asr=f"{RESULTS}/tables/asr.csv",
        doses_reached=f"{RESULTS}/tables/doses_reached.csv",
        networks=f"{RESULTS}/tables/networks.csv",
        abstention=f"{RESULTS}/tables/abstention.csv",
        harm=f"{RESULTS}/tables/harm.csv",
    output:
        shown_figures(figures(COMPARISONS, ("png", "svg", "csv"))),
    log:
        f"{LOGS}/comparisons.log",
    benchmark:
        f"{BENCHMARKS}/comparisons.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        groups=modalities(),
        points=as_json(STUDY.operating_points.to_dict()),
        success=STUDY.measures.success,
        bounded=as_json(
            {
                name: "l2" if is_length else "l_inf"
                for name, (_, is_length) in bounded_attacks().items()
            }
        ),
        code=script_digest("comparisons.py"),
    script:
        "../../scripts/comparisons.py"


rule pictures:
    """Figs. 1 and 2: originals beside their adversarial versions."""
    input:
        images=f"{RESULTS}/figures/examples.npz",
        table=f"{RESULTS}/figures/examples.csv",
    output:
        shown_figures(figures(["fig1", "fig2"], ("png", "svg"))),
    log:
        f"{LOGS}/pictures.log",
    benchmark:
        f"{BENCHMARKS}/pictures.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        groups=modalities(),
        classes=as_json(STUDY.class_titles()),
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
        training=run_file("training.csv", runs("main")),
        images=f"{RESULTS}/figures/examples.npz",
        table=f"{RESULTS}/figures/examples.csv",
    output:
        shown_figures(group_figures()),
    log:
        f"{LOGS}/group_figures.log",
    benchmark:
        f"{BENCHMARKS}/group_figures.tsv"
    conda:
        "../../envs/data.yaml"
    params:
        groups=modalities(),
        classes=as_json(STUDY.class_titles()),
        success=STUDY.measures.success,
        code=script_digest("group_figures.py"),
    script:
        "../../scripts/group_figures.py"
