import json
import time
from pathlib import Path

from job import job, settings

import torch

from pgdose import devices
from pgdose.cohort import images
from pgdose.errors import Damaged, UserError
from pgdose.networks import (
    folding,
    import_findings,
    network_files,
    preprocessing_grid,
    probe,
    trial,
)
from pgdose.study.networks import ExistingNetwork
from pgdose.tables import clean_logits, output_files, result_csv
from pgdose.training import evaluation, history


def take(existing, members, classes, device):
    """The network, read and probed; UserError if it cannot be attacked."""
    params, name = snakemake.params, Path(existing.file).name
    pixels = devices.scaled(members.read(probe.rows_to_probe(members.labels, len(classes))), device)
    memory = snakemake.resources.batch_mb / 2  # the rest is for torch, weights and gradients
    limits = {"memory": memory * 4 / 3, "seconds": max(params.runtime // 2, 1)}
    trial.try_network(existing, classes, pixels[[0, -1]], **limits)
    size = settings(params, "shape")["size"]
    network = network_files.import_network(existing, snakemake.output.network, classes, size)
    network = network.to(device)
    probe.check(folding.fold(network), pixels, len(classes), name, memory)
    return network


def try_preprocessings(network, members, classes, device, seconds_an_image):
    """The grid of other preprocessings: it takes no longer than the import took until now."""
    seconds = max(time.monotonic() - BEGUN, preprocessing_grid.LEAST_SECONDS)
    several = len(preprocessing_grid.candidates(network, members.channels))
    amount = preprocessing_grid.amount_of_images(seconds_an_image, seconds, several)
    rows = preprocessing_grid.rows_to_try(members.labels, len(classes), amount)
    return preprocessing_grid.try_candidates(
        network,
        devices.scaled(members.read(rows), device),
        members.labels[rows],
        len(classes),
        snakemake.params.batch,
        seconds,
    )


BEGUN = time.monotonic()
with job(snakemake) as log:
    params, files = snakemake.params, snakemake.input
    torch.set_num_threads(params.threads)
    device = devices.claim_device(snakemake.resources.get("gpu", 0))
    shape, classes = settings(params, "shape"), settings(params, "classes")
    existing = ExistingNetwork.model_validate(settings(params) | {"file": files.file})
    run = f"{snakemake.wildcards.group}/{snakemake.wildcards.run}"
    members = images.load_members(files.members, params.results, **shape)
    members = members.select(members.table["part"] == "validation")
    findings = import_findings.describe(existing, run, shape["size"], classes)
    try:
        network = take(existing, members, classes, device)
        precision = devices.set_precision("fp32", device)
        evaluated = time.monotonic()
        logits = evaluation.evaluate(network, members, params.batch, device)
        network.notes += probe.check_scale(logits, network, findings["file"])
    except Damaged:
        raise
    except UserError as refusal:
        raise import_findings.refused(findings, refusal, Path(params.page)) from None
    for note in network.notes:  # a pass adds which of several outputs was taken
        log.warning("%s: %s", findings["file"], note)
    seconds_an_image = (time.monotonic() - evaluated) / max(len(members), 1)
    accuracy = evaluation.accuracy(logits, members.labels)
    log.info("%s: accuracy %.3f on %d images", run, accuracy, len(members))
    confusion = preprocessing_grid.confusion(members.labels, logits.argmax(axis=1), len(classes))
    grid = None
    if preprocessing_grid.is_poor(confusion):
        grid = try_preprocessings(network, members, classes, device, seconds_an_image)
        log.warning("%s: right on %.0f %% of its images; see %s", run, 100 * accuracy, params.page)
    findings |= import_findings.counted(confusion, network.notes, grid)
    with output_files.atomic(snakemake.output.findings) as beside:
        beside.write_text(json.dumps(findings))
    result_csv.write_csv(history.empty_table(), snakemake.output.training)
    offset = None if network.offset is None else network.offset.tolist()
    notes = {"notes": json.dumps(network.notes)} | clean_logits.offset_metadata(offset)
    numbers = members.table["member"]
    clean_logits.write(snakemake.output.clean, numbers, logits, precision, notes)
