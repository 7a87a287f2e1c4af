import json

import numpy as np
import pandas as pd
import torch
from job import job, settings

from pgdose import cohort, images, networks, records, training
from pgdose.analysis import success
from pgdose.attack import make, trajectory

AMPLITUDES, FLIPS = 4, 8  # columns of Fig. 1, pairs of Fig. 2


def nearest(known, wanted):
    return min(known, key=lambda epsilon: abs(epsilon - wanted))


def flips_at(surface, class_index, classes, epsilon, iteration):
    """The members that are flipped there, and all that were attacked."""
    here = surface[surface["epsilon"] == epsilon]
    if here.empty:  # the network got none of them right
        return [], []
    flips = success.flipped(here, class_index, classes)[:, iteration]
    return here["member"][flips].tolist(), here["member"].tolist()


with job(snakemake) as log:
    params, wanted = snakemake.params, settings(snakemake.params)
    groups = settings(params, "groups")
    torch.set_num_threads(params.threads)
    device = networks.device_of(snakemake.resources.get("gpu", 0))
    iteration = min(wanted["max_iter"], params.iterations)
    epsilons = wanted["epsilon"]
    of_fig2 = nearest(epsilons, params.flips_epsilon)
    spread = np.linspace(0, len(epsilons) - 1, min(AMPLITUDES, len(epsilons))).round().astype(int)
    rows, pictures = [], []

    def show(figure, group, member, network, members, names, amplitudes):
        """The original and its adversarial versions, as rows of the table and pictures."""
        row = int(members.table.index[members.table["member"] == member][0])
        clean = training.scaled(members.read([row]), device)
        true = torch.from_numpy(members.labels[[row]]).to(device)
        key = torch.from_numpy(cohort.image_keys(members.table.iloc[[row]], params.seed))
        for epsilon in [0.0, *amplitudes]:
            last = iteration if epsilon else 0
            path = trajectory(network, clean, true, make(wanted), epsilon, last, key)
            *_, (image, logits) = path
            if not epsilon:
                before = logits.softmax(dim=1)[0].cpu()
            after = logits.softmax(dim=1)[0].cpu()
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
            shown = image[0].cpu().numpy()
            pictures.append(shown[0] if members.channels == 1 else shown.transpose(1, 2, 0))

    loaded, waiting = {}, {}
    for (group, known), table, path in zip(
        groups.items(), snakemake.input.members, snakemake.input.networks, strict=True
    ):
        members = images.load_members(
            table, known["missing"], params.results, **json.loads(known["shape"])
        )
        network = networks.fold(networks.load(path)).to(device)
        loaded[group] = (network, members, known["classes"])
        surface = records.read_tables(known["surfaces"])
        class_index = members.table.set_index("member")["class_index"]
        classes = len(known["classes"])
        at_figures = nearest(epsilons, params.epsilon)
        flipped, attacked = flips_at(surface, class_index, classes, at_figures, iteration)
        for member in (flipped or attacked)[:1]:
            show(1, group, member, *loaded[group], [epsilons[i] for i in spread])
        waiting[group] = flips_at(surface, class_index, classes, of_fig2, iteration)[0]
    # In turn from each group, until eight are found or none is left.
    turns = [(i, group) for group, found in waiting.items() for i in range(len(found))]
    for i, group in sorted(turns, key=lambda turn: turn[0])[:FLIPS]:
        show(2, group, waiting[group][i], *loaded[group], [of_fig2])
    log.info("%d pictures", len(pictures))
    columns = ["figure", "group", "attack", "epsilon", "iteration", "class_before", "class_after"]
    columns += ["confidence_before", "confidence_after", "index"]
    with records.atomic(snakemake.output.images) as beside:
        np.savez(beside, **{f"image{i}": picture for i, picture in enumerate(pictures)})
    records.write_csv(pd.DataFrame(rows, columns=columns), snakemake.output.table)
