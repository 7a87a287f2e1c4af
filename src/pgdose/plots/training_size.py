"""Fig. 3d: attack success rate (ASR) and accuracy over the number of training images.

The rows come from `curve_rows.over_training_size`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from pgdose.plots import panels, style
from pgdose.plots.rows import epsilon_label
from pgdose.plots.style import ASR, EPSILON, GREY, INTERVAL, Groups, Look
from pgdose.study.doses import same_epsilon

_TRAINING = ["group", "size", "repeat"]  # columns that say which training a row is of
_MARGIN = 1.3  # the axis goes beyond the sizes by this factor
_LABEL = 0.1  # of the axis: the room that the label of a size takes
_LEGEND: Mapping[str, Sequence[Artist]] = {
    "Trainings of one size": [
        Line2D([], [], color=GREY, label="their mean"),
        Patch(color=GREY, alpha=panels.BAND, linewidth=0, label="lowest to highest"),
        Line2D([], [], color=GREY, marker="|", linestyle="none", markersize=8, label=INTERVAL),
    ]
}


@style.drawing()
def asr_over_training_size(rows: pd.DataFrame, groups: Groups, epsilon: float) -> Figure:
    """Fig. 3d: ASR, and the accuracy beside it, over the number of training images.

    A point is one training (repeat) with its interval, a line the mean of the trainings of a size,
    a band reaches from the lowest to the highest of them.

    Args:
        rows: of `curve_rows.over_training_size`.
        groups: the study's groups.
        epsilon: the operating point's amplitude; the title of an attack that is shown at another
            one says so.
    """
    if rows.empty:
        return style.message("No network was trained on a part of the training images.")
    looks = style.looks(groups)
    shades = _shades(rows)
    titles = {**_titles(rows, epsilon), "": "accuracy on clean images"}
    figure, grid = panels.grid({"": ""}, titles, "number of training images", y="")
    for (_, attack), panel in grid.items():
        shown = rows[rows["attack"] == attack] if attack else rows.drop_duplicates(_TRAINING)
        column = "asr" if attack else "accuracy"
        doses = ["epsilon"] if attack else []
        shown = shown.assign(x=_side_by_side(shown, [*doses, "size"]))
        for _, trainings in shown.groupby(["group", *doses], sort=False):
            group, dose = trainings[["group", "epsilon"]].iloc[0]
            _repeats(panel, trainings, column, looks[group], shades.get((attack, dose)))
        panel.set_ylabel(ASR if attack else "accuracy (right / all)", fontweight="normal")
        panel.tick_params(labelleft=True)
        _size_axis(panel, sorted(rows["size"].unique()))
    legend = {**_dose_legend(shades), **_LEGEND}
    style.legend(figure, groups, panels.rated_groups(rows), legend)
    return figure


def _epsilons(rows: pd.DataFrame, attack: str) -> list[float]:
    return sorted(rows["epsilon"][rows["attack"] == attack].unique())


def _titles(rows: pd.DataFrame, target: float) -> dict[str, str]:
    """The title above each attack's panel, with the epsilon if it has one alone."""
    titles = panels.attack_titles(rows)
    for attack, title in titles.items():
        epsilons = _epsilons(rows, attack)
        if len(epsilons) == 1:
            between = ", " if same_epsilon(epsilons[0], target) else "\n"
            titles[attack] = title + between + epsilon_label(epsilons[0], target)
    return titles


def _shades(rows: pd.DataFrame) -> dict[tuple[str, float], Any]:
    """The colour of each (attack, epsilon) of attacks that are shown at several epsilons."""
    shades: dict[tuple[str, float], Any] = {}
    for attack in rows["attack"].unique():
        epsilons = _epsilons(rows, attack)
        if len(epsilons) > 1:
            colors = colormaps[style.DOSE_MAP](np.linspace(0.0, 0.85, len(epsilons)))
            shades |= {(attack, e): color for e, color in zip(epsilons, colors, strict=True)}
    return shades


def _dose_legend(shades: Mapping[tuple[str, float], Any]) -> dict[str, list[Line2D]]:
    """A column of the legend for each attack with several epsilons."""
    columns: dict[str, list[Line2D]] = {}
    for (attack, epsilon), color in shades.items():
        handle = Line2D([], [], color=color, label=f"{epsilon:g}")
        columns.setdefault(f"{EPSILON}, {attack}", []).append(handle)
    return columns


def _side_by_side(rows: pd.DataFrame, by: list[str]) -> pd.Series:
    """Where the trainings of one size stand, of all groups; else they would hide one another."""
    sizes = rows.groupby(by)["size"]
    return rows["size"] * 1.04 ** (sizes.cumcount() - (sizes.transform("size") - 1) / 2)


def _repeats(panel: Axes, rows: pd.DataFrame, column: str, look: Look, shade: Any) -> None:
    """Each training at its `x`, with its interval if it is a rate; their mean and their range."""
    color = look.color if shade is None else shade
    of_size = rows.groupby("size")[column].agg(["min", "mean", "max", "count"])
    sizes = of_size.index.to_numpy(float)
    panel.plot(sizes, of_size["mean"], color=color, linestyle=look.line)
    # One training has no spread, which is not a spread of nothing.
    panel.fill_between(
        sizes, of_size["min"], of_size["max"], where=of_size["count"] > 1,
        color=color, alpha=panels.BAND, linewidth=0,
    )  # fmt: skip
    if column == "asr":
        panel.vlines(
            rows["x"], rows["ci_low"], rows["ci_high"], color=color, linewidth=0.9, alpha=0.6
        )
    panel.plot(
        rows["x"], rows[column], linestyle="none", marker=look.marker, markersize=4,
        color=color, markerfacecolor=color if look.filled else "white",
    )  # fmt: skip


def _size_axis(panel: Axes, sizes: Sequence[int]) -> None:
    panel.set_xscale("log")
    panel.set_xlim(sizes[0] / _MARGIN, sizes[-1] * _MARGIN)
    named = _apart(sizes)
    labels = [f"{size:,}" if size in named else "" for size in sizes]
    panel.set_xticks(sizes, labels, rotation=35, ha="right")
    panel.xaxis.set_minor_locator(NullLocator())


def _apart(sizes: Sequence[int]) -> list[int]:
    """The sizes whose labels have room, the largest first: groups have sizes of their own."""
    named = [sizes[-1]]
    room = (_MARGIN**2 * sizes[-1] / sizes[0]) ** _LABEL
    for size in reversed(sizes):
        if size * room <= named[-1]:
            named.append(size)
    return named
