"""The epsilons of each attack that span the rise of its success, chosen on training images.

    .venv/bin/python benchmarks/attack_doses.py --study resources/studies/public.yaml

Needs the networks of a study (`snakemake --until train`); its raw steps must have their rates
(benchmarks/attack_rate.py) already. The rule:

1. The grid is 1, 2 and 5 times the powers of ten from 0.00001 to 0.2, the paper's largest epsilon.
2. Each attack meets a keyed draw of *training* images of every group, on the group's network
   `full`, with the study's settings and iterations; success is counted at the last iteration.
3. The first dose is the largest epsilon up to which the mean success over the groups stays at 0.05
   or less; the last is the smallest at which it is at least 0.95 of its largest value on the grid.
   The attack's doses are these two and all of the grid between them. Where the rise spans less
   than four epsilons of the grid, the next larger ones are added.
4. Of an attack with `clip: gradient`, each of whose epsilons is an attack of its own, every second
   dose is kept, counted from the last one.
5. The operating epsilon is that of the grid at which the mean success over all attacks that keep
   within the box is nearest to one half; figures over the iterations are drawn there and at the
   largest epsilon that all these attacks have.
6. Noise takes each epsilon of the other attacks, so that it can be held against all of them.

Validation images are not looked at.
"""

import numpy as np
import pandas as pd
from study_images import GroupUnderAttack, chosen_attacks

from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import Doses

GRID = tuple(float(f"{m}e{k}") for k in range(-5, 0) for m in (1, 2, 5))[:-1]
NOTHING, MOST = 0.05, 0.95  # mean success at the first dose; share of the largest at the last
FEWEST = 4  # doses of an attack


def main() -> None:
    attacks, groups = chosen_attacks(
        __doc__.splitlines()[0], 24, "doses", "gradient attacks", lambda attack: True
    )
    in_box, all_doses = {}, set()
    for name, settings in attacks.items():
        table = success_by_epsilon(name, settings, groups)
        doses = chosen(table["mean"], every=2 if settings.clip == "gradient" else 1)
        print(f"{name}:\n{table.round(2).T.to_string()}\n  epsilon: {shown(doses)}\n", flush=True)
        all_doses |= set(doses)
        if settings.clip == "iterate":
            in_box[name] = (table["mean"], doses)
    print(f"noise:\n  epsilon: {shown(sorted(all_doses))}\n")
    if in_box:
        mean = pd.concat([means for means, _ in in_box.values()], axis=1).mean(axis=1)
        shared = set.intersection(*(set(doses) for _, doses in in_box.values()))
        print(f"mean over {', '.join(in_box)}:\n{mean.round(2).to_frame().T.to_string()}")
        print(f"operating epsilon: {operating(mean):g}; all of them have {shown(sorted(shared))}")


def success_by_epsilon(
    name: str, settings: GradientAttack, groups: list[GroupUnderAttack]
) -> pd.DataFrame:
    """Success at each epsilon (rows) in each group and on average (columns)."""
    doses = Doses(GRID, settings.max_iter)
    rates = {of.group: of.flips(of.attack(name, settings, doses)).mean(axis=0) for of in groups}
    table = pd.DataFrame(rates, index=pd.Index(GRID, name="epsilon"))
    return table.assign(mean=table.mean(axis=1))


def chosen(mean: pd.Series, every: int = 1) -> list[float]:
    """The doses by the mean success over the groups at each epsilon of the grid."""
    quiet = mean.to_numpy() <= NOTHING
    first = max(int(np.argmin(quiet)) - 1, 0) if not quiet.all() else len(mean) - FEWEST
    last = int(np.argmax(mean.to_numpy() >= MOST * mean.max()))
    last = min(max(last, first + FEWEST - 1), len(mean) - 1)
    epsilons = mean.index[first : last + 1].tolist()
    return epsilons[::-1][::every][::-1]


def operating(mean: pd.Series) -> float:
    return float((mean - 0.5).abs().idxmin())


def shown(doses: list[float]) -> str:
    return "[" + ", ".join(f"{epsilon:g}" for epsilon in doses) + "]"


if __name__ == "__main__":
    main()
