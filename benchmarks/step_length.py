"""Success over the amplitude by the length of a step: where it falls again, and why.

    .venv/bin/python benchmarks/step_length.py --attack paper --groups X-AO
    .venv/bin/python benchmarks/step_length.py --attack sign --groups H-BR H-OV X-AO

Needs the networks of a finished study. All settings of the attack but its rate are the study's: for
a raw step `lr` is varied by thirds of decades round the study's, for a sign or l2 step `alpha` in
parts of epsilon. Attacks the study's own validation images, each group's main network. Prints, and
writes to --out, a table with a row for each rate and a column for each amplitude: the share of
right images that are wrong at the last iteration, the mean over the groups; and draws it. The last
columns tell a descent: the largest success less that at the largest amplitude, and the largest
change of a pixel there, in parts of the amplitude.
"""

import argparse
from pathlib import Path

import matplotlib
import pandas as pd
import torch
import yaml

from pgdose import devices
from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.surface import surface
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.study.attacks import GradientAttack, OfEpsilon
from pgdose.study.parsing import parse
from pgdose.study.study import Study

matplotlib.use("Agg")
from matplotlib import pyplot

FACTORS = (0.1, 1 / 3, 1.0, 10 / 3, 10.0)  # of the study's lr
PARTS = (0.06, 0.1, 0.125, 0.25)  # of epsilon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.add_argument("--attack", default="paper", help="its name in the study")
    parser.add_argument("--groups", nargs="+", default=["X-AO"])
    parser.add_argument("--epsilon", type=float, nargs="+", help="other amplitudes, rising")
    parser.add_argument("--out", type=Path, default=Path("work/step_length"))
    given = parser.parse_args()
    study = parse(yaml.safe_load(given.study.read_text()))
    settings = study.attacks.get(given.attack)
    if not isinstance(settings, GradientAttack) or settings.step is None:
        parser.error(f"--attack {given.attack}: give a gradient attack of the study with a step")
    if unknown := sorted(set(given.groups) - set(study.groups)):
        parser.error(f"--groups {', '.join(unknown)}: the study has {', '.join(study.groups)}")
    if given.epsilon:
        settings = settings.model_copy(update={"epsilon": given.epsilon})
    rows = [row for group in given.groups for row in measure(study, group, given.attack, settings)]
    table = pd.DataFrame(rows).drop(columns="group").groupby("rate", sort=False).mean()
    print(f"{given.attack} on {', '.join(given.groups)}, iteration {settings.max_iter}:")
    print(table.round(2).to_string())
    given.out.mkdir(parents=True, exist_ok=True)
    name = f"{given.attack}-{'-'.join(given.groups)}"
    table.to_csv(given.out / f"{name}.csv")
    draw(table, settings, given.out / f"{name}.png")
    print(f"Look at {given.out / name}.png")


def measure(study: Study, group: str, attack: str, settings: GradientAttack) -> list[dict]:
    """A row for each rate: success at each amplitude, the descent, and the largest change."""
    device = devices.claim_device(1)
    samples = load_samples(study, group, settings, device)
    path = Path(study.results, "groups", group, "full/network.safetensors")
    network, _ = network_files.load_to_attack(str(path), "fp32", device)
    rows = []
    for label, at_rate in with_rates(settings):
        made = make(at_rate, study.target(group, attack))
        found = surface(network, samples, made, at_rate.doses, Execution(batch=32))
        true = samples.classes.cpu()[found.attacked]
        asr = (found.logits[:, :, -1].argmax(dim=2) != true[:, None]).double().mean(dim=0)
        row = {"group": group, "rate": label}
        row |= {f"{e:g}": r for e, r in zip(settings.epsilon, asr.tolist(), strict=True)}
        largest = float(found.change[:, -1].max()) / settings.epsilon[-1]
        rows.append(row | {"descent": float(asr.max() - asr[-1]), "reach": largest})
    return rows


def with_rates(settings: GradientAttack) -> list[tuple[str, GradientAttack]]:
    """The attack with each rate, and its name in the table."""
    if settings.step == "raw":
        rates = [float(f"{(settings.lr or 0) * factor:.0e}") for factor in FACTORS]
        return [(f"lr {r:g}", settings.model_copy(update={"lr": r})) for r in rates]
    parts = [(p, {"alpha": OfEpsilon(of_epsilon=p)}) for p in PARTS]
    return [(f"of_epsilon {p:g}", settings.model_copy(update=update)) for p, update in parts]


def load_samples(
    study: Study, group: str, settings: GradientAttack, device: torch.device
) -> Samples:
    """The validation images of a group that the study attacks."""
    folder = Path(study.results, "groups", group)
    size, channels = study.groups[group].image.size, study.channels(group)
    members = images.load_members(folder / "members.parquet", study.results, size, channels)
    validation = members.table[members.table["part"] == "validation"]
    drawn = image_draws.attacked(validation, settings.images, study.seed, group)
    members = members.select(members.table["member"].isin(drawn["member"]))
    return Samples(
        devices.scaled(members.read(range(len(members))), device),
        torch.from_numpy(members.labels).to(device),
        torch.from_numpy(image_draws.image_keys(members.table, study.seed)),
    )


def draw(table: pd.DataFrame, settings: GradientAttack, path: Path) -> None:
    figure, axes = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    for rate, row in table.iterrows():
        axes.plot(settings.epsilon, row.iloc[: len(settings.epsilon)], marker="o", label=str(rate))
    if settings.epsilon[-1] > 20 * settings.epsilon[0]:
        axes.set_xscale("log")
    axes.set(xlabel="epsilon", ylabel=f"ASR at iteration {settings.max_iter}", ylim=(0, 1.02))
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
