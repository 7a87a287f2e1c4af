from functools import partial

from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.plots import abstention, certified, control_rows, controls, defence, harm, style
from pgdose.tables import result_csv

with job(snakemake):
    params = snakemake.params
    groups, points = settings(params, "groups"), settings(params, "points")
    epsilon, iterations = points["epsilon"], points["iterations"]
    smallest = min(points["epsilons_over_iterations"], default=epsilon)
    tables = {name: result_csv.read_csv(path) for name, path in snakemake.input.items()}
    asr, reached = as_counted(tables["asr"], params.success), tables["doses_reached"]
    table = tables.get  # None where the study does not have what a table is about
    rows = {
        "fig_defence": partial(
            defence.defence_rows,
            *(asr, table("networks"), table("defence"), groups, iterations, reached),
        ),
        "fig_certified": partial(certified.over_radius, table("certified"), groups),
        "fig_controls": partial(
            control_rows.over_size,
            *(asr, table("controls"), groups, settings(params, "bounded"), iterations, reached),
        ),
        "fig_abstention": partial(
            abstention.over_rejected, table("abstention"), groups, epsilon, smallest
        ),
        "fig_harm": partial(harm.missed_and_false_alarms, table("harm"), groups, reached),
        "fig_expected_harm": partial(harm.expected_harms, table("harm"), groups, reached),
    }
    draw = {
        "fig_defence": defence.defences,
        "fig_certified": certified.certified_over_radius,
        "fig_controls": controls.asr_over_size,
        "fig_abstention": abstention.error_over_rejected,
        "fig_harm": harm.errors_over_epsilon,
        "fig_expected_harm": harm.expected_harm_over_epsilon,
    }
    for figure, files in style.files_of_figures(snakemake.output).items():
        of_figure = rows[figure.name]()
        style.save(draw[figure.name](of_figure, groups), files[".png"], files[".svg"])
        result_csv.write_csv(of_figure, files[".csv"])
