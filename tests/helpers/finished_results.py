"""A results folder of a finished study, as far as `pgdose share` and `pgdose cite` read it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pgdose.analysis.conclusion_draws import rise_of
from pgdose.analysis.intervals import wilson
from pgdose.analysis.study_description import StudyDescription, write_description
from pgdose.manifest import document
from pgdose.manifest.document import Entry
from pgdose.manifest.files import sha256_of
from pgdose.tables import parquet, result_csv

SETTINGS = {
    "study": "one",
    "measures": {"success": "final"},
    "operating_points": {"epsilon": 0.004, "iterations": 20},
    "groups": {"X-TB": {"image": {"size": 80}}, "H-TH": {"image": {"size": 80}}},
    "attacks": {
        "sign": {
            **{"kind": "gradient", "gradient_of": "probability", "step": "sign", "threads": 2},
            **{"max_iter": 20, "epsilon": [0.002, 0.004], "mem_mb": 3000, "shards": 3},
        }
    },
}
MODALITY = {"X-TB": "xray", "H-TH": "histology"}


def finished_results(
    folder: Path,
    flipped: Mapping[str, Sequence[int]],
    attacked: int = 60,
    *,
    patients: Mapping[str, int] | None = None,
    known: bool = True,
    epsilons: Sequence[float] = (0.002, 0.004),
    wrong: int = 5,
) -> Path:
    """Write a study whose attack flips so many images of each group at its epsilons.

    `patients` of each group's attacked images; None: one for each image. So many images, of other
    patients, were `wrong` before the attack.
    """
    asr, doses, reached, networks = [], [], [], []
    for group, counts in flipped.items():
        identity = {"group": group, "run": "full", "role": "main", "size": "", "repeat": ""}
        for epsilon, n_flipped in zip(epsilons, counts, strict=True):
            low, high = (float(end) for end in wilson(n_flipped, attacked))
            ends = (low, high) if known else (np.nan, np.nan)
            for iteration in (0, 20):
                asr.append(
                    {
                        **identity,
                        **{"attack": "sign", "epsilon": epsilon, "iteration": iteration},
                        **{"n_images": attacked + wrong, "n_attacked": attacked},
                        **{"n_flipped": n_flipped if iteration else 0},
                        **{"asr": n_flipped / attacked if iteration else 0.0},
                        **dict(zip(("ci_low", "ci_high"), ends, strict=True)),
                        "no_interval": "" if known else "patients not known",
                    }
                )
            reached.append({**identity, "attack": "sign", "epsilon": epsilon, "reached": True})
        number = attacked if patients is None else patients[group]
        doses.append({**identity, "attack": "sign", "n_patients": number if known else np.nan})
        networks.append(
            {
                **identity,
                **{"network": "inception_v3", "n_images": attacked + wrong},
                "accuracy": attacked / (attacked + wrong),
                "n_patients": number + wrong if known else np.nan,
            }
        )
        checks = pd.DataFrame(
            {
                "attack": ["sign"] * 3,
                "check": ["box kept", "loss rises", "enough iterations"],
                "verdict": ["passed", "failed", "failed"],
            }
        )
        place = folder / f"groups/{group}/full"
        place.mkdir(parents=True)
        parquet.write_table(checks, place / "diagnostics.parquet")
    rates = np.array([list(counts) for counts in flipped.values()]) / attacked
    rise = float(rise_of(rates).mean())
    half = 1.96 * float(np.sqrt((rates * (1 - rates)).sum(axis=1) / attacked).mean())
    share = 0.8 + float(rates.mean()) / 10
    conclusions = [
        {
            **{"conclusion": name, "attack": "sign", "estimate": estimate, "ci_low": low},
            **{"ci_high": high, "verdict": "supported" if low > 0.2 else "undecided"},
            **{"statistic": "mean rise over the groups", "n": 60, "unit": "patients"},
        }
        for name, estimate, low, high in (
            ("grows_with_epsilon", rise, rise - half, rise + half),
            ("drops_above_confidence", share, share - 0.2, share + 0.1),
            ("levels_off", np.nan, np.nan, np.nan),
        )
    ]
    (folder / "tables").mkdir(parents=True)
    for name, rows in (
        *(("asr", asr), ("doses", doses), ("doses_reached", reached)),
        *(("networks", networks), ("conclusions", conclusions)),
    ):
        result_csv.write_csv(pd.DataFrame(rows), folder / f"tables/{name}.csv")
    settings = {**SETTINGS, "groups": {group: SETTINGS["groups"][group] for group in flipped}}
    settings["attacks"] = {"sign": settings["attacks"]["sign"] | {"epsilon": list(epsilons)}}
    description = StudyDescription(
        settings,
        {group: MODALITY[group] for group in flipped},
        {group: {"C1": "tuberculosis", "C2": "norm"} for group in flipped},
        ("xray",),
        {"pgdose": "1.0.0", "Python": "3.11"},
        "",
    )
    write_description(folder / "study.json", description)
    write_manifest(folder)
    return folder


def write_manifest(folder: Path) -> None:
    """List all files that are there now."""
    entries = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith("manifest"):
            entries.append(Entry(name, *sha256_of(path), name))
    document.write(entries, folder / "manifest.sha256", "one")
