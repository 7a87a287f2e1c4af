"""Shared studies with a known truth, as `pgdose share` would write them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pgdose.atlas.scales import ARCSINE, IDENTITY, arcsine, arcsine_error
from pgdose.atlas.shared_study import (
    CONCLUSION_COLUMNS,
    FORMAT_VERSION,
    RATE_COLUMNS,
    SharedStudy,
)

SIGN = {
    **{"kind": "gradient", "gradient_of": "cross_entropy", "step": "sign", "clip": "iterate"},
    **{"alpha": {"of_epsilon": 0.1}, "target": None, "max_iter": 20},
}
NOISE = {"kind": "noise", "max_iter": 20}
EPSILONS = (0.001, 0.002, 0.004, 0.01)


def rate_at(epsilon: float, shift: float = 0.0) -> float:
    """The true success rate of a study whose value on the scale is `shift` off the mean."""
    value = 0.55 + 0.18 * np.log(epsilon / 0.002) + shift
    return float(np.sin(np.clip(value, 0.02, 1.55)) ** 2)


def shared_study(
    name: str,
    seed: int,
    *,
    patients: int = 80,
    shift: float = 0.0,
    groups: Mapping[str, str] | None = None,
    attacks: Mapping[str, Mapping[str, Any]] | None = None,
    epsilons: Sequence[float] = EPSILONS,
    smallest_count: int = 5,
    **about: Any,
) -> SharedStudy:
    """A study with one image a patient, whose flips are drawn at the true rates."""
    draw = np.random.default_rng(seed)
    groups = {"X-TB": "xray"} if groups is None else groups
    attacks = {"sign": SIGN, "noise": NOISE} if attacks is None else attacks
    rows = []
    for group in groups:
        for attack, settings in attacks.items():
            for epsilon in epsilons:
                truth = 0.02 if settings["kind"] == "noise" else rate_at(epsilon, shift)
                flipped = int(draw.binomial(patients, truth))
                shown: float = flipped
                if 0 < flipped < smallest_count:
                    shown, hidden = smallest_count / 2, True
                elif 0 < patients - flipped < smallest_count:
                    shown, hidden = patients - smallest_count / 2, True
                else:
                    hidden = False
                rows.append(
                    {
                        **{"group": group, "attack": attack, "epsilon": epsilon, "iteration": 20},
                        **{"n_patients": patients, "n_attacked": patients},
                        "n_flipped": None if hidden else flipped,
                        "estimate": arcsine(shown / patients),
                        "standard_error": arcsine_error(patients),
                        **{"scale": ARCSINE, "reached": True, "failed_checks": ""},
                    }
                )
    conclusions = [
        {
            **{"conclusion": conclusion, "attack": attack, "verdict": "supported"},
            **{"estimate": float(draw.normal(0.3, 0.05)), "standard_error": 0.05},
            **{"scale": scale, "statistic": statistic, "n": patients, "unit": "patients"},
        }
        for conclusion, scale, statistic in (
            ("grows_with_epsilon", IDENTITY, "mean rise over the groups"),
            ("drops_above_confidence", ARCSINE, "share of pairs"),
        )
        for attack in attacks
    ]
    content = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "study_digest": f"{seed:064x}",
        "pgdose": "1.0.0",
        "synthetic": True,
        "success": "any",
        "operating": {"epsilon": 0.004, "iterations": 20},
        "smallest_count": smallest_count,
        "rows_left_out": 0,
        "groups": {
            group: {
                **{"modality": modality, "classes": {"C1": "tuberculosis", "C2": "norm"}},
                **{"network": "inception_v3", "size": 80, "accuracy": 0.9},
                **{"n_images": patients, "n_patients": patients},
            }
            for group, modality in groups.items()
        },
        "attacks": {
            attack: {**settings, "epsilons": list(epsilons)} for attack, settings in attacks.items()
        },
        **about,
    }
    rates = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    rates = rates.astype({"n_patients": "Int64", "n_flipped": "Int64"})
    return SharedStudy(content, rates, pd.DataFrame(conclusions, columns=list(CONCLUSION_COLUMNS)))
