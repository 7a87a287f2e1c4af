"""Figs. 3a and 3b: attack success rate (ASR) over the amplitude and over the iterations.

The rows come from `curve_rows`. ASR is NaN where no image was attacked; that is a gap, never zero.
"""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pgdose.plots import panels, style
from pgdose.plots.style import AMPLITUDE, EPSILON, Groups


@style.drawing()
def asr_over_epsilon(rows: pd.DataFrame, groups: Groups) -> Figure:
    """Fig. 3a: ASR of each group over the amplitude; rows are modalities, columns attacks.

    Args:
        rows: of `curve_rows.over_epsilon`.
        groups: the study's groups.
    """
    if rows["asr"].isna().all():
        return style.message(panels.NO_RATE)
    kinds = style.by_modality(groups, set(rows["group"]))
    labels = {kind: style.MODALITIES[kind] for kind in kinds}
    figure, grid = panels.grid(labels, panels.attack_titles(rows), AMPLITUDE)
    for (kind, attack), panel in grid.items():
        of_attack = rows[rows["attack"] == attack]
        of_kind = of_attack[of_attack["group"].isin(kinds[kind])]
        panels.curves(panel, of_kind, "epsilon", groups, sorted(of_attack["epsilon"].unique()))
        panels.epsilon_axis(panel, of_attack["epsilon"])
    panels.group_legend(figure, groups, rows)
    return figure


@style.drawing()
def asr_over_iterations(rows: pd.DataFrame, groups: Groups) -> Figure:
    """Fig. 3b: ASR over the iterations; rows are modalities and amplitudes, columns attacks.

    Neighbouring iterations are joined. An attack that was measured at few iterations has points
    with bars.

    Args:
        rows: of `curve_rows.over_iterations`.
        groups: the study's groups.
    """
    if rows["asr"].isna().all():
        return style.message(panels.NO_RATE)
    kinds = style.by_modality(groups, set(rows["group"]))
    labels = {
        (kind, epsilon): f"{style.MODALITIES[kind]}, {EPSILON} = {epsilon:g}"
        for kind in kinds
        for epsilon in sorted(rows["epsilon"].unique())
    }
    attacks = {attack: attack for attack in rows["attack"].unique()}
    figure, grid = panels.grid(labels, attacks, "number of iterations")
    last = int(rows["iteration"].max())
    every = max(1, last // 4)
    for ((kind, epsilon), attack), panel in grid.items():
        of_dose = rows[(rows["attack"] == attack) & (rows["epsilon"] == epsilon)]
        of_kind = of_dose[of_dose["group"].isin(kinds[kind])]
        panels.curves(panel, of_kind, "iteration", groups, range(last + 1), every=every)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panels.group_legend(figure, groups, rows)
    return figure
