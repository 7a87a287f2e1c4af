from job import job, settings

import network_job
import torch

from pgdose import devices
from pgdose.attack.input_checks import check_clean_logits
from pgdose.networks import network_files
from pgdose.tables import clean_logits, result_csv
from pgdose.training import evaluation, history

with job(snakemake) as log:
    params, (group, run) = snakemake.params, (snakemake.wildcards.group, snakemake.wildcards.run)
    device = network_job.device_of(snakemake)
    network_files.save_combined(
        snakemake.input.networks, snakemake.output.network, settings(params)
    )
    network = network_files.load(snakemake.output.network, trust=params.trust).to(device)
    precision = devices.set_precision("fp32", device)
    members = network_job.load_members(snakemake)
    members = members.select(members.table["part"] == "validation")
    logits = evaluation.evaluate(network, members, params.batch, device)
    check_clean_logits(torch.from_numpy(logits))
    log.info(
        "%s/%s: accuracy %.3f on %d validation images",
        *(group, run, evaluation.accuracy(logits, members.labels), len(members)),
    )
    result_csv.write_csv(history.empty_table(), snakemake.output.training)
    offset = None if network.offset is None else network.offset.tolist()
    metadata = clean_logits.offset_metadata(offset)
    numbers = members.table["member"]
    clean_logits.write(snakemake.output.clean, numbers, logits, precision, metadata)
