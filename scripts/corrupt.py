from job import job, settings

import network_job
import torch
from work_folder import work_folder

from pgdose.attack.batching import Execution
from pgdose.attack.corruptions.judging import Series, judge
from pgdose.attack.corruptions.table import corruption_table
from pgdose.checkpoints import Checkpoints
from pgdose.progress import Progress
from pgdose.tables import parquet

with job(snakemake) as log:
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    controls, device = settings(params), network_job.device_of(snakemake)
    network, precision = network_job.load_network(snakemake, inputs.network, "fp32", device, log)
    members = network_job.attacked_members(snakemake, "all")
    samples = network_job.samples(members, params.seed, device)
    table, rows = members.table, {}
    for name, entry in controls.items():
        drawn = network_job.attacked_members(snakemake, entry["images"]).table["member"]
        rows[name] = torch.from_numpy(table["member"].isin(drawn).to_numpy().nonzero()[0])
    series = [
        (name, Series(entry["corruption"], severity, rows[name]))
        for name, entry in controls.items()
        for severity in entry["severities"]
    ]
    checkpoints = Checkpoints(work_folder(snakemake, inputs.members, device=device))
    execution = Execution(
        batch=network_job.batch_size(snakemake, network, samples.images, device),
        finished=checkpoints.load(),
        keep=checkpoints.save,
        progress=Progress(log, f"{wildcards.group}/{wildcards.run}"),
    )
    values = judge(network, samples, [one for _, one in series], execution)
    numbers = table["member"].to_numpy()
    made = [(name, one.severity, numbers[one.rows.numpy()]) for name, one in series]
    log.info("%s/%s: %s", wildcards.group, wildcards.run, ", ".join(controls))
    arrays = {name: values[name].float().numpy() for name in ("logits", "l_inf", "l2")}
    parquet.write_table(
        corruption_table(made, wildcards.run, arrays),
        snakemake.output[0],
        metadata={"device": device.type, "precision": precision},
    )
    checkpoints.remove()
