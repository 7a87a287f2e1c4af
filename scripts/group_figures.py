from pathlib import Path

import numpy as np
from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.plots import examples, heatmap, network, style
from pgdose.tables import result_csv

with job(snakemake) as log:
    given = snakemake.input
    groups = settings(snakemake.params, "groups")
    asr = as_counted(result_csv.read_csv(given.asr), snakemake.params.success)
    calibration, confusion = (
        table[table["run"] == "full"].drop(columns="run")
        for table in map(result_csv.read_csv, (given.calibration, given.confusion))
    )
    training = {
        group: result_csv.read_csv(path) for group, path in zip(groups, given.training, strict=True)
    }
    shown = result_csv.read_csv(given.table)
    with np.load(given.images) as file:
        images = [file[f"image{i}"] for i in range(len(shown))]
    choose = {
        "heatmap": lambda group: heatmap.surfaces(asr, group),
        "network": lambda group: network.measures(training[group], calibration, confusion, group),
    }
    draw = {"heatmap": heatmap.heat_map, "network": network.panels}
    for path in map(Path, snakemake.output):
        kind, group = path.parent.name, path.stem
        if kind == "examples":
            own = {group: groups[group]}
            style.save(examples.adversarial_examples(images, shown, own), path)
        elif path.suffix == ".csv":
            result_csv.write_csv(choose[kind](group), path)
        else:
            style.save(draw[kind](choose[kind](group), group), path)
    log.info("%d files for %d groups", len(snakemake.output), len(groups))
