import sys

import pyarrow as pa
import torch
from job import file_digest, job, settings
from pgdose import cohort, images, networks, records, training
from pgdose.attack import make, surface
from tqdm import tqdm

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
    table, metadata = found.table(members.table["member"].to_numpy(), wanted["epsilon"])
    metadata |= {
        "network": file_digest(snakemake.input.network),
        "members": file_digest(snakemake.input.members),
        "attack": params.settings,
        "device": device.type,
    }
    length = found.logits.shape[2] * found.logits.shape[3]
    schema = records.surface_schema(length, pa.float32())
    records.write_table(table, snakemake.output[0], schema, metadata)
