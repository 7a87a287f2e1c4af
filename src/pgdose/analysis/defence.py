"""The table defence: each defended network of a group beside the group's main network.

Intervals are of the difference, by patients, with both outcomes of an image drawn together. They
are for these two networks: what another training of either would change is no part of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis import bootstrap
from pgdose.analysis.attacked_pair import (
    AttackedPair,
    AttackedSample,
    attacked_rows,
    attacked_sample,
    compare_attacked,
    surely_no_help,
)
from pgdose.analysis.clean_pair import clean_rows
from pgdose.analysis.decisions import clean_decisions
from pgdose.analysis.defence_verdicts import (
    AttackVerdict,
    FailedChecks,
    failed_checks,
    worst,
)
from pgdose.analysis.outcomes import outcomes
from pgdose.analysis.paired import of_both
from pgdose.analysis.result_files import identity_columns
from pgdose.analysis.settings import MeasureSettings
from pgdose.attack.diagnostics.table import read_diagnostics
from pgdose.attack.surface_table import SurfaceTable, read_surface
from pgdose.cohort import image_draws
from pgdose.study.doses import Doses
from pgdose.study.evaluation import Margins
from pgdose.tables import clean_logits

DECIDES = "mean_asr"  # the quantity that the verdict over all attacks goes by
UNCOUNTED = {"n_images": 0, "n_patients": 0, "ci_low": np.nan, "ci_high": np.nan}


@dataclass(frozen=True)
class ComparedAttack:
    """An attack of the study.

    images:        validation images of its sample, or "all"
    bounds_change: whether its epsilon bounds the change of the image
    is_noise:      a control, which decides nothing
    """

    name: str
    doses: Doses
    images: int | str = "all"
    bounds_change: bool = True
    is_noise: bool = False


@dataclass(frozen=True)
class ComparedNetwork:
    """A network with all that its rows rest on.

    identity:    group, run, role, size and repeat
    defence:     in words; empty for the group's main network
    passes:      of its training, for each image and epoch; None if it was trained elsewhere
    clean:       its table of clean logits
    diagnostics: `attack check verdict`
    surfaces:    by attack
    """

    identity: Mapping[str, Any]
    defence: str
    passes: float | None
    clean: pd.DataFrame
    diagnostics: pd.DataFrame
    surfaces: Mapping[str, SurfaceTable] = field(repr=False)

    @property
    def run(self) -> str:
        """Its name in the group."""
        return str(self.identity["run"])


def read_network(
    entry: Mapping[str, Any],
    network: str | Path,
    clean: str | Path,
    diagnostics: str | Path,
    surfaces: Mapping[str, Sequence[str | Path]],
    attacks: Iterable[ComparedAttack],
) -> ComparedNetwork:
    """Read the files of a network; `entry` has its identity, defence and passes."""
    return ComparedNetwork(
        **entry,
        clean=clean_logits.read_table(clean),
        diagnostics=read_diagnostics(diagnostics),
        surfaces={a.name: read_surface(surfaces[a.name], network, a.doses) for a in attacks},
    )


def compare_all(
    groups: Iterable[tuple[pd.DataFrame, Sequence[ComparedNetwork]]],
    attacks: Sequence[ComparedAttack],
    settings: MeasureSettings,
    margins: Margins,
) -> pd.DataFrame:
    """The table defence. Of each group: its members, and its networks, the main one first."""
    tables = []
    for members, (main, *others) in groups:
        for network in others:
            rows = compare(main, network, members, attacks, settings, margins)
            table = pd.DataFrame(rows).assign(defence=network.defence)
            tables.append(table.assign(**identity_columns(network.identity, len(table))))
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    texts = {name: table[name].fillna("") for name in ("attack", "by", "value", "reason")}
    return table.assign(**texts, iteration=table["iteration"].astype("Int64"))


def compare(
    main: ComparedNetwork,
    defended: ComparedNetwork,
    members: pd.DataFrame,
    attacks: Sequence[ComparedAttack],
    settings: MeasureSettings,
    margins: Margins,
) -> list[dict[str, Any]]:
    """The rows of one defended network: overall, under each attack, on clean images, its price."""
    rows, verdicts = [], []
    count = sum(not attack.is_noise for attack in attacks)
    for attack in attacks:
        pair = _under(attack, main, defended, members, settings)
        failed = FailedChecks(
            *((of.run, failed_checks(of.diagnostics, attack.name)) for of in (main, defended))
        )
        of_attack = [
            {"attack": attack.name, **row}
            for row in attacked_rows(pair, failed, margins.asr, is_noise=attack.is_noise)
        ]
        rows += of_attack
        if not attack.is_noise:
            (mean,) = [row for row in of_attack if row["quantity"] == DECIDES]
            no_help = surely_no_help(pair, failed, margins.asr, count)
            verdicts.append(AttackVerdict(mean, no_help))
    overall = [{**worst(verdicts), "quantity": "overall"}] if verdicts else []
    on_clean = clean_rows(
        members, main.clean, defended.clean, margins.accuracy, settings.draws, settings.seed
    )
    return [*overall, *rows, *on_clean, _price(main, defended)]


def _price(main: ComparedNetwork, defended: ComparedNetwork) -> dict[str, Any]:
    """Passes of the training; it is certain, so it has no interval."""
    before, after = (np.nan if of.passes is None else of.passes for of in (main, defended))
    numbers = {"undefended": before, "defended": after, "difference": after - before}
    reason = "trained elsewhere" if np.isnan(after - before) else ""
    return {
        **{"quantity": "training_passes", **UNCOUNTED, **numbers},
        **{"verdict": "", "reason": reason},
    }


def _under(
    attack: ComparedAttack,
    main: ComparedNetwork,
    defended: ComparedNetwork,
    members: pd.DataFrame,
    settings: MeasureSettings,
) -> AttackedPair:
    """Both networks under one attack, on the same sample of validation images."""
    validation = members[members["part"] == "validation"]
    group = str(main.identity["group"])
    sample = image_draws.attacked(validation, attack.images, settings.seed, group)
    patients = bootstrap.draw_patients(sample["patient"], settings.draws, settings.seed)
    pair = of_both(
        lambda network: _sample(network, attack, members, sample, settings), (main, defended)
    )
    return compare_attacked(pair, patients, settings.iterations)


def _sample(
    network: ComparedNetwork,
    attack: ComparedAttack,
    members: pd.DataFrame,
    sample: pd.DataFrame,
    settings: MeasureSettings,
) -> AttackedSample:
    surface = network.surfaces[attack.name]
    class_index = members.set_index("member")["class_index"]
    result = outcomes(
        surface, class_index, int(class_index.nunique()), bounds_change=attack.bounds_change
    )
    numbers = sample["member"].to_numpy()
    logits = np.stack(network.clean.set_index("member")["logits"].loc[numbers].to_list())
    clean = clean_decisions(numbers, logits)
    return attacked_sample(surface, result, class_index, clean, settings.success)
