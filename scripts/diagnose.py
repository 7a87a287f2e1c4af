from job import job, settings

import network_job
import numpy as np
import torch

from pgdose import devices
from pgdose.attack.diagnostics import run, table
from pgdose.attack.diagnostics.cheap import PROBED
from pgdose.attack.diagnostics.inputs import CheckInputs
from pgdose.attack.settings import read_settings
from pgdose.attack.surface_table import read_surface, surface_shards
from pgdose.cohort import image_draws
from pgdose.tables import clean_logits


def check_inputs(name, fields, load_network, shared, device):
    """The surface of one attack, and what its checks need."""
    params, files, attack = snakemake.params, snakemake.input, read_settings(fields)
    checks = settings(params, "checks")
    surface = read_surface(surface_shards(files.surfaces, name), files.network, attack.doses)
    members = network_job.load_members(snakemake)
    # As in the surface, they are in the order of their numbers.
    members = members.select(members.table["member"].isin(surface.members))
    # The same images for all attacks, of which the expensive checks take the first.
    purpose = f"checks {snakemake.wildcards.group}"
    order = np.argsort(image_draws.image_draw(members.table, params.seed, purpose))
    rows = order[: max(checks["images"], PROBED)]
    network, _ = load_network(attack.entry.precision)
    samples = network_job.samples(members, params.seed, device, rows=rows)
    return surface, CheckInputs(
        **run.measured(surface),
        network=network,
        attack=attack.make(),
        precision=attack.entry.precision,
        level=attack.doses.nearest_level(params.epsilon),
        classes=torch.from_numpy(members.labels),
        rows=torch.from_numpy(rows),
        images=samples.images,
        keys=samples.keys,
        clean=torch.from_numpy(clean_logits.read(files.clean, surface.members)),
        expensive=checks["images"],
        queries=checks["queries"],
        positives=checks["positives"],
        **shared,
    )


with job(snakemake) as log:
    device = devices.claim_device(snakemake.resources.get("gpu", 0))
    threads, attacks = settings(snakemake.params, "threads"), settings(snakemake.params)
    load_network = network_job.network_loader(snakemake, device, log)
    rows, shared = [], {"flipped_by_square": {}, "planted": {}}  # by the checks of all attacks
    for name, fields in attacks.items():
        torch.set_num_threads(threads[name])
        surface, inputs = check_inputs(name, fields, load_network, shared, device)
        checks = run.diagnose(inputs)
        for check in checks:
            if check["verdict"] == "failed":
                log.info("%s: %s: %s", name, check["check"], check["says"])
        rows += table.diagnostics_rows(name, checks, surface)
    digest = surface.metadata[0]["network"]
    table.write_diagnostics(rows, attacks, digest, snakemake.output[0])
