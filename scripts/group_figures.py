from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.plots import examples, heatmap, network, style
from pgdose.plots.rows import main_networks
from pgdose.tables import result_csv

with job(snakemake) as log:
    inputs = snakemake.input
    groups = settings(snakemake.params, "groups")
    asr = as_counted(result_csv.read_csv(inputs.asr), snakemake.params.success)
    calibration, confusion = (
        main_networks(result_csv.read_csv(path)) for path in (inputs.calibration, inputs.confusion)
    )
    training = {
        group: result_csv.read_csv(path)
        for group, path in zip(groups, inputs.training, strict=True)
    }
    classes = settings(snakemake.params, "classes")
    table = examples.with_class_titles(result_csv.read_csv(inputs.table), classes)
    images = examples.load_images(inputs.images, len(table))
    rows = {
        "heatmap": lambda group: heatmap.surfaces(asr, group),
        "network": lambda group: network.measures(training[group], calibration, confusion, group),
    }
    draw = {
        "heatmap": heatmap.heat_map,
        "network": lambda rows, group: network.panels(rows, group, classes[group]),
    }
    for figure, files in style.files_of_figures(snakemake.output).items():
        kind, group = figure.parent.name, figure.name
        if kind == "examples":
            only = {group: groups[group]}
            style.save(examples.adversarial_examples(images, table, only), *files.values())
        else:
            of_figure = rows[kind](group)
            style.save(draw[kind](of_figure, group), files[".png"], files[".svg"])
            result_csv.write_csv(of_figure, files[".csv"])
    log.info("%d files for %d groups", len(snakemake.output), len(groups))
