import json
import shutil

from job import job, settings

import torch
from work_folder import work_folder

from pgdose import devices
from pgdose.cohort import images
from pgdose.networks import architectures, network_files
from pgdose.study.training import Training
from pgdose.tables import clean_logits, result_csv
from pgdose.training import batch_statistics, data, evaluation, loop, tensorboard

with job(snakemake) as log:
    params, (group, run) = snakemake.params, (snakemake.wildcards.group, snakemake.wildcards.run)
    name, training = f"{group}/{run}", Training.model_validate_json(params.settings)
    torch.set_num_threads(params.threads)
    used = devices.claim_devices(min(snakemake.resources.get("gpu", 0), training.gpus))
    device = used[0]
    devices.set_deterministic(training.deterministic, device)
    shape = settings(params, "shape")
    members = images.load_members(snakemake.input.members, params.results, **shape)
    chosen = data.select_data(
        members, training, seed=params.seed, group=group, run=run, size=params.size
    )
    network = architectures.initial_network(
        training, params.classes, shape["size"], seed=params.seed, name=name
    )
    log.info("%s: %d training images on %s", name, len(chosen.training), ", ".join(map(str, used)))
    work = work_folder(snakemake, snakemake.input.members, device=device)
    readers = 1 if device.type == "cpu" else params.threads
    history = loop.train(
        network,
        chosen,
        training,
        loop.Resources(used, work, readers),
        seed=params.seed,
        name=name,
        on_epoch=tensorboard.epoch_writer(snakemake.output.get("events")),
    )
    inference = chosen.validation, int(history["at_once"].iloc[-1]), device, readers
    logits = evaluation.evaluate(network, *inference)
    log.info(
        "%s: accuracy %.3f on %d validation images",
        *(name, evaluation.accuracy(logits, chosen.validation.labels), len(chosen.validation)),
    )
    made = devices.describe(used, training.precision)
    if made["precision"] != training.precision:
        log.warning("precision: %s needs CUDA; using %s", training.precision, made["precision"])
    description = {
        "classes": params.classes,
        "size": shape["size"],
        "architecture": training.architecture,
        "width": training.width,
        "made": made,
    }
    network_files.save(network, snakemake.output.network, description)
    result_csv.write_csv(history, snakemake.output.training)
    by_batches = batch_statistics.accuracy_by_batches(network, *inference)
    metadata = {} if by_batches is None else {"accuracy_by_batches": str(by_batches)}
    for note in network.notes:
        log.warning("%s: training.weights: %s", name, note)
    metadata["notes"] = json.dumps([f"training.weights: {note}" for note in network.notes])
    # Training in bf16 or fp16 evaluates in fp32.
    precision = "tf32" if made["precision"] == "tf32" else "fp32"
    clean_logits.write(
        snakemake.output.clean, chosen.validation.table["member"], logits, precision, metadata
    )
    shutil.rmtree(work, ignore_errors=True)
