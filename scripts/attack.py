import numpy as np
import torch
from job import file_digest, job, settings, work_folder

from pgdose import devices
from pgdose.attack import external, make, surface, surface_table
from pgdose.attack.engine import SHORTCUTS
from pgdose.checkpoints import Checkpoints, Progress
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.tables import parquet, sharding

with job(snakemake) as log:
    params, wildcards = snakemake.params, snakemake.wildcards
    torch.set_num_threads(params.threads)
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    wanted = settings(params)
    members = images.load_members(
        snakemake.input.members,
        params.results,
        **settings(params, "shape"),
    )
    validation = members.table[members.table["part"] == "validation"]
    drawn = image_draws.attacked(validation, wanted["images"], params.seed, wildcards.group)
    rows = sharding.shard_rows(len(drawn), int(wildcards.shard), params.shards)
    members = members.select(members.table["member"].isin(drawn["member"].iloc[rows]))
    pixels = devices.scaled(members.read(range(len(members))), device)
    network, precision = network_files.load_to_attack(
        snakemake.input.network, wanted["precision"], device
    )
    if precision != wanted["precision"]:
        log.warning("precision: %s is for CUDA; %s it is", wanted["precision"], precision)
    batch = wanted["batch"] or devices.fitting_batch(
        network,
        pixels.new_zeros((1, *pixels.shape[1:])),
        device,
        snakemake.resources.batch_mb - pixels.nbytes // 10**6,
    )
    name = f"{wildcards.group}/{wildcards.run}/{wildcards.attack}"
    done = Checkpoints(work_folder(snakemake, snakemake.input.members, device=device))
    known = done.load()
    if known:
        log.info("%s: going on after %d batches", name, len(known))
    doses = {
        "epsilons": wanted["epsilon"],
        "max_iter": wanted["max_iter"],
        "keys": torch.from_numpy(image_draws.image_keys(members.table, params.seed)),
        "batch": batch,
        "parts": known,
        "keep": done.save,
        "progress": Progress(log, name),
    }
    classes = torch.from_numpy(members.labels).to(device)
    if wanted["kind"] == "external":
        found = external.external_surface(network, pixels, classes, wanted, **doses)
    else:
        doses["shortcuts"] = wanted.get("shortcuts", SHORTCUTS)
        found = surface(network, pixels, classes, make(wanted), **doses)
    count = int(found.attacked.sum())
    log.info(
        "%s: %d of %d images attacked, %.1f gradient steps each, %d at a time",
        *(name, count, len(members), found.steps / max(count, 1), found.batch),
    )
    values = ("logits", "stored", "change", "zero_gradient", "bad_gradient")
    parquet.write_table(
        surface_table.surface_table(
            members.table["member"].to_numpy(np.int32)[found.attacked.numpy()],
            wanted["epsilon"],
            **{value: getattr(found, value).float().numpy() for value in values},
        ),
        snakemake.output[0],
        metadata={
            "n_images": str(len(members)),
            "n_correct": str(int((found.clean.argmax(dim=1) == classes.cpu()).sum())),
            "network": file_digest(snakemake.input.network),
            "members": file_digest(snakemake.input.members),
            "attack": params.settings,
            "device": device.type,
            "precision": precision,
            "batch": str(found.batch),
            "steps": str(found.steps),
        },
    )
    done.remove()
