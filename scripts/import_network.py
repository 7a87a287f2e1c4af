import json
from pathlib import Path

from job import job, settings

import torch

from pgdose import devices
from pgdose.cohort import images
from pgdose.networks import folding, network_files, probe, trial
from pgdose.study.networks import ExistingNetwork
from pgdose.tables import clean_logits, result_csv
from pgdose.training import evaluation, history

with job(snakemake) as log:
    params, files = snakemake.params, snakemake.input
    torch.set_num_threads(params.threads)
    device = devices.claim_device(snakemake.resources.get("gpu", 0))
    shape, classes = settings(params, "shape"), settings(params, "classes")
    existing = ExistingNetwork.model_validate(settings(params) | {"file": files.file})
    members = images.load_members(files.members, params.results, **shape)
    members = members.select(members.table["part"] == "validation")
    rows = probe.rows_to_probe(members.labels, len(classes))
    pixels, name = devices.scaled(members.read(rows), device), Path(files.file).name
    memory = snakemake.resources.batch_mb / 2  # the rest is for torch, weights and gradients
    limits = {"memory": memory * 4 / 3, "seconds": max(params.runtime // 2, 1)}
    trial.try_network(existing, classes, pixels[[0, -1]], **limits)
    network = network_files.import_network(
        existing, snakemake.output.network, classes, shape["size"]
    ).to(device)
    probe.check(folding.fold(network), pixels, len(classes), name, memory)
    precision = devices.set_precision("fp32", device)
    logits = evaluation.evaluate(network, members, params.batch, device)
    network.notes += probe.check_scale(logits, network, name)
    for note in network.notes:  # a pass adds which of several outputs was taken
        log.warning("%s: %s", name, note)
    run = f"{snakemake.wildcards.group}/{snakemake.wildcards.run}"
    log.info(
        "%s: accuracy %.3f on %d images",
        *(run, evaluation.accuracy(logits, members.labels), len(members)),
    )
    result_csv.write_csv(history.empty_table(), snakemake.output.training)
    offset = None if network.offset is None else network.offset.tolist()
    notes = {"notes": json.dumps(network.notes)} | clean_logits.offset_metadata(offset)
    numbers = members.table["member"]
    clean_logits.write(snakemake.output.clean, numbers, logits, precision, notes)
