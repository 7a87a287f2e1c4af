from pathlib import Path

import numpy as np
import pandas as pd
import torch
from job import job, settings

from pgdose import devices
from pgdose.cohort import images
from pgdose.networks import folding, network_files, probe
from pgdose.tables import parquet, result_csv
from pgdose.tables.network_schemas import CLEAN
from pgdose.training import loop

with job(snakemake) as log:
    params, given = snakemake.params, snakemake.input
    torch.set_num_threads(params.threads)
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    shape, classes = settings(params, "shape"), settings(params, "classes")
    members = images.load_members(given.members, params.results, **shape)
    members = members.select(members.table["part"] == "validation")
    path, output = Path(given.file), snakemake.output.network
    network = network_files.bring(path, output, classes, shape["size"], settings(params)).to(device)
    # A few of each class: they come sorted.
    each = probe.LOOKED // len(classes) + 1
    rows = np.flatnonzero(members.table.groupby("class_index").cumcount() < each)
    attacked = folding.fold(network)
    probe.check(attacked, devices.scaled(members.read(rows), device), len(classes), path.name)
    logits = loop.evaluate(network, members, params.batch, device)
    log.info(
        "%s: accuracy %.3f on %d images",
        *(path.name, loop.accuracy(logits, members.labels), len(members)),
    )
    result_csv.write_csv(pd.DataFrame(columns=loop.COLUMNS), snakemake.output.training)
    clean = pd.DataFrame({"member": members.table["member"], "logits": list(logits)})
    parquet.write_table(clean, snakemake.output.clean, CLEAN)
