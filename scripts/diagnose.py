import json

import numpy as np
import torch
from job import job, of_attack, settings

from pgdose import devices
from pgdose.attack import diagnostics, rerun, surface_table
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.tables import output_files, parquet


def tensor(column, *shape):
    return torch.from_numpy(np.array(column.to_list(), np.float32).reshape(shape))


def diagnose(attack, wanted, device):
    """What the checks of one attack on the run find, and on what."""
    params, given = snakemake.params, snakemake.input
    checks = settings(params, "checks")
    surface, shards = surface_table.read_surface(of_attack(given.surfaces, attack), given.network)
    e, iterations = len(wanted["epsilon"]), wanted["max_iter"] + 1
    whole = surface[::e]  # one row of each attacked image
    m = len(whole)

    members = images.load_members(given.members, params.results, **settings(params, "shape"))
    # As the surface, they are in the order of their numbers.
    members = members.select(members.table["member"].isin(whole["member"]))
    clean = parquet.read_table(given.clean).set_index("member")["logits"].loc[whole["member"]]
    # The same images for all attacks, of which the dear checks take the first.
    purpose = f"checks {snakemake.wildcards.group}"
    order = np.argsort(image_draws.image_draw(members.table, params.seed, purpose))
    rows = order[: max(checks["images"], diagnostics.PROBED)]
    network, _ = network_files.load_to_attack(given.network, wanted["precision"], device)
    change = tensor(surface["change"], m, e)
    found = diagnostics.diagnose(
        diagnostics.Evidence(
            network=network,
            settings=wanted,
            epsilons=wanted["epsilon"],
            epsilon=rerun.nearest(wanted["epsilon"], params.epsilon),
            classes=torch.from_numpy(members.labels),
            logits=tensor(surface["logits"], m, e, iterations, params.classes),
            change=change,
            zero_gradient=tensor(whole["zero_gradient"], m),
            bad_gradient=tensor(whole["bad_gradient"], m),
            clean=tensor(clean, m, params.classes),
            rows=torch.from_numpy(rows),
            images=devices.scaled(members.read(rows), device),
            keys=torch.from_numpy(image_draws.image_keys(members.table.iloc[rows], params.seed)),
            dear=checks["images"],
            queries=checks["queries"],
            batch=min(int(shard["batch"]) for shard in shards),
        )
    )
    counts = {name: sum(int(s[name]) for s in shards) for name in ("n_images", "n_correct")}
    steps = sum(int(shard["steps"]) for shard in shards)
    return {
        **counts,
        "epsilon": wanted["epsilon"],
        "largest_change": change.amax(dim=0).tolist() if m else [0.0] * e,
        "steps_per_image": steps / m if m else None,
        "device": sorted({shard["device"] for shard in shards}),
        "precision": sorted({shard["precision"] for shard in shards}),
        "batch": sorted({int(shard["batch"]) for shard in shards}),
        "network": shards[0]["network"],
        "attack": json.loads(shards[0]["attack"]),
        "checks": found,
    }


with job(snakemake) as log:
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    threads = settings(snakemake.params, "threads")
    attacks = settings(snakemake.params).items()
    for (attack, wanted), output in zip(attacks, snakemake.output, strict=True):
        torch.set_num_threads(threads[attack])
        found = diagnose(attack, wanted, device)
        for check in found["checks"]:
            if check["verdict"] == "failed":
                log.warning("%s: %s: %s", attack, check["name"], check["says"])
        output_files.write_json(found, output)
