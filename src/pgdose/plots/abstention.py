"""The figure of abstention: the error among accepted images over the share that is rejected."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pgdose.plots import panels, style
from pgdose.plots.axes import FEW
from pgdose.plots.rows import main_networks
from pgdose.plots.style import EPSILON, GREY, Groups
from pgdose.study.doses import Doses, same_epsilon

MARKED = 0.1  # the share of clean images whose threshold has a point on each curve
_LINES: Mapping[str, Any] = {
    "confidence": "-",
    "margin": (0, (4, 2)),
    "disagreement": (0, (1, 1.2)),
}
_WIDTHS = {"confidence": 2.2, "margin": 1.2, "disagreement": 1.7}
_SHADES = {"small": 0.62, "operating": 0.2}  # places on the map of doses
_FAINT = 0.35  # opacity of an error among fewer than FEW images
_COLUMNS = ["group", "attack", "score", "condition", "epsilon", "iteration", "clean_rejected"]
_COLUMNS += ["threshold", "n_images", "rejected", "n_accepted", "error", "ci_low", "ci_high"]


def over_rejected(
    abstention: pd.DataFrame, groups: Groups, epsilon: float, small_epsilon: float
) -> pd.DataFrame:
    """The rows of the figure: main networks, clean and under each attack at two amplitudes.

    Args:
        abstention: the table; the last iterates are selected.
        groups: the study's groups.
        epsilon: the operating point's amplitude; an attack that does not have it is shown at the
            nearest one.
        small_epsilon: a smaller one, at which only attacks are shown that have it.

    Returns:
        `group attack score condition epsilon iteration clean_rejected threshold n_images rejected
        n_accepted error ci_low ci_high`; the condition is clean (without an attack), small or
        operating.
    """
    table = main_networks(abstention)
    table = table[table["group"].isin(list(groups))]
    is_clean = table["attack"].isna() | (table["attack"] == "")
    parts = [table[is_clean].assign(condition="clean")]
    attacked = table[~is_clean & (table["choice"] == "last")]
    for _, rows in attacked.groupby("attack", sort=False):
        doses = Doses(tuple(sorted(rows["epsilon"].unique())), 1)
        operating = doses.epsilons[doses.nearest_level(epsilon)]
        at_small = rows["epsilon"].map(lambda value: same_epsilon(value, small_epsilon))
        at_small &= rows["epsilon"] < operating
        parts += [
            rows[at_small].assign(condition="small"),
            rows[rows["epsilon"] == operating].assign(condition="operating"),
        ]
    return pd.concat(parts)[_COLUMNS].reset_index(drop=True)


@style.drawing()
def error_over_rejected(rows: pd.DataFrame, groups: Groups) -> Figure:
    """The figure: rows are groups, columns attacks; a line for each score and condition.

    Args:
        rows: of `over_rejected`.
        groups: the study's groups.
    """
    attacked = rows[rows["condition"] != "clean"]
    if attacked.empty:
        return style.message("No image was attacked, so there is no abstention under attack.")
    members = [group for group in groups if (attacked["group"] == group).any()]
    figure, grid = panels.grid(
        {g: f"{g}\n{style.MODALITIES[style.modality(groups, g)]}" for g in members},
        _titles(attacked),
        "share of images that is rejected",
        y="error among accepted images (wrong / accepted)",
        height=1.6,
    )
    for (group, attack), panel in grid.items():
        of_group = rows[rows["group"] == group]
        of_attack = of_group[of_group["attack"] == attack]
        panel.set_xlim(-0.02, 1.0)
        if of_attack.empty:
            panels.note(panel, "not measured")
            continue
        _curves(panel, pd.concat([of_group[of_group["condition"] == "clean"], of_attack]))
    style.legend(figure, groups, {}, _legend(rows))
    return figure


def _titles(rows: pd.DataFrame) -> dict[str, str]:
    """The title above the panels of each attack, with the amplitudes of its lines."""
    titles = {}
    for attack, of_attack in rows.groupby("attack", sort=False):
        epsilons = ", ".join(f"{epsilon:g}" for epsilon in sorted(of_attack["epsilon"].unique()))
        titles[str(attack)] = (
            f"{attack}, iteration {of_attack['iteration'].iloc[0]}\n{EPSILON} = {epsilons}"
        )
    return titles


def _curves(panel: Axes, rows: pd.DataFrame) -> None:
    """The lines of one group under one attack; the interval of confidence alone as a band."""
    for (condition, score), of_line in rows.groupby(["condition", "score"], sort=False):
        line = of_line.sort_values("clean_rejected").dropna(subset=["error"])
        color = _color(str(condition))
        if score == "confidence":
            panel.fill_between(
                line["rejected"], line["ci_low"], line["ci_high"],
                color=color, alpha=panels.BAND, linewidth=0,
            )  # fmt: skip
        look: dict[str, Any] = {
            "color": color,
            "linestyle": _LINES[str(score)],
            "linewidth": _WIDTHS[str(score)],
        }
        many = line[line["n_accepted"] >= FEW]
        panel.plot(line["rejected"], line["error"], **look, alpha=_FAINT)
        panel.plot(many["rejected"], many["error"], **look)
        # The points of confidence lie over those of the margin, which may be the same.
        face, order = (color, 4) if score == "confidence" else ("white", 3)
        marked = line[(line["clean_rejected"] - MARKED).abs() < 1e-9]
        panel.plot(
            marked["rejected"], marked["error"], color=color, marker="o", linestyle="none",
            markerfacecolor=face, markersize=4, zorder=order,
        )  # fmt: skip


def _color(condition: str) -> Any:
    return GREY if condition == "clean" else colormaps[style.DOSE_MAP](_SHADES[condition])


def _legend(rows: pd.DataFrame) -> dict[str, Sequence[Artist]]:
    words = {
        "clean": "clean",
        "small": "attacked, smaller " + EPSILON,
        "operating": "attacked, larger " + EPSILON,
    }
    shown = set(rows["condition"])
    scores = [score for score in _LINES if (rows["score"] == score).any()]
    point = Line2D([], [], color=GREY, marker="o", linestyle="none", markersize=4)
    point.set_label(f"threshold that rejects\n{MARKED:.0%} of clean images")
    return {
        "Images": [
            Line2D([], [], color=_color(name), linewidth=2.2, label=text)
            for name, text in words.items()
            if name in shown
        ],
        "Rejected by": [
            Line2D([], [], color=GREY, linestyle=_LINES[s], linewidth=_WIDTHS[s], label=s)
            for s in scores
        ],
        "Point": [point],
        **panels.BAND_LEGEND,
    }
