"""Forest plots of an atlas: each study's estimate, and what is pooled of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from pgdose.plots import style
from pgdose.plots.style import GREY

_ROW = 0.21  # inches
_LONGEST_NAME = 40  # characters


@dataclass(frozen=True)
class Forest:
    """What a forest plot shows.

    title, axis: above and below it
    rows:        `name estimate low high weight marked`, a row for each study; `marked` are drawn
                 hollow; the weights have the sum 1
    pooled:      numbers by `estimate ci_low ci_high predicted_low predicted_high`
    is_rate:     whether the axis is from 0 to 1
    zero:        where a vertical line stands; NaN for none
    """

    title: str
    axis: str
    rows: pd.DataFrame
    pooled: Mapping[Any, Any]
    is_rate: bool
    zero: float = math.nan


@style.drawing()
def forest(of: Forest) -> Figure:
    """The studies from top to bottom, below them the pooled mean as a diamond.

    A square's area is the study's weight; the grey line at the diamond is the prediction interval.
    """
    n = len(of.rows)
    figure = Figure(figsize=(5.2, 0.85 + _ROW * (n + 2)), layout="constrained")
    panel = figure.subplots()
    panel.set_title(of.title)
    names: list[tuple[float, str]] = []
    texts: list[tuple[float, str]] = []
    for place, row in enumerate(of.rows.to_dict("records")):
        y = n + 1 - place
        panel.plot([row["low"], row["high"]], [y, y], color=style.UNDEFENDED, linewidth=1.1)
        panel.scatter(
            [row["estimate"]],
            [y],
            s=12 + 110 * row["weight"],
            marker="s",
            zorder=3,
            facecolor="white" if row["marked"] else style.UNDEFENDED,
            edgecolor=style.UNDEFENDED,
        )
        names.append((y, style.shorten_middle(str(row["name"]), _LONGEST_NAME)))
        texts.append((y, _text(row["estimate"], row["low"], row["high"])))
    _pooled(panel, of.pooled)
    names.append((0.6, f"Pooled, {n} studies"))
    texts.append((0.6, _text(*(of.pooled[key] for key in ("estimate", "ci_low", "ci_high")))))
    panel.set_yticks([y for y, _ in names], [name for _, name in names])
    panel.set_ylim(-0.1, n + 1.7)
    panel.set_xlabel(of.axis)
    panel.grid(axis="y", visible=False)
    if of.is_rate:
        panel.set_xlim(-0.02, 1.02)
    if not math.isnan(of.zero):
        panel.axvline(of.zero, color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    numbers = panel.secondary_yaxis("right")
    numbers.set_yticks([y for y, _ in texts], [text for _, text in texts])
    for axis in (panel.yaxis, numbers.yaxis):
        axis.set_tick_params(length=0)
    numbers.spines["right"].set_visible(False)
    return figure


def _pooled(panel: Any, pooled: Mapping[Any, Any], y: float = 0.6) -> None:
    low, middle, high = (pooled[key] for key in ("ci_low", "estimate", "ci_high"))
    ends = pooled["predicted_low"], pooled["predicted_high"]
    if not any(math.isnan(end) for end in ends):
        panel.plot(ends, [y, y], color=style.BARS, linewidth=3, solid_capstyle="butt")
    corners = [(low, y), (middle, y + 0.33), (high, y), (middle, y - 0.33)]
    panel.add_patch(Polygon(corners, closed=True, color=style.TRAINING, zorder=3))


def _text(estimate: float, low: float, high: float) -> str:
    return f"{estimate:.2f} [{low:.2f}, {high:.2f}]".replace("-", "\N{MINUS SIGN}")
