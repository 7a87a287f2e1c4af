import json

import network_job
import numpy as np
import pandas as pd
from job import job, settings

from pgdose.analysis import examples
from pgdose.attack import rerun
from pgdose.attack.settings import read_settings
from pgdose.attack.surface_table import read_surface
from pgdose.tables import output_files, result_csv

EPSILONS, FLIPS = 4, 8  # columns of Fig. 1, pairs of Fig. 2
COLUMNS = ["figure", "group", "attack", "epsilon", "iteration", "class_before", "class_after"]
COLUMNS += ["confidence_before", "confidence_after", "index"]


class Group:
    """A group's network, members and surface, to make its adversarial images again."""

    def __init__(self, fields, members, network, device, log):
        self.attack, self.device = read_settings(fields["settings"]), device
        self.names = fields["classes"]
        self.members = network_job.load_members(snakemake, members, json.loads(fields["shape"]))
        precision = self.attack.entry.precision
        self.network, _ = network_job.load_network(network, precision, device, log)
        self.surface = read_surface(fields["surfaces"], network, self.attack.doses)

    def flipped(self, level, iteration):
        class_index = self.members.table.set_index("member")["class_index"]
        return examples.flipped_members(self.surface, class_index, level, iteration)

    def versions(self, member, levels, iteration):
        """(epsilon, iteration, version): the original first."""
        doses = self.attack.doses
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


def shown(figure, name, group, member, levels, iteration):
    """An image and its adversarial versions: rows of the table, and their pictures."""
    rows, pictures = [], []
    for epsilon, last, version in group.versions(member, levels, iteration):
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
    # The doses are the same for all groups.
    doses = next(iter(groups.values())).attack.doses
    iteration = min(doses.max_iter, params.iterations)
    level, flips_level = (doses.nearest_level(e) for e in (params.epsilon, params.flips_epsilon))
    examples_shown = []
    for name, group in groups.items():
        first = (group.flipped(level, iteration) or group.surface.members.tolist())[:1]
        levels = examples.spread_levels(doses, EPSILONS)
        examples_shown += [shown(1, name, group, m, levels, iteration) for m in first]
    flipped = {name: group.flipped(flips_level, iteration) for name, group in groups.items()}
    for name, member in examples.in_turn(flipped, FLIPS):
        examples_shown.append(shown(2, name, groups[name], member, [flips_level], iteration))
    rows = [row for of_one, _ in examples_shown for row in of_one]
    pictures = [picture for _, of_one in examples_shown for picture in of_one]
    log.info("%d pictures", len(pictures))
    with output_files.atomic(snakemake.output.images) as beside:
        np.savez(beside, **{f"image{i}": picture for i, picture in enumerate(pictures)})
    result_csv.write_csv(pd.DataFrame(rows, columns=COLUMNS), snakemake.output.table)
