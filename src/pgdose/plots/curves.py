"""Fig. 3a to 3d: attack success rate (ASR) over amplitude, iterations, confidence, training size.

ASR is NaN where no image was attacked; such points are gaps in the curves, never zeros.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from pgdose.analysis.success import operating_iteration
from pgdose.plots import style
from pgdose.plots.style import EPSILON, Groups, Look

WIDE_RANGE = 20.0  # amplitudes whose ratio exceeds this get a logarithmic axis
FEW = 10  # images in a bin of confidence; with fewer its rate says little
APART = 0.44, 0.035  # where the bin of confidences under 0.5 stands, and its half width

_NOTHING = "No image was attacked, so there is no success rate to draw."


@style.drawing()
def asr_over_epsilon(asr: pd.DataFrame, groups: Groups, iterations: int) -> Figure:
    """Fig. 3a: one panel for each attack, ASR of each group over the amplitude.

    Args:
        asr: `group run attack epsilon iteration asr ci_low ci_high`; the run "full" is drawn.
        groups: the study's groups.
        iterations: the operating point; an attack with fewer iterations is shown at its last one.
    """
    asr = _drawable(asr, groups)
    attacks = _names(asr)
    if asr["asr"].isna().all():
        return style.message(_NOTHING)
    # Four panels stand 2 x 2, not 3 + 1.
    figure, panels = _panels(len(attacks), columns=math.ceil(len(attacks) / -(-len(attacks) // 3)))
    drawn: set[str] = set()
    for panel, attack in zip(panels, attacks, strict=False):
        rows, iteration = _at_iteration(asr[asr["attack"] == attack], iterations)
        panel.set_title(f"{attack}, iteration {iteration}")
        drawn |= _curves(panel, rows, "epsilon", groups)
        _epsilon_axis(panel, rows["epsilon"])
    _axis_names(panels, f"amplitude {EPSILON} (full intensity range = 1)")
    style.legend(figure, groups, drawn)
    return figure


@style.drawing()
def asr_over_iterations(asr: pd.DataFrame, groups: Groups, epsilons: Sequence[float]) -> Figure:
    """Fig. 3b: ASR of each group over the iterations; rows are amplitudes, columns attacks.

    Args:
        asr: as for `asr_over_epsilon`.
        groups: the study's groups.
        epsilons: the amplitudes asked for; those that no attack has are left out.
    """
    asr = _drawable(asr, groups)
    asked = [e for e in epsilons if _close(asr["epsilon"], e).any()]
    attacks = [a for a in _names(asr) if _close(asr["epsilon"][asr["attack"] == a], *asked).any()]
    if not attacks or asr["asr"].isna().all():
        return style.message(_NOTHING)
    figure, panels = _panels(len(asked) * len(attacks), columns=len(attacks))
    drawn: set[str] = set()
    places = [(epsilon, attack) for epsilon in asked for attack in attacks]
    for panel, (epsilon, attack) in zip(panels, places, strict=True):
        panel.set_title(f"{attack}, {EPSILON} = {epsilon:g}")
        rows = asr[(asr["attack"] == attack) & _close(asr["epsilon"], epsilon)]
        # Before the first iteration nothing is flipped, by definition: no interval there.
        clean = rows["iteration"] == 0
        rows = rows.assign(
            ci_low=rows["ci_low"].mask(clean, rows["asr"]),
            ci_high=rows["ci_high"].mask(clean, rows["asr"]),
        )
        if rows.empty:
            panel.text(
                0.5, 0.5, "not measured", transform=panel.transAxes, ha="center", color="#595959"
            )
        every = max(1, math.ceil(rows["iteration"].nunique() / 5))
        drawn |= _curves(panel, rows, "iteration", groups, every)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _axis_names(panels, "iterations")
    style.legend(figure, groups, drawn)
    return figure


@style.drawing()
def asr_over_confidence(
    confidence: pd.DataFrame, groups: Groups, epsilon: float, iterations: int
) -> Figure:
    """Fig. 3c: ASR over the clean confidence; rows are modalities, columns attacks.

    Points of several groups stand side by side within their bin, so that their intervals can be
    read, and grow with the number of images; what rests on fewer than FEW images is drawn faint.
    Bins under 0.5 stand apart, at the left.

    Args:
        confidence: `group run attack epsilon iteration bin_low bin_high n_attacked asr ci_low
            ci_high`; the run "full" is drawn.
        groups: the study's groups.
        epsilon: the operating point's amplitude; attacks without it are named above the panels.
        iterations: the operating point's iterations, as for `asr_over_epsilon`.
    """
    table = _drawable(confidence, groups)
    table = table[table["n_attacked"] > 0]
    at_epsilon = table[_close(table["epsilon"], epsilon)]
    attacks = _names(at_epsilon)
    if not attacks:
        return style.message(f"No image was attacked at {EPSILON} = {epsilon:g}.")
    by_modality: dict[str, list[str]] = {}
    for group in groups:
        if (at_epsilon["group"] == group).any():
            by_modality.setdefault(style.modality(groups, group), []).append(group)
    apart = bool((at_epsilon["bin_low"] < 0.5).any())
    figure, panels = _panels(len(attacks) * len(by_modality), columns=len(attacks))
    look = style.looks(groups)
    places = [(kind, attack) for kind in by_modality for attack in attacks]
    for panel, (kind, attack) in zip(panels, places, strict=True):
        rows, iteration = _at_iteration(at_epsilon[at_epsilon["attack"] == attack], iterations)
        panel.set_title(f"{attack}, iteration {iteration}: {style.MODALITIES[kind]}")
        _confidence_axis(panel, apart)
        members = by_modality[kind]
        for place, group in enumerate(members):
            shift = (place - (len(members) - 1) / 2) / len(members) * 0.8  # in widths of a bin
            _confidence_curve(panel, rows[rows["group"] == group], look[group], shift)
    _axis_names(panels, "clean confidence")
    words = f"all at {EPSILON} = {epsilon:g}"
    absent = [attack for attack in _names(table) if attack not in attacks]
    if absent:
        words += f", where these attacks were not measured: {', '.join(absent)}"
    figure.suptitle(words, fontsize=9.5)
    decades = range(int(math.log10(at_epsilon["n_attacked"].max())) + 1)
    sizes = [
        Line2D(
            [], [], color="#595959", marker="o", linestyle="none",
            markersize=_point_size(10**d), label=f"{10**d:,}",
        )
        for d in list(decades)[-4:]
    ]  # fmt: skip
    style.legend(figure, groups, set(at_epsilon["group"]), {"Images in a bin": sizes})
    return figure


@style.drawing()
def asr_over_training_size(training_size: pd.DataFrame, groups: Groups) -> Figure:
    """Fig. 3d: ASR, and the accuracy beside it, over the number of training images.

    A point is one training (repeat), a line their mean. Every amplitude of the table is drawn, at
    its largest number of iterations.

    Args:
        training_size: `group attack epsilon iteration size repeat accuracy asr`.
        groups: the study's groups.
    """
    table = training_size[training_size["group"].isin(list(groups))]
    attacks = _names(table)
    if not attacks:
        return style.message("No network was trained on a part of the training images.")
    figure, panels = _panels(len(attacks) + 1, columns=len(attacks) + 1)
    look = style.looks(groups)
    doses: dict[str, list[Line2D]] = {}
    named = [group for group in groups if (table["group"] == group).any()]
    for panel, attack in zip(panels, attacks, strict=False):
        rows = table[table["attack"] == attack]
        rows = rows[rows["iteration"] == rows["iteration"].max()]
        epsilons = sorted(rows["epsilon"].unique())
        shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(epsilons)))
        for group in named:
            for epsilon, shade in zip(epsilons, shades, strict=True):
                part = rows[(rows["group"] == group) & (rows["epsilon"] == epsilon)]
                color = look[group].color if len(epsilons) == 1 else shade
                _repeats(panel, part, "asr", look[group], color)
        title = f"{attack}, iteration {rows['iteration'].max()}"
        if len(epsilons) == 1:
            title += f", {EPSILON} = {epsilons[0]:g}"
        else:
            doses[f"{EPSILON}, {attack}"] = [
                Line2D([], [], color=shade, label=f"{epsilon:g}")
                for epsilon, shade in zip(epsilons, shades, strict=True)
            ]
        panel.set_title(title)
    _axis_names(panels, "training images")
    last = panels[-1]
    last.set_title("clean accuracy")
    last.set_ylabel("accuracy")
    last.tick_params(labelleft=True)
    for group in named:
        once = table[table["group"] == group].drop_duplicates(["size", "repeat"])
        _repeats(last, once, "accuracy", look[group], look[group].color)
    for panel in panels:
        _size_axis(panel, sorted(table["size"].unique()))
    style.legend(figure, groups, set(named), doses)
    return figure


# --- choosing rows ----------------------------------------------------------------------------


def _drawable(table: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    return table[(table["run"] == "full") & table["group"].isin(list(groups))]


def _names(table: pd.DataFrame) -> list[str]:
    """The attacks, in the order of the table."""
    return list(table["attack"].unique())


def _close(values: pd.Series, *asked: float) -> pd.Series:
    """Which values are one of those asked for, but for rounding (a CSV may lie between)."""
    near = np.isclose(values.to_numpy(float)[:, None], np.array(asked, float), rtol=1e-6, atol=0)
    return pd.Series(near.any(axis=1), index=values.index)


def _at_iteration(rows: pd.DataFrame, asked: int) -> tuple[pd.DataFrame, int]:
    """The rows at the operating iteration, and which it is."""
    iteration = operating_iteration(rows["iteration"], asked)
    return rows[rows["iteration"] == iteration], iteration


# --- drawing ----------------------------------------------------------------------------------


def _panels(count: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Panels with one ASR axis, row by row. A lone panel is made wide enough for the legend."""
    rows = math.ceil(count / columns)
    width = min(3.5, max(2.4, 11 / columns))  # a page of a report is some 12 inches wide
    size = max(6.0, width * columns + 0.4), 2.7 * rows + 1.5
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for unused in axes[count:]:
        unused.remove()
    for panel in axes[:count]:
        panel.set_ylim(-0.03, 1.03)
        panel.set_yticks(np.linspace(0, 1, 6))
    return figure, axes[:count]


def _axis_names(panels: list[Axes], x: str) -> None:
    """Name the axes at the figure's left and at the foot of each column of panels."""
    for panel in panels:
        place = panel.get_subplotspec()
        assert place is not None  # each was made by Figure.subplots
        if place.is_first_col():
            panel.set_ylabel("attack success rate")
        below = [
            other for other in panels
            if (spec := other.get_subplotspec()) is not None
            and spec.colspan == place.colspan
            and spec.rowspan.start > place.rowspan.start
        ]  # fmt: skip
        if not below:
            panel.set_xlabel(x)


def _curves(panel: Axes, rows: pd.DataFrame, x: str, groups: Groups, every: int = 1) -> set[str]:
    """A curve for each group, with intervals at its markers; says which groups were drawn.

    With `every` > 1 only some points are marked, others in each group: markers of curves that run
    together then stand beside one another.
    """
    grid = sorted(rows[x].unique())
    drawn = set()
    for place, (group, look) in enumerate(style.looks(groups).items()):
        part = rows[rows["group"] == group].drop_duplicates(x).set_index(x).reindex(grid)
        if part["asr"].isna().all():
            continue
        drawn.add(group)
        y = part["asr"].to_numpy(float)
        panel.plot(grid, y, markevery=(place % every, every), **look.handle())
        marked = slice(place % every, None, every)
        low, high = part["ci_low"].to_numpy(float), part["ci_high"].to_numpy(float)
        panel.vlines(
            grid[marked], low[marked], high[marked], color=look.color, linewidth=0.9, alpha=0.6
        )
    return drawn


def _epsilon_axis(panel: Axes, epsilons: pd.Series) -> None:
    plain = FuncFormatter(lambda value, _: f"{value:.6g}")
    positive = epsilons[epsilons > 0]
    if positive.empty or positive.max() / positive.min() <= WIDE_RANGE:
        if len(positive):
            panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(plain)
        return
    panel.set_xscale("log")
    # Plain numbers instead of powers of ten, few enough not to touch each other.
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=12))
    panel.xaxis.set_major_formatter(plain)
    panel.xaxis.set_minor_formatter(NullFormatter())


def _point_size(n: float) -> float:
    return float(2.2 + 1.3 * math.log10(max(n, 1)))


def _confidence_axis(panel: Axes, apart: bool) -> None:
    ticks = list(np.linspace(0.5, 1.0, 6))
    labels = [f"{tick:.1f}" for tick in ticks]
    panel.axvspan(0.95, 1.0, color="#F0F0F0", zorder=0)  # the bin of conclusion 4
    panel.set_xlim(0.495, 1.005)
    if apart:
        ticks, labels = [APART[0], *ticks], ["<0.5", *labels]
        panel.axvline(0.487, color="#595959", linewidth=0.8, linestyle=":")
        panel.set_xlim(left=0.395)
    panel.set_xticks(ticks, labels)


def _confidence_curve(panel: Axes, rows: pd.DataFrame, look: Look, shift: float) -> None:
    rows = rows.sort_values("bin_low")
    low, high = rows["bin_low"].to_numpy(float), rows["bin_high"].to_numpy(float)
    apart = low < 0.5
    x = np.where(apart, APART[0], (low + high) / 2)
    x = x + shift * np.where(apart, 2 * APART[1], high - low)
    y, n = rows["asr"].to_numpy(float), rows["n_attacked"].to_numpy()
    # Only neighbouring bins are joined: an empty bin is a gap, and so is the step over 0.5.
    for i in range(1, len(x)):
        if not apart[i - 1] and math.isclose(high[i - 1], low[i], abs_tol=1e-6):
            faint = 0.3 if n[i - 1 : i + 1].min() < FEW else 1.0
            both = slice(i - 1, i + 1)
            panel.plot(x[both], y[both], color=look.color, linestyle=look.line, alpha=faint)
    panel.vlines(
        x, rows["ci_low"], rows["ci_high"], color=look.color, linewidth=0.9,
        alpha=np.where(n < FEW, 0.25, 0.7),
    )  # fmt: skip
    for i in range(len(x)):
        handle = look.handle() | {"linestyle": "none", "markersize": _point_size(n[i])}
        panel.plot(x[i], y[i], **handle)


def _repeats(panel: Axes, rows: pd.DataFrame, column: str, look: Look, color: Any) -> None:
    """Each repeat as a point and their mean as a line."""
    face = color if look.filled else "white"
    panel.plot(
        rows["size"], rows[column], linestyle="none", marker=look.marker, markersize=4,
        color=color, markerfacecolor=face,
    )  # fmt: skip
    mean = rows.groupby("size")[column].mean()
    panel.plot(mean.index, mean, color=color, linestyle=look.line)


def _size_axis(panel: Axes, sizes: Iterable[int]) -> None:
    sizes = list(sizes)
    panel.set_xscale("log")
    panel.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=35, ha="right")
    panel.xaxis.set_minor_locator(NullLocator())
