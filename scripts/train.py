import shutil

import pandas as pd
import torch
from job import job, settings, work_folder

from pgdose import cohort, images, networks, records, training

with job(snakemake) as log:
    params, (group, run) = snakemake.params, (snakemake.wildcards.group, snakemake.wildcards.run)
    torch.set_num_threads(params.threads)
    device = networks.device_of(snakemake.resources.get("gpu", 0))
    members = images.load_members(
        snakemake.input.members,
        snakemake.input.missing,
        params.results,
        **settings(params, "shape"),
    )
    wanted = settings(params)
    in_training = members.table["part"] == "training"
    validation = members.select(~in_training)
    learned = members.select(in_training)
    if run != "full":
        size = int(run[1:].split("-")[0])
        learned.table = cohort.subset(learned.table, size, params.seed, run).reset_index(drop=True)
    known = {
        "architecture": wanted.pop("architecture"),
        "width": wanted.pop("width"),
        "classes": params.classes,
    }
    torch.manual_seed(
        int(records.generator(params.seed, "weights", f"{group}/{run}").integers(2**63))
    )
    network = networks.build(**known, weights=wanted.pop("weights"))
    log.info("%s/%s: %d training images on %s", group, run, len(learned), device)
    work = work_folder(snakemake, snakemake.input.members, *snakemake.input.missing, device=device)
    history = training.train(
        network,
        learned,
        validation,
        seed=params.seed,
        name=f"{group}/{run}",
        device=device,
        work=work,
        **wanted,
    )
    logits = training.evaluate(network, validation, int(history["at_once"].iloc[-1]), device)
    log.info(
        "%s/%s: accuracy %.3f on %d validation images",
        *(group, run, training.accuracy(logits, validation.labels), len(validation)),
    )
    networks.save(network, snakemake.output.network, known)
    records.write_csv(history, snakemake.output.training)
    clean = pd.DataFrame({"member": validation.table["member"], "logits": list(logits)})
    records.write_table(clean, snakemake.output.clean, records.CLEAN)
    shutil.rmtree(work, ignore_errors=True)
