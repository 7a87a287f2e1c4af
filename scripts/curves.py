from functools import partial
from pathlib import Path

from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.plots import curves, style
from pgdose.tables import result_csv

with job(snakemake):
    given, params = snakemake.input, snakemake.params
    groups, points = settings(params, "groups"), settings(params, "points")
    asr, confidence = (
        as_counted(result_csv.read_csv(given[name]), params.success)
        for name in ("asr", "confidence")
    )
    sizes = result_csv.read_csv(given.training_size)
    iterations = points["iterations"]
    choose = {
        "fig3a": lambda: curves.over_epsilon(asr, groups, iterations),
        "fig3b": lambda: curves.over_iterations(asr, groups, points["epsilons_over_iterations"]),
        "fig3c": lambda: curves.over_confidence(confidence, groups, points["epsilon"], iterations),
        "fig3d": lambda: curves.over_training_size(sizes, groups),
    }
    draw = {
        "fig3a": curves.asr_over_epsilon,
        "fig3b": curves.asr_over_iterations,
        "fig3c": partial(curves.asr_over_confidence, attacks=confidence["attack"].unique()),
        "fig3d": curves.asr_over_training_size,
    }
    for path in map(Path, snakemake.output):
        rows = choose[path.stem]()
        if path.suffix == ".csv":
            result_csv.write_csv(rows, path)
        else:
            style.save(draw[path.stem](rows, groups), path)
