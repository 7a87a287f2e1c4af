"""The panels of Figs. 3a to 3d: a grid by attack, rates with their intervals, and words in them.

A band is the interval of the rates; a point that no neighbour joins has a bar instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pgdose.plots import axes, style
from pgdose.plots.style import ASR, EPSILON, GREY, INTERVAL, UNREACHED, Groups, Look

NO_RATE = "No image was attacked, so there is no success rate to draw."
BAND, FAINT = 0.16, 0.06  # opacities of an interval; of one that rests on few images
BAND_LEGEND: Mapping[str, Sequence[Artist]] = {
    "Band": [Patch(color=GREY, alpha=BAND, linewidth=0, label=INTERVAL)]
}

Panels = Mapping[tuple[Any, str], Axes]  # by the row of panels and the attack


def grid(
    labels: Mapping[Any, str], attacks: Mapping[str, str], x: str, y: str = ASR, height: float = 2
) -> tuple[Figure, Panels]:
    """A panel for each row and attack; all share the axis of rates.

    A lone panel is made wide enough for the legend.

    Args:
        labels: of each row, the text at its left.
        attacks: of each attack, the title above its column.
        x: the name of the horizontal axes.
        y: the name of the vertical axes; empty if each panel names its own.
        height: of a row, in inches.
    """
    width = min(3.5, max(2.1, 11 / len(attacks)))  # a page of a report is some 12 inches wide
    size = max(6.0, width * len(attacks) + 0.8), height * len(labels) + 2.0
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(labels), len(attacks), sharex="col", sharey=True, squeeze=False)
    for row, label in zip(axes, labels.values(), strict=True):
        row[0].set_ylabel(label, fontweight="bold")
    for panel, title in zip(axes[0], attacks.values(), strict=True):
        panel.set_title(title)
    for panel in axes.flat:
        panel.set_ylim(-0.04, 1.04)
        panel.set_yticks(np.linspace(0, 1, 6 if height > 1.5 else 3))
    # The name of the x axes stands below their middle. (A supxlabel would meet the legend.)
    middle = axes[-1][(len(attacks) - 1) // 2]
    middle.set_xlabel(x, x=0.5 if len(attacks) % 2 else 1.05)
    if y:
        figure.supylabel(y, fontsize=9)
    return figure, {
        (label, attack): panel
        for label, row in zip(labels, axes, strict=True)
        for attack, panel in zip(attacks, row, strict=True)
    }


def attack_titles(rows: pd.DataFrame) -> dict[str, str]:
    """The title above the panels of each attack, whose rows are of one iteration."""
    attacks = rows.drop_duplicates("attack")
    return {
        attack: f"{attack}, iteration {iteration}"
        for attack, iteration in zip(attacks["attack"], attacks["iteration"], strict=True)
    }


def rated_groups(rows: pd.DataFrame) -> dict[str, bool]:
    """The groups of the rows, and whether any rate of each is known."""
    return dict(rows["asr"].notna().groupby(rows["group"]).any())


def curves(
    panel: Axes,
    rows: pd.DataFrame,
    x: str,
    groups: Groups,
    points: Sequence[float],
    *,
    every: int = 1,
) -> None:
    """A curve with its band for each group.

    Args:
        panel: to draw on.
        rows: of one attack: `group asr ci_low ci_high` and the column `x`.
        x: the column of the horizontal axis.
        groups: the study's groups.
        points: all places on the axis, rising; rates at neighbouring ones are joined.
        every: mark every n-th point only, starting at another one in each group: the markers of
            curves that run together then stand beside one another.
    """
    if rows["asr"].isna().all():
        note(panel, "no image attacked" if len(rows) else "not measured")
        return
    looks = style.looks(groups)
    for place, group in enumerate(rows["group"].unique()):
        of_group = rows[rows["group"] == group]
        at_points = of_group.drop_duplicates(x).set_index(x).reindex(list(points))
        y, low, high = (at_points[name].to_numpy(float) for name in ("asr", "ci_low", "ci_high"))
        marked = _isolated(np.isfinite(y)) | (np.arange(len(points)) % every == place % every)
        panel.plot(points, y, markevery=list(np.flatnonzero(marked)), **looks[group].handle())
        if "reached" in rows:
            grey_copies(panel, of_group, x, looks[group])
        band(panel, np.array(points), low, high, looks[group].color, look=looks[group])


def grey_copies(panel: Axes, rows: pd.DataFrame, x: str, look: Look) -> None:
    """Grey markers over the points of amplitudes that the attack never reached."""
    copies = rows[~rows["reached"] & rows["asr"].notna()]
    grey = {"color": UNREACHED, "markeredgecolor": UNREACHED, "linestyle": "none"}
    grey |= {"markerfacecolor": UNREACHED if look.filled else "white"}
    if len(copies):
        panel.plot(copies[x], copies["asr"], **look.handle() | grey, gid="unreached")


def band(
    panel: Axes,
    x: Any,
    low: Any,
    high: Any,
    color: Any,
    alpha: float = BAND,
    look: Look | None = None,
) -> None:
    """The intervals as a band, and as a bar where no neighbour has one.

    With a group's look the band has its hatching and an edge with its line: bands that overlap can
    then be told apart without their colours.
    """
    finite = np.isfinite(low) & np.isfinite(high)
    isolated = _isolated(finite)
    joined = finite & ~isolated
    edge = {"linestyle": look.line, "hatch": look.hatch} if look else {}
    panel.fill_between(
        x, low, high, where=joined, facecolor=(color, alpha), edgecolor=(color, 0.45),
        linewidth=0.5 if look else 0, **edge,
    )  # fmt: skip
    panel.vlines(x[isolated], low[isolated], high[isolated], color=color, linewidth=1.2, alpha=0.6)


def _isolated(finite: np.ndarray) -> np.ndarray:
    """Which finite points have no finite neighbour."""
    padded = np.pad(finite, 1)
    return finite & ~padded[:-2] & ~padded[2:]


def note(panel: Axes, words: str, color: str = GREY) -> None:
    """Words in the middle of a panel that has nothing to draw."""
    panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color=color)


def group_legend(figure: Figure, groups: Groups, rows: pd.DataFrame) -> None:
    """The legend of a figure whose curves are the groups' and whose bands are intervals."""
    extra = dict(BAND_LEGEND)
    if "reached" in rows and not rows["reached"].all():
        extra["Band"] = [*extra["Band"], unreached_handle()]
    style.legend(figure, groups, rated_groups(rows), extra)


def unreached_handle() -> Line2D:
    """What the legend shows for the points of `grey_copies`."""
    label = f"{EPSILON} that the attack never reached"
    return Line2D([], [], color=UNREACHED, marker="o", linestyle="none", label=label)


def epsilon_axis(panel: Axes, epsilons: pd.Series) -> None:
    """From 0, or logarithmic where epsilons differ much; plain numbers as ticks."""
    plain = FuncFormatter(lambda value, _: f"{value:.6g}")
    if not axes.is_wide(epsilons):
        if (epsilons > 0).any():
            panel.set_xlim(0, epsilons.max() * 1.05)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(plain)
        return
    panel.set_xscale("log")
    # Plain numbers instead of powers of ten, few enough not to touch each other.
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0,), numticks=12))
    panel.xaxis.set_major_formatter(plain)
    panel.xaxis.set_minor_formatter(NullFormatter())
