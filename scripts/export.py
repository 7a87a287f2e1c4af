from pathlib import Path

import pandas as pd
import torch
from job import job, settings
from PIL import Image

from pgdose import devices
from pgdose.attack import make, rerun, surface_table
from pgdose.cohort import images
from pgdose.networks import network_files
from pgdose.tables import result_csv

COLUMNS = ["member", "epsilon", "iteration", "class_before", "class_after", "class_after_storage"]
COLUMNS += ["confidence_before", "confidence_after"]

with job(snakemake) as log:
    params, wanted = snakemake.params, settings(snakemake.params)
    classes = settings(params, "classes")
    torch.set_num_threads(params.threads)
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    members = images.load_members(
        snakemake.input.members,
        params.results,
        **settings(params, "shape"),
    )
    network, _ = network_files.load_to_attack(snakemake.input.network, wanted["precision"], device)
    epsilon = rerun.nearest(wanted["epsilon"], params.epsilon)
    iteration = min(wanted["max_iter"], params.iterations)
    surface, _ = surface_table.read_surface(snakemake.input.surfaces, snakemake.input.network)
    flipped, attacked = rerun.flips(
        surface,
        members.table.set_index("member")["class_index"],
        len(classes),
        epsilon,
        iteration,
    )
    draw = rerun.export_draw(members.table, params.seed, snakemake.wildcards.group)
    chosen = rerun.drawn(members.table, flipped, attacked, params.amount, draw)
    # Only in a box does epsilon say how far a pixel can go.
    span = epsilon if wanted.get("clip", "iterate") == "iterate" else None
    folder, rows = Path(snakemake.output[0]), []
    folder.mkdir(parents=True)
    for member in chosen:
        found = rerun.again(
            *(network, members, member, make(wanted)),
            epsilon=epsilon,
            iteration=iteration,
            max_iter=wanted["max_iter"],
            seed=params.seed,
        )
        before, after = (rerun.as_bytes(i) for i in (found.clean, found.adversarial))
        pictures = {
            "original": before,
            "adversarial": after,
            "difference": rerun.difference(before, after, span),
        }
        for name, picture in pictures.items():
            Image.fromarray(picture).save(folder / f"{member}-{name}.png")
        stored = after[None] if after.ndim == 2 else after.transpose(2, 0, 1)
        with torch.no_grad():
            again = network(devices.scaled(stored[None], device))[0]
        rows.append(
            {
                "member": member,
                "epsilon": epsilon,
                "iteration": iteration,
                "class_before": classes[int(found.before.argmax())],
                "class_after": classes[int(found.after.argmax())],
                "class_after_storage": classes[int(again.argmax())],
                "confidence_before": float(found.before.max()),
                "confidence_after": float(found.after.max()),
            }
        )
    result_csv.write_csv(pd.DataFrame(rows, columns=COLUMNS), folder / "images.csv")
    log.info("%d of %d attacked images, %d flipped", len(chosen), len(attacked), len(flipped))
