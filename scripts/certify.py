from job import job, settings

import network_job
import numpy as np
from work_folder import work_folder

from pgdose.analysis.certificates import certificates
from pgdose.attack.batching import Execution
from pgdose.attack.certificate import count_votes
from pgdose.checkpoints import Checkpoints
from pgdose.progress import Progress
from pgdose.study.defended_networks import Smoothing
from pgdose.tables import network_schemas, parquet

with job(snakemake) as log:
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    device = network_job.device_of(snakemake)
    smoothing = Smoothing(**settings(params))
    members = network_job.attacked_members(snakemake, smoothing.images)
    # The network behind the smoothing: the copies are the noise that its wrapper would draw.
    network, _ = network_job.load_network(snakemake, inputs.network, "fp32", device, log)
    samples = network_job.samples(members, params.seed, device)
    name = f"{wildcards.group}/{wildcards.run}"
    checkpoints = Checkpoints(work_folder(snakemake, inputs.members, device=device))
    execution = Execution(
        batch=network_job.batch_size(snakemake, network, samples.images, device),
        finished=checkpoints.load(),
        keep=checkpoints.save,
        progress=Progress(log, name),
    )
    votes = count_votes(network, samples, smoothing, execution)
    table = certificates(
        members.table["member"].to_numpy(np.int32),
        members.labels,
        *(votes.chosen.numpy(), votes.n_top.numpy(), smoothing),
    )
    abstained = int((table["class_index"] < 0).sum())
    log.info("%s: %d images, %d of them without a certificate", name, len(table), abstained)
    metadata = {"device": device.type, "sigma": str(smoothing.sigma), "alpha": str(smoothing.alpha)}
    parquet.write_table(table, snakemake.output[0], network_schemas.CERTIFICATE, metadata)
    checkpoints.remove()
