"""Transfer: how often an attack on one network flips what another one of the group sees."""

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.success import wilson


def transfer(
    seen: pd.DataFrame, source: str, members: pd.DataFrame, draws: int, seed: int
) -> pd.DataFrame:
    """A row for each judge and amplitude, of the images that source and judge get right.

    judge epsilon n_attacked n_patients n_flipped asr ci_low ci_high wilson_low wilson_high: those
    that the judge sees wrong after the attack on the source. n_source_flipped n_followed follow
    follow_low follow_high: of those that the source sees wrong itself, how many the judge does too.

    `seen` is a table of records.transfer_table, `source` the judge that was attacked, and `members`
    the group's, indexed by member.
    """
    if seen.empty:
        return pd.DataFrame(columns=COLUMNS)
    judged = seen.assign(class_seen=np.stack(seen["logits"].to_list()).argmax(axis=1))
    judged = judged.pivot(index="member", columns=["judge", "epsilon"], values="class_seen")
    whose = members.loc[judged.index]
    wrong = judged.ne(whose["class_index"].astype(np.int64), axis=0)
    patients = bootstrap.draw_patients(whose["patient"], draws, seed)
    epsilons = [e for e in sorted(seen["epsilon"].unique()) if e > 0]
    tables = []
    for judge in seen["judge"].drop_duplicates():
        both = ~(wrong[source, 0.0] | wrong[judge, 0.0]).to_numpy()
        flips = wrong[judge][epsilons].to_numpy() & both[:, None]
        own = wrong[source][epsilons].to_numpy() & both[:, None]
        number = patients.of(both).number
        drawn = bootstrap.rates(flips, both[:, None], patients)
        low, high = bootstrap.rate_interval(drawn, number)
        followed = bootstrap.rates(flips & own, own, patients)
        follow_low, follow_high = np.hstack(
            [
                bootstrap.rate_interval(followed[:, [e]], patients.of(own[:, e]).number)
                for e in range(len(epsilons))
            ]
        )
        n, n_flipped = np.full(len(epsilons), both.sum()), flips.sum(axis=0)
        below, above = wilson(n_flipped, n)
        values = [judge, epsilons, n, number, n_flipped, drawn[0], low, high, below, above]
        values += [own.sum(axis=0), (flips & own).sum(axis=0), followed[0], follow_low, follow_high]
        tables.append(pd.DataFrame(dict(zip(COLUMNS, values, strict=True))))
    return pd.concat(tables, ignore_index=True)


COLUMNS = ["judge", "epsilon", "n_attacked", "n_patients", "n_flipped"]
COLUMNS += ["asr", "ci_low", "ci_high", "wilson_low", "wilson_high"]
COLUMNS += ["n_source_flipped", "n_followed", "follow", "follow_low", "follow_high"]
