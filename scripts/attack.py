import network_job
import numpy as np
from job import job, settings
from work_folder import work_folder

from pgdose.attack.batching import SHORTCUTS, Execution
from pgdose.attack.external import external_surface
from pgdose.attack.settings import read_settings
from pgdose.attack.surface import surface
from pgdose.attack.surface_table import write_surface
from pgdose.checkpoints import Checkpoints
from pgdose.progress import Progress
from pgdose.tables.output_files import file_digest

with job(snakemake) as log:
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    device = network_job.device_of(snakemake)
    attack = read_settings(settings(params))
    entry, doses = attack.entry, attack.doses
    members = network_job.attacked_members(
        snakemake, entry.images, int(wildcards.shard), params.shards
    )
    network, precision = network_job.load_network(
        snakemake, inputs.network, entry.precision, device, log
    )
    clean = network_job.reusable_clean(inputs.clean, precision)
    samples = network_job.samples(members, params.seed, device, clean)
    name = f"{wildcards.group}/{wildcards.run}/{wildcards.attack}"
    checkpoints = Checkpoints(work_folder(snakemake, inputs.members, device=device))
    finished = checkpoints.load()
    if finished:
        log.info("%s: resuming after %d batches", name, len(finished))
    execution = Execution(
        batch=entry.batch or network_job.batch_size(snakemake, network, samples.images, device),
        shortcuts=getattr(entry, "shortcuts", SHORTCUTS),
        finished=finished,
        keep=checkpoints.save,
        progress=Progress(log, name),
    )
    if entry.kind == "external":
        measured = external_surface(network, samples, entry, doses, execution)
    else:
        measured = surface(network, samples, attack.make(), doses, execution)
    count = int(measured.attacked.sum())
    log.info(
        "%s: %d of %d images attacked, %.1f gradient steps each, %d at a time",
        *(name, count, len(members), measured.steps / max(count, 1), measured.batch),
    )
    right = measured.clean.argmax(dim=1).numpy() == members.labels
    metadata = {
        "n_images": str(len(members)),
        "n_correct": str(int(np.count_nonzero(right))),
        "network": file_digest(inputs.network),
        "members": file_digest(inputs.members),
        "attack": params.settings,
        "device": device.type,
        "precision": precision,
        "batch": str(measured.batch),
        "steps": str(measured.steps),
    }
    table = measured.table(members.table["member"].to_numpy(np.int32), doses, metadata)
    write_surface(table, snakemake.output[0])
    checkpoints.remove()
