"""Success over the amplitude by the length of a step: where it falls again, and why.

    .venv/bin/python benchmarks/step_length.py --attack paper --groups X-AO
    .venv/bin/python benchmarks/step_length.py --attack sign --groups H-BR H-OV X-AO

Needs the networks of a finished study. All settings of the attack but its rate are the study's: for
a raw step `lr` is varied by thirds of decades round the study's, for a sign or l2 step `alpha` in
parts of epsilon. Attacks the study's own validation images, each group's main network. Prints, and
writes to --out, two tables, and draws the first:

rates:    group, rate, epsilon, n_attacked, asr (the share of right images that are wrong at the
          last iteration)
descents: group, rate; at, the amplitude with the largest success; descent, that success less the
          one at the largest amplitude, with its 95 % interval by patients (Bonferroni over the
          amplitudes, since `at` was chosen by its success; none where the patients are not known);
          reach, the largest change of a pixel at the largest amplitude, in parts of it
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from study_images import GroupUnderAttack, read_study

from pgdose.analysis import bootstrap, intervals
from pgdose.study.attacks import GradientAttack, OfEpsilon
from pgdose.study.study import Study

matplotlib.use("Agg")
from matplotlib import pyplot

FACTORS = (0.1, 1 / 3, 1.0, 10 / 3, 10.0)  # of the study's lr
PARTS = (0.06, 0.1, 0.125, 0.25)  # of epsilon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.add_argument("--attack", default="paper", help="its name in the study")
    parser.add_argument("--groups", nargs="+", help="all if left out")
    parser.add_argument("--epsilon", type=float, nargs="+", help="other amplitudes, rising")
    parser.add_argument("--out", type=Path, default=Path("work/step_length"))
    given = parser.parse_args()
    study = read_study(given.study)
    settings = study.attacks.get(given.attack)
    if not isinstance(settings, GradientAttack) or settings.step is None:
        parser.error(f"--attack {given.attack}: give a gradient attack of the study with a step")
    groups = given.groups or list(study.groups)
    if unknown := sorted(set(groups) - set(study.groups)):
        parser.error(f"--groups {', '.join(unknown)}: the study has {', '.join(study.groups)}")
    if given.epsilon:
        settings = settings.model_copy(update={"epsilon": given.epsilon})
    measured = [measure(study, group, given.attack, settings) for group in groups]
    rates, descents = (
        pd.concat(tables, ignore_index=True) for tables in zip(*measured, strict=True)
    )
    given.out.mkdir(parents=True, exist_ok=True)
    print(f"{given.attack} at iteration {settings.max_iter}:")
    wide = rates.pivot_table("asr", ["group", "rate"], "epsilon", sort=False)
    print(wide.join(descents.set_index(["group", "rate"])).round(2).to_string())
    rates.to_csv(given.out / f"{given.attack}-rates.csv", index=False)
    descents.to_csv(given.out / f"{given.attack}-descents.csv", index=False)
    draw(rates, settings, given.out / f"{given.attack}.png")
    print(f"Look at {given.out / given.attack}.png")


def measure(
    study: Study, group: str, attack: str, settings: GradientAttack
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both tables of one group."""
    of = GroupUnderAttack(study, group, "validation", settings.images, group)
    rates, descents = [], []
    for label, at_rate in with_rates(settings):
        found = of.attack(attack, at_rate, at_rate.doses)
        flips = of.flips(found)
        patients = bootstrap.draw_patients(
            of.table["patient"].iloc[found.attacked.tolist()], study.measures.draws, study.seed
        )
        draws = bootstrap.rates(flips, np.ones((len(flips), 1), bool), patients)
        about = {"group": group, "rate": label}
        rates += [
            {**about, "epsilon": epsilon, "n_attacked": len(flips), "asr": asr}
            for epsilon, asr in zip(settings.epsilon, draws[0], strict=True)
        ]
        best = int(draws[0].argmax())
        descent = draws[:, [best]] - draws[:, -1:]
        tail = 0.025 / max(len(settings.epsilon) - 1, 1)
        (low,), (high,) = intervals.contrast_interval(descent, patients.clusters, tail)
        reach = float(found.change[:, -1].max()) / settings.epsilon[-1] if len(flips) else np.nan
        descents.append(
            {**about, "at": settings.epsilon[best], "descent": descent[0, 0]}
            | {"ci_low": low, "ci_high": high, "reach": reach}
        )
    return pd.DataFrame(rates), pd.DataFrame(descents)


def with_rates(settings: GradientAttack) -> list[tuple[str, GradientAttack]]:
    """The attack with each rate, and its name in the table."""
    if settings.step == "raw":
        rates = [float(f"{(settings.lr or 0) * factor:.0e}") for factor in FACTORS]
        return [(f"lr {r:g}", settings.model_copy(update={"lr": r})) for r in rates]
    parts = [(p, {"alpha": OfEpsilon(of_epsilon=p)}) for p in PARTS]
    return [(f"of_epsilon {p:g}", settings.model_copy(update=update)) for p, update in parts]


def draw(rates: pd.DataFrame, settings: GradientAttack, path: Path) -> None:
    groups = rates["group"].unique()
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure, panels = pyplot.subplots(
        *(rows, columns), figsize=(1.5 + 3 * columns, 3 * rows), layout="constrained",
        sharey=True, squeeze=False,
    )  # fmt: skip
    for panel, group in zip(panels.flat, groups, strict=False):
        of_group = rates[rates["group"] == group]
        for rate, row in of_group.groupby("rate", sort=False):
            panel.plot(row["epsilon"], row["asr"], marker="o", label=str(rate))
        panel.set(title=group, xlabel="epsilon", ylim=(0, 1.02))
        if settings.epsilon[-1] > 20 * settings.epsilon[0]:
            panel.set_xscale("log")
    for panel in panels.flat[len(groups) :]:
        panel.axis("off")
    panels[0, 0].set_ylabel(f"ASR at iteration {settings.max_iter}")
    panels[0, 0].legend(fontsize=7)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
