"""The rate `lr` of a raw-step attack, chosen by the protocol's rule.

    .venv/bin/python benchmarks/attack_rate.py [--study config.yaml] [--attack paper] [--images 16]

Needs the networks of a finished study. All settings of the attack but `lr` are the study's. For
each rate of a grid (1 and 3 times the powers of ten) it attacks a keyed draw of *training* images
of every group at eps = 0.10 with 20 iterations, and prints the success rate of each group and the
mean over groups. The rate with the largest mean is the one to use, the smaller of two equal ones.
Neither validation images nor the conclusions are looked at.
"""

import argparse
from pathlib import Path

import pandas as pd
import torch
import yaml

from pgdose import devices
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.surface import surface
from pgdose.cohort import image_draws, images
from pgdose.networks import folding, network_files
from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import Doses
from pgdose.study.parsing import parse

RATES = [m * 10.0**k for k in range(-6, 3) for m in (1, 3)]
EPSILON, ITERATIONS = 0.10, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.add_argument("--attack", help="its name in the study; the first one with a raw step")
    parser.add_argument("--images", type=int, default=16, help="training images of each group")
    given = parser.parse_args()
    study = parse(yaml.safe_load(given.study.read_text()))
    raw = [name for name, entry in study.attacks.items() if getattr(entry, "step", None) == "raw"]
    attack = given.attack or next(iter(raw), None)
    if attack not in raw:
        parser.error(f"--attack takes one with a raw step: {', '.join(raw) or 'there is none'}")
    print(f"{attack}:")
    device = devices.claim_device(1)
    rows = []
    for group in study.groups:
        folder = Path(study.results, "groups", group)
        members = images.load_members(
            folder / "members.parquet",
            study.results,
            study.groups[group].image.size,
            study.channels(group),
        )
        learned = members.select(members.table["part"] == "training")
        drawn = image_draws.attacked(learned.table, given.images, study.seed, f"{group} rate")
        learned = learned.select(learned.table["member"].isin(drawn["member"]))
        classes = torch.from_numpy(learned.labels).to(device)
        samples = Samples(
            devices.scaled(learned.read(range(len(learned))), device),
            classes,
            torch.from_numpy(image_draws.image_keys(learned.table, study.seed)),
        )
        network = folding.fold(network_files.load(folder / "full/network.safetensors")).to(device)
        settings, target = study.attacks[attack], study.target(group, attack)
        assert isinstance(settings, GradientAttack)
        for rate in RATES:
            at_rate = make(settings.model_copy(update={"lr": rate}), target)
            measured = surface(network, samples, at_rate, Doses((EPSILON,), ITERATIONS))
            flips = measured.logits[:, 0, -1].argmax(dim=1) != classes.cpu()[measured.attacked]
            rows.append({"lr": rate, "group": group, "asr": float(flips.float().mean())})
    table = pd.DataFrame(rows).pivot(index="lr", columns="group", values="asr")[list(study.groups)]
    table["mean"] = table.mean(axis=1)
    print(table.round(3).to_string())
    print(f"largest mean: lr = {table['mean'].idxmax():g}")


if __name__ == "__main__":
    main()
