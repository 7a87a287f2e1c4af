import pandas as pd
from job import job, settings

from pgdose.plots import curves, style

with job(snakemake):
    groups, points = (settings(snakemake.params, name) for name in ("groups", "points"))
    asr, confidence, sizes = (
        pd.read_csv(snakemake.input[name]) for name in ("asr", "confidence", "training_size")
    )
    draw = {
        "fig3a": lambda: curves.asr_over_epsilon(asr, groups, points["iterations"]),
        "fig3b": lambda: curves.asr_over_iterations(
            asr, groups, points["epsilons_over_iterations"]
        ),
        "fig3c": lambda: curves.asr_over_confidence(
            confidence, groups, points["epsilon"], points["iterations"]
        ),
        "fig3d": lambda: curves.asr_over_training_size(sizes, groups),
    }
    for path in snakemake.output:
        style.save(draw[path.rsplit("/", 1)[-1].split(".")[0]](), path)
