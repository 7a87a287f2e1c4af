from pathlib import Path

from job import job, settings

import network_job
import pandas as pd
import torch
from PIL import Image

from pgdose import devices
from pgdose.analysis import examples
from pgdose.attack import rerun
from pgdose.attack.settings import read_settings
from pgdose.attack.surface_table import read_surface
from pgdose.tables import result_csv

COLUMNS = ["member", "epsilon", "iteration", "class_before", "class_after", "class_after_storage"]
COLUMNS += ["confidence_before", "confidence_after"]

with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    study_attack = read_settings(settings(params))
    attack, doses = study_attack.make(), study_attack.doses
    precision = study_attack.entry.precision
    assert attack is not None  # the study refuses `export` of other libraries' attacks
    classes = settings(params, "classes")
    device = network_job.device_of(snakemake)
    members = network_job.load_members(snakemake)
    network, _ = network_job.load_network(snakemake, inputs.network, precision, device, log)
    level, iteration = doses.nearest_level(params.epsilon), min(doses.max_iter, params.iterations)
    epsilon = doses.epsilons[level]
    surface = read_surface(inputs.surfaces, inputs.network, doses)
    class_index = members.table.set_index("member")["class_index"]
    flipped = examples.flipped_members(surface, class_index, level, iteration)
    draw = examples.export_draw(members.table, params.seed, snakemake.wildcards.group)
    chosen = examples.choose(members.table, flipped, surface.members, params.amount, draw)
    # Only in a box does epsilon say how far a pixel can go.
    span = epsilon if attack.clip.is_box else None
    folder, rows = Path(snakemake.output[0]), []
    folder.mkdir(parents=True)
    for member in chosen:
        sample = network_job.sample_of(members, member, params.seed, device)
        version = rerun.rerun(network, sample, attack, doses, level, iteration)
        before, after = (rerun.as_bytes(i) for i in (version.clean, version.adversarial))
        pictures = {
            "original": before,
            "adversarial": after,
            "difference": rerun.difference(before, after, span),
        }
        for name, picture in pictures.items():
            Image.fromarray(picture).save(folder / f"{member}-{name}.png")
        stored = after[None] if after.ndim == 2 else after.transpose(2, 0, 1)
        with torch.no_grad():
            logits = network(devices.scaled(stored[None], device))[0]
        place = {"member": member, "epsilon": epsilon, "iteration": iteration}
        stored_class = {"class_after_storage": classes[int(logits.argmax())]}
        rows.append(place | version.predictions(classes) | stored_class)
    result_csv.write_csv(pd.DataFrame(rows, columns=COLUMNS), folder / "images.csv")
    log.info(
        "%d of %d attacked images, %d flipped", len(chosen), len(surface.members), len(flipped)
    )
