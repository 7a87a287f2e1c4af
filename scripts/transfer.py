from job import job, settings

import network_job
import numpy as np
from work_folder import work_folder

from pgdose.attack.batching import Execution
from pgdose.attack.settings import read_settings
from pgdose.attack.transfer import transfer
from pgdose.attack.transfer_table import transfer_table
from pgdose.checkpoints import Checkpoints
from pgdose.progress import Progress
from pgdose.tables import parquet

with job(snakemake) as log:
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    device = network_job.device_of(snakemake)
    attack, judges = read_settings(settings(params)), settings(params, "judges")
    entry, doses = attack.entry, attack.doses
    members = network_job.attacked_members(snakemake, entry.images)
    networks = {
        run: network_job.load_network(snakemake, path, entry.precision, device, log)
        for run, path in zip(judges, inputs.networks, strict=True)
    }
    network, precision = networks[wildcards.run]
    clean = network_job.reusable_clean(inputs.clean, precision)
    samples = network_job.samples(members, params.seed, device, clean)
    name = f"{wildcards.group}/{wildcards.run}/{wildcards.attack}"
    checkpoints = Checkpoints(work_folder(snakemake, inputs.members, device=device))
    execution = Execution(
        batch=entry.batch or network_job.batch_size(snakemake, network, samples.images, device),
        finished=checkpoints.load(),
        keep=checkpoints.save,
        progress=Progress(log, name),
    )
    iteration = min(doses.max_iter, params.iterations)
    shown_to = [judge for judge, _ in networks.values()]
    result = transfer(network, shown_to, samples, attack.make(), doses, iteration, execution)
    attacked = members.table["member"].to_numpy(np.int32)[result.attacked.numpy()]
    log.info("%s: %d images, judged by %s", name, len(attacked), ", ".join(judges))
    table = transfer_table(attacked, judges, doses.epsilons, result.logits.float().numpy())
    metadata = {"iteration": str(iteration), "device": device.type}
    parquet.write_table(table, snakemake.output[0], metadata=metadata)
    checkpoints.remove()
