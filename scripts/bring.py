from pathlib import Path

import numpy as np
import pandas as pd
import torch
from job import job, settings

from pgdose import arrival, devices, images, loading, networks, records, training

with job(snakemake) as log:
    params, given = snakemake.params, snakemake.input
    torch.set_num_threads(params.threads)
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    shape, classes = settings(params, "shape"), settings(params, "classes")
    members = images.load_members(given.members, given.missing, params.results, **shape)
    members = members.select(members.table["part"] == "validation")
    path, output = Path(given.file), snakemake.output.network
    network = networks.bring(path, output, classes, shape["size"], settings(params)).to(device)
    # A few of each class: they come sorted.
    each = arrival.LOOKED // len(classes) + 1
    rows = np.flatnonzero(members.table.groupby("class_index").cumcount() < each)
    attacked = networks.fold(network)
    arrival.check(attacked, loading.scaled(members.read(rows), device), len(classes), path.name)
    logits = training.evaluate(network, members, params.batch, device)
    log.info(
        "%s: accuracy %.3f on %d images",
        *(path.name, training.accuracy(logits, members.labels), len(members)),
    )
    records.write_csv(pd.DataFrame(columns=training.COLUMNS), snakemake.output.training)
    clean = pd.DataFrame({"member": members.table["member"], "logits": list(logits)})
    records.write_table(clean, snakemake.output.clean, records.CLEAN)
