from functools import partial

from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.plots import (
    abstention,
    certified,
    confidence,
    control_rows,
    controls,
    curve_rows,
    curves,
    defence,
    harm,
    style,
    training_size,
)
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
    sizes, reached, errors = (
        result_csv.read_csv(inputs[n]) for n in ("training_size", "doses_reached", "harm")
    )
    abstaining = result_csv.read_csv(inputs.abstention)
    attacks = by_confidence["attack"].unique()
    optional = {
        name: result_csv.read_csv(path)
        for name, path in inputs.items()
        if name in ("certified", "controls", "defence")
    }
    networks = result_csv.read_csv(inputs.networks)
    rows = {
        "fig3a": partial(curve_rows.over_epsilon, asr, groups, iterations, reached),
        "fig3b": partial(curve_rows.over_iterations, asr, groups, epsilons),
        "fig3c": partial(curve_rows.over_confidence, by_confidence, groups, epsilon, iterations),
        "fig3c_fine": partial(
            curve_rows.over_confidence, by_fine_confidence, groups, epsilon, iterations
        ),
        "fig3d": partial(curve_rows.over_training_size, sizes, groups),
        "fig_certified": lambda: certified.over_radius(optional["certified"], groups),
        "fig_harm": partial(harm.missed_and_false_alarms, errors, groups, reached),
        "fig_expected_harm": partial(harm.expected_harms, errors, groups, reached),
        "fig_controls": partial(
            control_rows.over_size,
            asr,
            optional.get("controls"),
            groups,
            settings(params, "compared"),
            iterations,
            reached,
        ),
        "fig_defence": lambda: defence.defence_rows(
            asr, networks, optional["defence"], groups, iterations, reached
        ),
        "fig_abstention": partial(
            abstention.over_rejected, abstaining, groups, epsilon, min(epsilons, default=epsilon)
        ),
    }
    draw = {
        "fig3a": curves.asr_over_epsilon,
        "fig3b": curves.asr_over_iterations,
        "fig3c": partial(confidence.asr_over_confidence, epsilon=epsilon, attacks=attacks),
        "fig3c_fine": partial(
            confidence.asr_over_fine_confidence, epsilon=epsilon, attacks=attacks
        ),
        "fig3d": partial(training_size.asr_over_training_size, epsilon=epsilon),
        "fig_certified": certified.certified_over_radius,
        "fig_harm": harm.errors_over_epsilon,
        "fig_expected_harm": harm.expected_harm_over_epsilon,
        "fig_controls": controls.asr_over_size,
        "fig_defence": defence.defences,
        "fig_abstention": abstention.error_over_rejected,
    }
    for figure, files in style.files_of_figures(snakemake.output).items():
        of_figure = rows[figure.name]()
        style.save(draw[figure.name](of_figure, groups), files[".png"], files[".svg"])
        result_csv.write_csv(of_figure, files[".csv"])
