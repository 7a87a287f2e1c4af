"""Networks for the table defence, from what each says of each image, by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from helpers.surfaces import surface_table
from pgdose.analysis.defence import ComparedAttack, ComparedNetwork, compare_all
from pgdose.analysis.settings import MeasureSettings
from pgdose.study.doses import Doses
from pgdose.study.evaluation import Margins

DOSES = Doses((0.01, 0.1), 1)
SIGN = ComparedAttack("sign", DOSES)
SETTINGS = MeasureSettings(epsilon=0.1, iterations=1, success="final", draws=400, seed=3)


def members(patients: Sequence[str], **columns: Any) -> pd.DataFrame:
    """A group's validation members of class C1, one for each patient named."""
    n = len(patients)
    table = {
        "member": np.arange(n),
        "record_id": [f"r{m}" for m in range(n)],
        "copy": 0,
        "part": "validation",
        "patient": list(patients),
        "class": "C1",
        "class_index": 0,
        "sex": None,
        "age": np.nan,
    }
    # The other class is one of training, so that it is a class of the group.
    other = {**dict.fromkeys(table, None), "member": n, "record_id": "t", "copy": 0}
    other |= {"part": "training", "patient": "t", "class": "C2", "class_index": 1}
    table = pd.concat([pd.DataFrame(table | columns), pd.DataFrame([other])], ignore_index=True)
    return table.astype({"age": float, "class_index": int, "member": int})


def network(
    run: str,
    right: Any,
    flips: Any,
    *,
    true: Any = 0,
    failed: Sequence[str] = (),
    attacks: Sequence[ComparedAttack] = (SIGN,),
    passes: float | None = 1.0,
    **surface: Any,
) -> ComparedNetwork:
    """A network that is right on some clean images, of which an attack flips some.

    right: (n,) bool; flips: (n, 2) bool, at both epsilons of DOSES; true: the true classes
    """
    right, flips = np.asarray(right, bool), np.asarray(flips, bool)
    true = np.broadcast_to(np.asarray(true), right.shape)
    clean = np.eye(2)[np.where(right, true, 1 - true)]
    after = np.eye(2)[np.where(flips, 1 - true[:, None], true[:, None])]
    logits = np.stack([np.repeat(clean[:, None], 2, axis=1), after], axis=2)[right]
    counts = {"n_images": str(len(right)), "n_correct": str(right.sum())}
    table = surface_table(np.flatnonzero(right), DOSES, logits, counts, **surface)
    checks = [(attack.name, check, "failed") for attack in attacks for check in failed]
    return ComparedNetwork(
        identity={
            **{"group": "G", "run": run, "role": "main" if run == "full" else "further"},
            **{"size": None, "repeat": None},
        },
        defence="" if run == "full" else f"defence of {run}",
        passes=passes,
        clean=pd.DataFrame({"member": np.arange(len(right)), "logits": list(3 * clean)}),
        diagnostics=pd.DataFrame(checks, columns=["attack", "check", "verdict"]),
        surfaces={attack.name: table for attack in attacks},
    )


def compared(
    people: pd.DataFrame,
    *networks: ComparedNetwork,
    attacks: Sequence[ComparedAttack] = (SIGN,),
    margins: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """The table defence of one group; the main network first."""
    return compare_all([(people, networks)], attacks, SETTINGS, Margins(**(margins or {})))


def row_of(table: pd.DataFrame, quantity: str, **place: Any) -> pd.Series:
    """The only row of a quantity, at an epsilon, of a subgroup."""
    rows = table[table["quantity"] == quantity]
    for column, value in {"by": "", "value": "", **place}.items():
        rows = rows[rows[column] == value]
    (row,) = (row for _, row in rows.iterrows())
    return row
