import numpy as np
import torch
from job import job, settings, work_folder

from pgdose import devices
from pgdose.attack import make, surface_table, transfer
from pgdose.checkpoints import Checkpoints, Progress
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.tables import parquet

with job(snakemake) as log:
    params, wildcards = snakemake.params, snakemake.wildcards
    torch.set_num_threads(params.threads)
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    wanted, judges = settings(params), settings(params, "judges")
    members = images.load_members(
        snakemake.input.members,
        params.results,
        **settings(params, "shape"),
    )
    validation = members.table[members.table["part"] == "validation"]
    drawn = image_draws.attacked(validation, wanted["images"], params.seed, wildcards.group)
    members = members.select(members.table["member"].isin(drawn["member"]))
    pixels = devices.scaled(members.read(range(len(members))), device)
    loaded = {
        run: network_files.load_to_attack(path, wanted["precision"], device)[0]
        for run, path in zip(judges, snakemake.input.networks, strict=True)
    }
    network = loaded[wildcards.run]
    batch = wanted["batch"] or devices.fitting_batch(
        network,
        pixels.new_zeros((1, *pixels.shape[1:])),
        device,
        snakemake.resources.batch_mb - pixels.nbytes // 10**6,
    )
    done = Checkpoints(work_folder(snakemake, snakemake.input.members, device=device))
    iteration = min(wanted["max_iter"], params.iterations)
    name = f"{wildcards.group}/{wildcards.run}/{wildcards.attack}"
    found = transfer(
        network,
        list(loaded.values()),
        pixels,
        torch.from_numpy(members.labels).to(device),
        make(wanted),
        epsilons=wanted["epsilon"],
        iteration=iteration,
        max_iter=wanted["max_iter"],
        keys=torch.from_numpy(image_draws.image_keys(members.table, params.seed)),
        batch=batch,
        parts=done.load(),
        keep=done.save,
        progress=Progress(log, name),
    )
    attacked = members.table["member"].to_numpy(np.int32)[found.attacked.numpy()]
    log.info("%s: %d images, judged by %s", name, len(attacked), ", ".join(judges))
    seen = surface_table.transfer_table(
        attacked, judges, wanted["epsilon"], found.logits.float().numpy()
    )
    about = {"iteration": str(iteration), "device": device.type}
    parquet.write_table(seen, snakemake.output[0], metadata=about)
    done.remove()
