import shutil

import pandas as pd
import torch
from job import job, settings
from work_folder import work_folder

from pgdose import devices
from pgdose.cohort import images, subsets
from pgdose.networks import architectures, network_files
from pgdose.tables import keyed, parquet, result_csv
from pgdose.tables.network_schemas import CLEAN
from pgdose.training import loop, tensorboard

with job(snakemake) as log:
    params, (group, run) = snakemake.params, (snakemake.wildcards.group, snakemake.wildcards.run)
    name, wanted = f"{group}/{run}", settings(params)
    torch.set_num_threads(params.threads)
    used = devices.devices_of(min(snakemake.resources.get("gpu", 0), wanted.pop("gpus")))
    device = used[0]
    devices.be_deterministic(wanted.pop("deterministic"), device)
    shape = settings(params, "shape")
    members = images.load_members(snakemake.input.members, params.results, **shape)
    in_training = members.table["part"] == "training"
    validation = members.select(~in_training)
    learned = members.select(in_training)
    if params.size:
        drawn = subsets.subset(learned.table, params.size, params.seed, run)
        learned = learned.select(learned.table["member"].isin(drawn["member"]))
    share, judges = wanted.pop("held_out"), None
    if wanted["keep"] == "best" or wanted["patience"]:
        held_out = subsets.held_out(learned.table, share, params.seed, name)
        judges = learned.select(held_out & (learned.table["copy"] == 0))
        learned = learned.select(~held_out)
    known = {"classes": params.classes, "size": shape["size"]}
    known |= {key: wanted.pop(key) for key in ("architecture", "width")}
    torch.manual_seed(int(keyed.generator(params.seed, "weights", name).integers(2**63)))
    network = architectures.build(
        **known,
        weights=wanted.pop("weights"),
        dropout=wanted.pop("dropout"),
        auxiliary=wanted["auxiliary"] > 0,
    )
    how = loop.Settings(**wanted)
    log.info("%s: %d training images on %s", name, len(learned), ", ".join(map(str, used)))
    work = work_folder(snakemake, snakemake.input.members, device=device)
    readers = 1 if device.type == "cpu" else params.threads
    history = loop.train(
        network,
        learned,
        validation,
        how,
        seed=params.seed,
        name=name,
        devices=used,
        work=work,
        held_out=judges,
        readers=readers,
        tell=tensorboard.writer(snakemake.output.get("events")),
    )
    at_once = int(history["at_once"].iloc[-1])
    logits = loop.evaluate(network, validation, at_once, device, readers)
    log.info(
        "%s: accuracy %.3f on %d validation images",
        *(name, loop.accuracy(logits, validation.labels), len(validation)),
    )
    made = devices.described(used, how.precision)
    if made["precision"] != how.precision:
        log.warning("precision: %s is for CUDA; %s it is", how.precision, made["precision"])
    network_files.save(network, snakemake.output.network, known | {"made": made})
    result_csv.write_csv(history, snakemake.output.training)
    by_batches = loop.by_batch_statistics(network, validation, at_once, device, readers)
    clean = pd.DataFrame({"member": validation.table["member"], "logits": list(logits)})
    told = {} if by_batches is None else {"accuracy_by_batches": str(by_batches)}
    parquet.write_table(clean, snakemake.output.clean, CLEAN, told)
    shutil.rmtree(work, ignore_errors=True)
