import json

import numpy as np
import pandas as pd
import torch
from job import job, settings

from pgdose import devices
from pgdose.attack import make, rerun, surface_table
from pgdose.cohort import images
from pgdose.networks import network_files
from pgdose.tables import output_files, result_csv

AMPLITUDES, FLIPS = 4, 8  # columns of Fig. 1, pairs of Fig. 2


with job(snakemake) as log:
    params = snakemake.params
    groups = settings(params, "groups")
    # Of a targeted attack the groups' differ, but in nothing that is asked here.
    wanted = next(iter(groups.values()))["settings"]
    torch.set_num_threads(params.threads)
    device = devices.device_of(snakemake.resources.get("gpu", 0))
    iteration = min(wanted["max_iter"], params.iterations)
    epsilons = wanted["epsilon"]
    of_fig2 = rerun.nearest(epsilons, params.flips_epsilon)
    spread = np.linspace(0, len(epsilons) - 1, min(AMPLITUDES, len(epsilons))).round().astype(int)
    rows, pictures = [], []

    def show(figure, group, member, network, members, names, amplitudes):
        """The original and its adversarial versions, as rows of the table and pictures."""
        attack = make(groups[group]["settings"])
        for epsilon in [0.0, *amplitudes]:
            last = iteration if epsilon else 0
            found = rerun.again(
                *(network, members, member, attack),
                epsilon=epsilon,
                iteration=last,
                max_iter=wanted["max_iter"],
                seed=params.seed,
            )
            image = found.adversarial if epsilon else found.clean
            before, after = found.before, found.after if epsilon else found.before
            rows.append(
                {
                    "figure": figure,
                    "group": group,
                    "attack": params.attack,
                    "epsilon": epsilon,
                    "iteration": last,
                    "class_before": names[int(before.argmax())],
                    "class_after": names[int(after.argmax())],
                    "confidence_before": float(before.max()),
                    "confidence_after": float(after.max()),
                    "index": int(member),
                }
            )
            shown = image[0].float().cpu().numpy()
            pictures.append(shown[0] if members.channels == 1 else shown.transpose(1, 2, 0))

    loaded, waiting = {}, {}
    for (group, known), table, path in zip(
        groups.items(), snakemake.input.members, snakemake.input.networks, strict=True
    ):
        members = images.load_members(table, params.results, **json.loads(known["shape"]))
        network, _ = network_files.load_to_attack(path, wanted["precision"], device)
        loaded[group] = (network, members, known["classes"])
        surface, _ = surface_table.read_surface(known["surfaces"], path)
        class_index = members.table.set_index("member")["class_index"]
        classes = len(known["classes"])
        at_figures = rerun.nearest(epsilons, params.epsilon)
        flipped, attacked = rerun.flips(surface, class_index, classes, at_figures, iteration)
        for member in (flipped or attacked)[:1]:
            show(1, group, member, *loaded[group], [epsilons[i] for i in spread])
        waiting[group] = rerun.flips(surface, class_index, classes, of_fig2, iteration)[0]
    # In turn from each group, until eight are found or none is left.
    turns = [(i, group) for group, found in waiting.items() for i in range(len(found))]
    for i, group in sorted(turns, key=lambda turn: turn[0])[:FLIPS]:
        show(2, group, waiting[group][i], *loaded[group], [of_fig2])
    log.info("%d pictures", len(pictures))
    columns = ["figure", "group", "attack", "epsilon", "iteration", "class_before", "class_after"]
    columns += ["confidence_before", "confidence_after", "index"]
    with output_files.atomic(snakemake.output.images) as beside:
        np.savez(beside, **{f"image{i}": picture for i, picture in enumerate(pictures)})
    result_csv.write_csv(pd.DataFrame(rows, columns=columns), snakemake.output.table)
