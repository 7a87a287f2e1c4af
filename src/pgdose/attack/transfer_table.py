"""The transfer table on disk: what several networks make of one network's adversarial images."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pgdose.attack.surface_table import float_lists


def transfer_table(
    members: np.ndarray, judges: Sequence[str], epsilons: Sequence[float], logits: np.ndarray
) -> pa.Table:
    """One row per attacked member, judge and epsilon (0: the clean image).

    `logits` is members x judges x (1 + epsilons) x classes, as in `transfer.Transfer`.
    """
    m, j, e, classes = logits.shape
    return pa.table(
        {
            "member": pa.array(np.repeat(members, j * e), pa.int32()),
            "judge": pa.array(np.tile(np.repeat(list(judges), e), m), pa.string()),
            "epsilon": pa.array(np.tile(np.asarray([0.0, *epsilons], np.float64), m * j)),
            "logits": float_lists(logits, classes),
        }
    )
