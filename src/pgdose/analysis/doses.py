"""What one attack on one network comes to: one number for a curve, and who flips to what.

All at one iteration, the operating one; by the chosen definition of success.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.bootstrap import Patients
from pgdose.analysis.outcomes import Outcomes

AGES = {"under 40": (0, 40), "40 to 59": (40, 60), "60 and over": (60, np.inf)}


def smallest_epsilon(found: Outcomes, iteration: int, success: str) -> np.ndarray:
    """The smallest amplitude that flips each image; infinite where none does."""
    flips = found.flipped(success)[:, :, iteration]
    doses = np.where(flips, np.array(found.epsilons), np.inf)
    return doses.min(axis=1, initial=np.inf)


def curve_summary(
    found: Outcomes, patients: Patients, iteration: int, success: str
) -> pd.DataFrame:
    """The one row of doses.csv: the area under ASR over epsilon, and the median smallest epsilon.

    auc: mean ASR from 0 (where it is 0) to the largest amplitude, by trapezoids. The median is
    infinite where fewer than half of the images flip at any dose. All are NaN where an amplitude
    was not measured: those of other groups would rest on more.
    """
    order = np.argsort(found.epsilons)
    doses = np.array(found.epsilons)[order]
    flips = found.flipped(success)[:, order, iteration]
    counted = np.ones((len(flips), 1), bool)
    drawn = bootstrap.rates(flips, counted, patients)
    number = patients.number
    row: dict[str, float] = {"n_attacked": len(found.members), "n_patients": number}
    from_zero = np.pad(drawn, ((0, 0), (1, 0)))
    area = np.trapezoid(from_zero, np.append(0, doses), axis=1)[:, None] / doses[-1]
    least, most = bootstrap.contrast_interval(area, number)
    row |= {"auc": area[0, 0], "auc_low": np.clip(least[0], 0, 1)}
    row["auc_high"] = np.clip(most[0], 0, 1)
    reached = np.logical_or.accumulate(flips, axis=1)  # flipped at some dose up to this one
    shares = bootstrap.rates(reached, counted, patients)
    ladder = np.append(doses, np.inf)
    median = ladder[np.where(shares >= 0.5, np.arange(len(doses)), len(doses)).min(axis=1)]
    median = np.where(np.isnan(shares).any(axis=1), np.nan, median)[:, None]
    low, high = bootstrap.percentiles(median, number)
    row |= {"median_epsilon": median[0, 0], "median_low": low[0], "median_high": high[0]}
    row["n_never"] = int((~reached[:, -1]).sum())
    if not found.known[:, iteration].all():
        row |= dict.fromkeys(list(row)[2:], np.nan)
    return pd.DataFrame([row])


def transitions(found: Outcomes, iteration: int, names: Sequence[str]) -> pd.DataFrame:
    """epsilon iteration class flipped_to n: what is seen in the iterate; the same is resisted."""
    rows = []
    for i, epsilon in enumerate(found.epsilons):
        seen = found.seen[:, i, iteration]
        if found.known[i, iteration]:
            rows += [
                (epsilon, iteration, own, to, int(((found.true == c) & (seen == d)).sum()))
                for c, own in enumerate(names)
                for d, to in enumerate(names)
            ]
    return pd.DataFrame(rows, columns=["epsilon", "iteration", "class", "flipped_to", "n"])


def subgroups(
    found: Outcomes,
    patients: Patients,
    people: pd.DataFrame,
    iteration: int,
    success: str,
) -> pd.DataFrame:
    """ASR by sex and by age, and how far it is from that of all others.

    `people` has the columns sex and age (years) of each attacked image. Rows: epsilon by value;
    values that no image has are left out, and so are images of which nothing is known.
    """
    sex, age = people["sex"], people["age"].astype(float)
    told = {"sex": sex.isin(["F", "M"]).to_numpy(), "age": age.notna().to_numpy()}
    parts = [("sex", value, (sex == value).to_numpy()) for value in ("F", "M")]
    parts += [
        ("age", value, ((age >= least) & (age < below)).to_numpy())
        for value, (least, below) in AGES.items()
    ]
    known = found.known[:, iteration]
    flips = found.flipped(success)[:, known, iteration]
    tables = []
    for by, value, own in parts:
        if own.any():
            table = _compared(flips, own, told[by] & ~own, patients)
            place = {"epsilon": np.array(found.epsilons)[known], "iteration": iteration}
            tables.append(table.assign(**place, by=by, value=value))
    names = ["epsilon", "iteration", "by", "value", "n_attacked", "n_flipped", "asr", "ci_low"]
    names += ["ci_high", "difference", "difference_low", "difference_high"]
    if not tables:
        return pd.DataFrame(columns=names)
    return pd.concat(tables)[names].sort_index(kind="stable")  # by dose, as in the other tables


def _compared(
    flips: np.ndarray, own: np.ndarray, others: np.ndarray, patients: Patients
) -> pd.DataFrame:
    """n_attacked n_flipped asr ci_low ci_high difference difference_low difference_high.

    A row for each column of `flips`, images x doses.
    """
    numbers = [patients.of(those).number for those in (own, others)]
    drawn, rest = (
        bootstrap.rates(flips & those[:, None], those[:, None], patients) for those in (own, others)
    )
    low, high = bootstrap.rate_interval(drawn, numbers[0])
    apart = (drawn - rest)[0]
    least, most = bootstrap.contrast_interval(drawn - rest, min(numbers))
    return pd.DataFrame(
        {
            "n_attacked": own.sum(),
            "n_flipped": flips[own].sum(axis=0),
            **{"asr": drawn[0], "ci_low": low, "ci_high": high, "difference": apart},
            **{"difference_low": np.clip(least, -1, 1), "difference_high": np.clip(most, -1, 1)},
        }
    )


def worst_case(
    images: Mapping[str, pd.DataFrame],
    doses: Mapping[str, Sequence[float]],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Who is flipped by any of the attacks at a dose up to each epsilon.

    `images` gives for each attack the columns member, patient and smallest_epsilon, `doses` its
    amplitudes. An image counts that all of the attacks were tried on. Rows: epsilon attacks
    n_attacked n_flipped asr ci_low ci_high.
    """
    names = ["epsilon", "attacks", "n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]
    tables = [table.set_index("member") for table in images.values()]
    if not tables:
        return pd.DataFrame(columns=names)
    members = sorted(set.intersection(*(set(table.index) for table in tables)))
    smallest = np.min([table.loc[members, "smallest_epsilon"] for table in tables], axis=0)
    ladder = sorted({epsilon for attack in images for epsilon in doses[attack]})
    patients = bootstrap.draw_patients(tables[0].loc[members, "patient"], draws, seed)
    flips = smallest[:, None] <= np.array(ladder) * (1 + 1e-9)
    drawn = bootstrap.rates(flips, np.ones((len(flips), 1), bool), patients)
    low, high = bootstrap.rate_interval(drawn, patients.number)
    n_flipped = flips.sum(axis=0)
    columns = [ladder, "+".join(images), len(members), n_flipped, drawn[0], low, high]
    return pd.DataFrame(dict(zip(names, columns, strict=True)))
