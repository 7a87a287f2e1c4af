"""The rate `lr` of raw-step attacks, chosen by the protocol's rule.

    .venv/bin/python benchmarks/attack_rate.py [--study config.yaml] [--attacks paper] [--images 16]

Needs the networks of a study (`snakemake --until train`). All settings of the attack but `lr` are
the study's. For each rate of a grid (1 and 3 times the powers of ten) it attacks a keyed draw of
*training* images of every group at eps = 0.10 with 20 iterations, and prints the success rate of
each group and the mean over groups. The rate with the largest mean is the one to use, the smaller
of two equal ones. Neither validation images nor the conclusions are looked at.
"""

import pandas as pd
from study_images import GroupUnderAttack, chosen_attacks

from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import Doses

RATES = [m * 10.0**k for k in range(-6, 3) for m in (1, 3)]
EPSILON, ITERATIONS = 0.10, 20


def main() -> None:
    attacks, groups = chosen_attacks(
        __doc__.splitlines()[0], 16, "rate", "attacks with a raw step", lambda a: a.step == "raw"
    )
    for name, settings in attacks.items():
        table = success_by_rate(name, settings, groups)
        print(f"{name}:\n{table.round(3).to_string()}")
        print(f"largest mean: lr = {table['mean'].idxmax():g}\n", flush=True)


def success_by_rate(
    name: str, settings: GradientAttack, groups: list[GroupUnderAttack]
) -> pd.DataFrame:
    """Success at each rate (rows) in each group and on average (columns)."""
    rows = {}
    for rate in RATES:
        at_rate, doses = settings.model_copy(update={"lr": rate}), Doses((EPSILON,), ITERATIONS)
        rows[rate] = {
            of.group: float(of.flips(of.attack(name, at_rate, doses)).mean()) for of in groups
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("lr")
    return table.assign(mean=table.mean(axis=1))


if __name__ == "__main__":
    main()
