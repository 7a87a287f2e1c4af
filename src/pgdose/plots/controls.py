"""The figure of controls: what flips diagnoses, attacks and controls on one axis of sizes.

The rows come from `control_rows.over_size`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pgdose.plots import panels, style
from pgdose.plots.style import GREY, INTERVAL, Groups

AXES = {
    "l_inf": "largest change of a pixel, L∞ (full range = 1)",
    "l2": "length of the change of an image, L2",
}
_SHORT = {"l_inf": "L∞", "l2": "L2"}
FLIP_RATE = "flip rate (flipped / right before)"
_MOST_COLUMNS = 4
_MARGIN = 1.4  # the axis goes beyond the sizes by this factor
_MARKER = (3.5, 1.0)  # size of the marker of severity 0, and how much each severity adds


@style.drawing()
def asr_over_size(rows: pd.DataFrame, groups: Groups) -> Figure:
    """ASR over the size of the change: a panel for each group, one block of panels for each norm.

    Attacks are lines over their epsilon. Controls stand at the median of their sizes, severities
    joined, each marker larger than the one before.

    Args:
        rows: of `control_rows.over_size`.
        groups: the study's groups.
    """
    shown = [group for group in groups if group in set(rows["group"])]
    if not shown or rows["asr"].isna().all():
        return style.message(panels.NO_RATE)
    norms = list(dict.fromkeys(norm for norm in AXES if norm in set(rows["norm"])))
    columns = min(_MOST_COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    size = max(7.0, 3.2 * columns + 0.6), 2.5 * lines * len(norms) + 1.9
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(lines * len(norms), columns, sharey=True, squeeze=False)
    looks = _looks(rows)
    for number, norm in enumerate(norms):
        block = axes[number * lines : (number + 1) * lines].ravel()
        of_norm = rows[rows["norm"] == norm]
        for panel in block[len(shown) :]:
            panel.set_visible(False)
        for place, (panel, group) in enumerate(zip(block, shown, strict=False)):
            _panel(panel, of_norm[of_norm["group"] == group], looks)
            panel.set_title(group)
            _size_axis(panel, of_norm[["size", "size_low", "size_high"]])
            if place >= len(shown) - columns:
                panel.set_xlabel(AXES[norm])
    figure.supylabel(FLIP_RATE, fontsize=9)
    _legend(figure, rows, looks)
    return figure


Looks = Mapping[str, Mapping[str, Any]]  # of each attack and control, for `Axes.plot`


def _looks(rows: pd.DataFrame) -> Looks:
    """Attacks of different norms are in different panels, so each norm has its own count."""
    names = rows.drop_duplicates("name")
    looks: dict[str, dict[str, Any]] = {}
    for _, attacks in names[names["kind"] == "attack"].groupby("norm", sort=False):
        for number, name in enumerate(attacks["name"]):
            color, line = style.ATTACK_LINES[number % len(style.ATTACK_LINES)]
            looks[name] = {"color": color, "linestyle": line, "linewidth": 1.6}
    for number, name in enumerate(names["name"][names["kind"] != "attack"]):
        color, marker = style.CONTROL_LOOKS[number % len(style.CONTROL_LOOKS)]
        looks[name] = {"color": color, "marker": marker, "linewidth": 0.9}
    return looks


def _panel(panel: Axes, rows: pd.DataFrame, looks: Looks) -> None:
    panel.set_ylim(-0.04, 1.04)
    panel.set_yticks(np.linspace(0, 1, 6))
    if rows["asr"].isna().all():
        panels.note(panel, "no image attacked")
        return
    for name, of_name in rows.groupby("name", sort=False):
        look, x = dict(looks[str(name)]), of_name["size"].to_numpy(float)
        y, low, high = (of_name[end].to_numpy(float) for end in ("asr", "ci_low", "ci_high"))
        if of_name["kind"].iloc[0] == "attack":
            panel.plot(x, y, **look)
            panels.band(panel, x, low, high, look["color"])
            continue
        panel.vlines(x, low, high, color=look["color"], linewidth=0.9, alpha=0.35)
        marker = look.pop("marker")
        panel.plot(x, y, alpha=0.8, **look)
        strengths = of_name["severity"].fillna(3).to_numpy(float)
        for at, rate, strength in zip(x, y, strengths, strict=True):
            panel.plot(
                at, rate, linestyle="none", color=look["color"], marker=marker,
                markersize=_MARKER[0] + _MARKER[1] * strength, markeredgecolor="white",
                markeredgewidth=0.5,
            )  # fmt: skip


def _size_axis(panel: Axes, sizes: pd.DataFrame) -> None:
    """Logarithmic, from the smallest to the largest size of all panels of the norm."""
    positive = sizes["size"][sizes["size"] > 0]
    panel.set_xscale("log")
    panel.set_xlim(positive.min() / _MARGIN, positive.max() * _MARGIN)
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0,), numticks=12))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Figure, rows: pd.DataFrame, looks: Looks) -> None:
    kinds = rows.drop_duplicates("name").set_index("name")["kind"]
    columns: dict[str, list[Artist]] = {}
    attacks = rows[rows["kind"] == "attack"].drop_duplicates("name")
    norms = attacks["norm"].nunique()
    others = [name for name, kind in kinds.items() if kind != "attack"]

    def handles(names: Sequence[Any]) -> list[Artist]:
        return [Line2D([], [], label=str(n), **looks[str(n)]) for n in names]

    for name, norm in zip(attacks["name"], attacks["norm"], strict=True):
        label = f"{name} ({_SHORT[norm]})" if norms > 1 else name
        columns.setdefault("Attacks", []).append(Line2D([], [], label=label, **looks[name]))
    half = -(-len(others) // 2) if len(others) > 4 else len(others)
    columns["Controls"] = handles(others[:half])
    if others[half:]:
        columns[" "] = handles(others[half:])
    sizes = Line2D([], [], color=GREY, marker="o", markersize=8, linestyle="none")
    sizes.set_label("larger: more severe")
    bar = Line2D([], [], color=GREY, marker="|", markersize=8, linestyle="none", label=INTERVAL)
    columns["Marks"] = [sizes, bar]
    style.legend(figure, {}, {}, columns)
