"""Which class the flipped images of each class flip to."""

from collections.abc import Sequence

import pandas as pd

from pgdose.analysis.outcomes import Outcomes


def transitions(outcomes: Outcomes, classes: Sequence[str], *, iteration: int) -> pd.DataFrame:
    """The attack's rows of the table transitions: epsilon by true class by predicted class.

    The pair of a class with itself counts the images that resisted.
    """
    rows = [
        {
            **{"epsilon": outcomes.doses.epsilons[level], "iteration": iteration},
            **{"class": true_name, "flipped_to": name},
            "n": int(((outcomes.true == true) & (predicted == other)).sum()),
        }
        for level, predicted in outcomes.decided_at(iteration).items()
        for true, true_name in enumerate(classes)
        for other, name in enumerate(classes)
    ]
    return pd.DataFrame(rows)
