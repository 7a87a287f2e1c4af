"""Certified accuracy of smoothed networks over the radius, beside robust accuracy under L2 attacks.

Both are shares of all images, so that a reader can compare them: what is certified at a radius
resists every change of that length, an attack is one of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from pgdose.plots import panels, style
from pgdose.plots.style import EPSILON, GREY, INTERVAL, Groups

CERTIFIED, ROBUST, BASE = "certified", "robust", "base_robust"
_AXIS = f"radius, and {EPSILON} of the attack (L2 length; full intensity range = 1)"
_COLUMNS = [
    "group",
    "run",
    "smoothed",
    "sigma",
    "attack",
    "iteration",
    "shown",
    "radius",
    "n_images",
]
_COLUMNS += ["share", "low", "high"]
_BEYOND = 1.6  # times the largest radius: so far attacks are shown


def over_radius(certified: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """The rows of the figure.

    Args:
        certified: the result table of this name.
        groups: the study's groups.

    Returns:
        `group run smoothed sigma attack iteration shown radius n_images share low high`; `shown`
        is certified (`attack` is empty), robust or base_robust (`run` is then the base network).
        `smoothed` is the smoothed network on whose certified images the share is.
    """
    table = certified[certified["group"].isin(list(groups))].fillna({"attack": ""})
    table = table.assign(smoothed=table["run"])
    alone = table["attack"] == ""
    parts = []
    for shown in (CERTIFIED, ROBUST, BASE):
        rows = table[alone if shown == CERTIFIED else ~alone].assign(shown=shown)
        if shown == BASE:
            rows = rows.assign(run=rows["base"], sigma=np.nan)
        ends = {shown: "share", f"{shown}_low": "low", f"{shown}_high": "high"}
        parts.append(rows.rename(columns=ends)[_COLUMNS])
    joined = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return joined[~_repeated(joined)].reset_index(drop=True)


def _repeated(rows: pd.DataFrame) -> pd.Series:
    """Whether a row is of a curve that is there already.

    Smoothed networks may share a base, which then has one curve, unless their certificates are of
    different images.
    """
    repeated = pd.Series(False, index=rows.index)
    seen = set()
    base = rows[rows["shown"] == BASE]
    for _, curve in base.groupby(["group", "attack", "run", "smoothed"], sort=False):
        values = curve.drop(columns="smoothed").to_json(orient="values")
        repeated[curve.index] = values in seen
        seen.add(values)
    return repeated


@style.drawing()
def certified_over_radius(rows: pd.DataFrame, groups: Groups) -> Figure:
    """The figure: a row of panels for each group, a column for each attack.

    Args:
        rows: of `over_radius`.
        groups: the study's groups.
    """
    if rows["share"].isna().all():
        return style.message("No image was certified, so there is no certified accuracy to draw.")
    attacked = rows[rows["attack"] != ""].astype({"iteration": "Int64"})
    titles = panels.attack_titles(attacked) if len(attacked) else {"": ""}
    names = [group for group in groups if group in set(rows["group"])]
    figure, grid = panels.grid(
        {group: group for group in names}, titles, _AXIS, "share of the images", 2.3
    )
    colors = _colors(rows)
    largest = rows[rows["shown"] == CERTIFIED].groupby(["group", "run"])["radius"].max()
    for (group, attack), panel in grid.items():
        of_panel = rows[(rows["group"] == group) & rows["attack"].isin(["", attack])]
        several = of_panel.groupby(["shown", "run"])["smoothed"].nunique()
        for (shown, run, smoothed), curve in of_panel.groupby(
            ["shown", "run", "smoothed"], sort=False
        ):
            # Of a base with several curves each is that of the images of one smoothed network.
            name = smoothed if several[shown, run] > 1 else run
            _curve(panel, curve.sort_values("radius"), str(shown), colors.get(name, GREY))
        for run, radius in largest[group].items():
            panel.axvline(radius, color=colors[run], linewidth=0.8, linestyle=":")
        panel.set_xlim(*_ends_of_axis(rows[rows["attack"].isin(["", attack])]))
        panel.xaxis.set_major_locator(MaxNLocator(5))
    style.legend(figure, groups, {}, _legend(rows, colors, with_attacks=bool(len(attacked))))
    return figure


def _ends_of_axis(rows: pd.DataFrame) -> tuple[float, float]:
    """From 0 to the largest radius, or some way beyond it where the attacks go on."""
    largest = rows["radius"][rows["shown"] == CERTIFIED].max()
    last = min(rows["radius"].max(), _BEYOND * largest)
    return -0.02 * last, 1.03 * last


def _colors(rows: pd.DataFrame) -> dict[str, Any]:
    """The colour of each smoothed network, darker with less noise."""
    runs = rows[rows["shown"] == CERTIFIED].groupby("run")["sigma"].min().sort_values().index
    colors = colormaps[style.DOSE_MAP](np.linspace(0.15, 0.75, max(len(runs), 2)))
    return dict(zip(runs, colors, strict=False))


def _curve(panel: Axes, rows: pd.DataFrame, shown: str, color: Any) -> None:
    x, y, low, high = (rows[name].to_numpy(float) for name in ("radius", "share", "low", "high"))
    if shown == CERTIFIED:
        panel.plot(x, y, color=color, linewidth=1.8)
        panels.band(panel, x, low, high, color)
        return
    look = _ROBUST if shown == ROBUST else _OF_BASE
    panel.plot(x, y, color=color, **look)
    panel.vlines(x, low, high, color=color, linewidth=1.0, alpha=0.6)


_ROBUST: dict[str, Any] = {"linestyle": (0, (4, 2)), "marker": "o", "markersize": 4.5}
_OF_BASE: dict[str, Any] = {"linestyle": (0, (1, 1.5)), "marker": "s", "markersize": 4}


def _legend(
    rows: pd.DataFrame, colors: Mapping[str, Any], *, with_attacks: bool
) -> dict[str, list[Any]]:
    sigmas = rows[rows["shown"] == CERTIFIED].groupby("run")["sigma"].unique()
    networks: list[Any] = [
        Line2D([], [], color=color, linewidth=1.8, label=_network_label(run, sigmas[run]))
        for run, color in colors.items()
    ]
    networks += [
        Line2D([], [], color=GREY, linewidth=0.8, linestyle=":", label="largest possible radius"),
        Patch(color=GREY, alpha=panels.BAND, linewidth=0, label=INTERVAL),
    ]
    lines = [Line2D([], [], color=GREY, linewidth=1.8, label="certified")]
    if with_attacks:
        lines.append(Line2D([], [], color=GREY, label="under the attack", **_ROBUST))
        bases = " / ".join(rows["run"][rows["shown"] == BASE].unique())
        base = f"base network {bases}, under the attack"
        lines.append(Line2D([], [], color=GREY, label=base, **_OF_BASE))
    return {"Smoothed network": networks, "Accuracy": lines}


def _network_label(run: str, sigmas: np.ndarray) -> str:
    return f"{run} (σ = {sigmas[0]:g})" if len(sigmas) == 1 else run
