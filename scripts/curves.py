from functools import partial

from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.plots import confidence, curve_rows, curves, style, training_size
from pgdose.tables import result_csv

with job(snakemake):
    inputs, params = snakemake.input, snakemake.params
    groups, points = settings(params, "groups"), settings(params, "points")
    epsilon, iterations = points["epsilon"], points["iterations"]
    epsilons = points["epsilons_over_iterations"]
    asr, by_confidence, by_fine_confidence = (
        as_counted(result_csv.read_csv(inputs[name]), params.success)
        for name in ("asr", "confidence", "confidence_fine")
    )
    sizes, reached = (result_csv.read_csv(inputs[n]) for n in ("training_size", "doses_reached"))
    attacks = by_confidence["attack"].unique()
    rows = {
        "fig3a": partial(curve_rows.over_epsilon, asr, groups, iterations, reached),
        "fig3b": partial(curve_rows.over_iterations, asr, groups, epsilons),
        "fig3c": partial(curve_rows.over_confidence, by_confidence, groups, epsilon, iterations),
        "fig3c_fine": partial(
            curve_rows.over_confidence, by_fine_confidence, groups, epsilon, iterations
        ),
        "fig3d": partial(curve_rows.over_training_size, sizes, groups),
    }
    draw = {
        "fig3a": curves.asr_over_epsilon,
        "fig3b": curves.asr_over_iterations,
        "fig3c": partial(confidence.asr_over_confidence, epsilon=epsilon, attacks=attacks),
        "fig3c_fine": partial(
            confidence.asr_over_fine_confidence, epsilon=epsilon, attacks=attacks
        ),
        "fig3d": partial(training_size.asr_over_training_size, epsilon=epsilon),
    }
    for figure, files in style.files_of_figures(snakemake.output).items():
        of_figure = rows[figure.name]()
        style.save(draw[figure.name](of_figure, groups), files[".png"], files[".svg"])
        result_csv.write_csv(of_figure, files[".csv"])
