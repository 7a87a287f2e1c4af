import hashlib
import json
from pathlib import Path

from job import job, settings

import network_job
import numpy as np

from pgdose.attack.batching import SHORTCUTS, Execution
from pgdose.attack.external import external_surface
from pgdose.attack.settings import read_settings
from pgdose.attack.surface import surface
from pgdose.attack.surface_table import is_made_from, write_surface
from pgdose.checkpoints import Checkpoints
from pgdose.progress import Progress
from pgdose.tables.output_files import file_digest


def made_from(fields, images):
    """A digest of all that a surface depends on. Editing one attack leaves the others' alone."""
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    job_settings = [params.seed, params.shape, params.shards, params.threads, params.code]
    files = file_digest(inputs.members, inputs.network, inputs.clean)
    identity = [fields, job_settings, dict(wildcards.items()), files]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
    digest.update(images.tobytes())
    return digest.hexdigest()[:24]


def measure(name, fields, path, load_network, device, log):
    """Write the surface of one attack; returns its checkpoints, or None if the file holds it."""
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    attack = read_settings(fields)
    entry, doses = attack.entry, attack.doses
    members = network_job.attacked_members(
        snakemake, entry.images, int(wildcards.shard), params.shards
    )
    digest = made_from(fields, members.read(range(len(members))))
    name = f"{wildcards.group}/{wildcards.run}/{name}"
    if is_made_from(path, digest):
        log.info("%s: unchanged, its surface is kept", name)
        return None
    network, precision = load_network(entry.precision)
    clean = network_job.reusable_clean(inputs.clean, precision)
    samples = network_job.samples(members, params.seed, device, clean)
    checkpoints = Checkpoints(Path("work", f"attack-{digest}-{device.type}"))
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
        "attack": json.dumps(fields),
        "made_from": digest,
        "device": device.type,
        "precision": precision,
        "batch": str(measured.batch),
        "steps": str(measured.steps),
    }
    table = measured.table(members.table["member"].to_numpy(np.int32), doses, metadata)
    write_surface(table, path)
    return checkpoints


with job(snakemake) as log:
    device = network_job.device_of(snakemake)
    load_network = network_job.network_loader(snakemake, device, log)
    attacks = settings(snakemake.params).items()
    # Snakemake removes what a failed job wrote: so checkpoints stay until all surfaces are there.
    written = [
        measure(name, fields, path, load_network, device, log)
        for (name, fields), path in zip(attacks, snakemake.output, strict=True)
    ]
    for checkpoints in filter(None, written):
        checkpoints.remove()
