import json

from job import job, settings

import network_job
import numpy as np
import pandas as pd

from pgdose.analysis import examples
from pgdose.attack import rerun
from pgdose.attack.settings import read_settings
from pgdose.attack.surface_table import read_surface
from pgdose.tables import output_files, result_csv

EPSILONS, FLIPS = 4, 8  # columns of Fig. 1, pairs of Fig. 2
COLUMNS = ["figure", "group", "attack", "epsilon", "iteration", "class_before", "class_after"]
COLUMNS += ["confidence_before", "confidence_after", "index"]


class Group:
    """A group's network and members, to make adversarial images again; whose attacks flipped."""

    def __init__(self, fields, members, network, device, log):
        self.attack, self.device = read_settings(fields["settings"]), device
        doses, params = self.attack.doses, snakemake.params
        self.iteration = min(doses.max_iter, params.iterations)
        self.level = doses.nearest_level(params.epsilon)
        self.flips_level = doses.nearest_level(params.flips_epsilon)
        self.names = fields["classes"]
        self.members = network_job.load_members(snakemake, members, json.loads(fields["shape"]))
        precision = self.attack.entry.precision
        self.network, _ = network_job.load_network(snakemake, network, precision, device, log)
        surface = read_surface(fields["surfaces"], network, doses)  # large, so it is not kept
        class_index = self.members.table.set_index("member")["class_index"]
        self.attacked = surface.members.tolist()
        self.flipped = {
            level: examples.flipped_members(surface, class_index, level, self.iteration)
            for level in (self.level, self.flips_level)
        }
        self.shown = examples.surest(self.flipped[self.level] or self.attacked, surface)

    def versions(self, member, levels):
        """(epsilon, iteration, version): the original first."""
        doses, iteration = self.attack.doses, self.iteration
        sample = network_job.sample_of(self.members, member, snakemake.params.seed, self.device)
        made = [
            rerun.rerun(self.network, sample, self.attack.make(), doses, level, iteration)
            for level in levels
        ]
        epsilons = [doses.epsilons[level] for level in levels]
        return [
            (0.0, 0, made[0].original),
            *((epsilon, iteration, v) for epsilon, v in zip(epsilons, made, strict=True)),
        ]


def shown(figure, name, group, member, levels):
    """An image and its adversarial versions: rows of the table, and their pictures."""
    rows, pictures = [], []
    for epsilon, last, version in group.versions(member, levels):
        place = {"figure": figure, "group": name, "attack": snakemake.params.attack}
        dose = {"epsilon": epsilon, "iteration": last}
        predictions = version.predictions(group.names)
        rows.append({**place, **dose, **predictions, "index": int(member)})
        picture = version.adversarial[0].float().cpu().numpy()
        pictures.append(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0))
    return rows, pictures


with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    device = network_job.device_of(snakemake)
    groups = {
        name: Group(fields, members, network, device, log)
        for (name, fields), members, network in zip(
            settings(params, "groups").items(), inputs.members, inputs.networks, strict=True
        )
    }
    examples_shown = []
    for name, group in groups.items():
        levels = examples.spread_levels(group.attack.doses, EPSILONS)
        for member in group.shown[:1]:
            examples_shown.append(shown(1, name, group, member, levels))
    flipped = {name: group.flipped[group.flips_level] for name, group in groups.items()}
    for name, member in examples.in_turn(flipped, FLIPS):
        group = groups[name]
        examples_shown.append(shown(2, name, group, member, [group.flips_level]))
    rows = [row for of_one, _ in examples_shown for row in of_one]
    pictures = [picture for _, of_one in examples_shown for picture in of_one]
    log.info("%d pictures", len(pictures))
    with output_files.atomic(snakemake.output.images) as beside:
        np.savez(beside, **{f"image{i}": picture for i, picture in enumerate(pictures)})
    result_csv.write_csv(pd.DataFrame(rows, columns=COLUMNS), snakemake.output.table)
