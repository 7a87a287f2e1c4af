import json
import sys

import numpy as np
import torch
from job import file_digest, job, settings
from tqdm import tqdm

from pgdose import cohort, images, networks, records, training
from pgdose.attack import make, surface

with job(snakemake) as log:
    params, wildcards = snakemake.params, snakemake.wildcards
    torch.set_num_threads(params.threads)
    device = networks.device_of(snakemake.resources.get("gpu", 0))
    wanted = settings(params)
    members = images.load_members(
        snakemake.input.members,
        snakemake.input.missing,
        params.results,
        **settings(params, "shape"),
    )
    validation = members.table[members.table["part"] == "validation"]
    drawn = cohort.attacked(validation, wanted["images"], params.seed, wildcards.group)
    rows = records.shard_rows(len(drawn), int(wildcards.shard), params.shards)
    members = members.select(members.table["member"].isin(drawn["member"].iloc[rows]))
    network = networks.fold(networks.load(snakemake.input.network)).to(device)
    name = f"{wildcards.group}/{wildcards.run}/{wildcards.attack}"
    with tqdm(total=len(members), desc=name, disable=not sys.stderr.isatty()) as bar:
        found = surface(
            network,
            training.scaled(members.read(range(len(members))), device),
            torch.from_numpy(members.labels).to(device),
            make(wanted),
            epsilons=wanted["epsilon"],
            max_iter=wanted["max_iter"],
            keys=torch.from_numpy(cohort.image_keys(members.table, params.seed)),
            batch=wanted["batch"],
            progress=lambda n: bar.update(n - bar.n),
        )
    log.info("%s: %d of %d images attacked", name, found.attacked.sum(), len(members))
    attacked = members.table["member"].to_numpy(np.int32)[found.attacked.numpy()]
    change = found.change.amax(dim=0).tolist() if len(attacked) else [0.0] * len(wanted["epsilon"])
    records.write_table(
        records.surface_table(attacked, wanted["epsilon"], found.logits.numpy()),
        snakemake.output[0],
        metadata={
            "n_images": str(len(members)),
            "n_correct": str(len(attacked)),
            "largest_change": json.dumps(change),
            "network": file_digest(snakemake.input.network),
            "members": file_digest(snakemake.input.members),
            "attack": params.settings,
            "device": device.type,
        },
    )
