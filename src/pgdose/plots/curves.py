"""Fig. 3a to 3d: attack success rate (ASR) over amplitude, iterations, confidence, training size.

Of each figure, one function chooses the rows and another draws them: what is saved beside a figure
is what it shows. ASR is NaN where no image was attacked; that is a gap, never zero. A band is the
interval of the rates; a point that no neighbour joins has a bar instead.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from pgdose.analysis.operating_point import at
from pgdose.plots import style
from pgdose.plots.style import AMPLITUDE, APART, ASR, EPSILON, FEW, INTERVAL, Groups, Look

_RATE = ["n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]
_NOTHING = "No image was attacked, so there is no success rate to draw."
_GREY = "#595959"
_BAND, _FAINT = 0.2, 0.1  # opacities

Panels = Mapping[tuple[Any, str], Axes]  # by the row of panels and the attack


# --- choosing rows ----------------------------------------------------------------------------


def over_epsilon(asr: pd.DataFrame, groups: Groups, iterations: int) -> pd.DataFrame:
    """The rows of Fig. 3a: each attack at its operating iteration.

    Args:
        asr: `group run attack epsilon iteration n_attacked n_flipped asr ci_low ci_high`; the run
            "full" is chosen.
        groups: the study's groups.
        iterations: the operating point; an attack with fewer iterations is shown at its last one.

    Returns:
        `group attack epsilon iteration n_attacked n_flipped asr ci_low ci_high`.
    """
    return _chosen(at(_full(asr, groups), iterations=iterations), ["epsilon", "iteration"])


def over_iterations(asr: pd.DataFrame, groups: Groups, epsilons: Sequence[float]) -> pd.DataFrame:
    """The rows of Fig. 3b: every iteration at the amplitudes asked for.

    Before the first iteration nothing is flipped, by definition: those rates have no interval.

    Args:
        asr: as for `over_epsilon`, and so is what is returned.
        groups: the study's groups.
        epsilons: the amplitudes asked for; those that no attack has are left out.
    """
    rows = _full(asr, groups)
    rows = rows[_close(rows["epsilon"], *epsilons)]
    clean = rows["iteration"] == 0
    rows = rows.assign(**{end: rows[end].mask(clean) for end in ("ci_low", "ci_high")})
    return _chosen(rows, ["epsilon", "iteration"])


def over_confidence(
    confidence: pd.DataFrame, groups: Groups, epsilon: float, iterations: int
) -> pd.DataFrame:
    """The rows of Fig. 3c: the bins that hold images, at the operating point.

    Args:
        confidence: `group run attack epsilon iteration bin_low bin_high n_attacked n_flipped asr
            ci_low ci_high`; the run "full" is chosen. Returned without `run`.
        groups: the study's groups.
        epsilon: the operating point's amplitude.
        iterations: the operating point's iterations, as for `over_epsilon`.
    """
    rows = _full(confidence, groups)
    rows = rows[(rows["n_attacked"] > 0) & _close(rows["epsilon"], epsilon)]
    rows = at(rows, iterations=iterations)
    return _chosen(rows, ["epsilon", "iteration", "bin_low", "bin_high"])


def over_training_size(training_size: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    """The rows of Fig. 3d: every training and amplitude, at each attack's last iteration.

    Args:
        training_size: `group attack epsilon iteration size repeat accuracy n_attacked n_flipped
            asr ci_low ci_high`; returned in this order.
        groups: the study's groups.
    """
    rows = training_size[training_size["group"].isin(list(groups))]
    rows = rows[rows["iteration"] == rows.groupby("attack")["iteration"].transform("max")]
    return _chosen(rows, ["epsilon", "iteration", "size", "repeat", "accuracy"])


def _full(table: pd.DataFrame, groups: Groups) -> pd.DataFrame:
    return table[(table["run"] == "full") & table["group"].isin(list(groups))]


def _close(values: pd.Series, *asked: float) -> pd.Series:
    """Which values are one of those asked for, but for rounding (a CSV may lie between)."""
    near = np.isclose(values.to_numpy(float)[:, None], np.array(asked, float), rtol=1e-6, atol=0)
    return pd.Series(near.any(axis=1), index=values.index)


def _chosen(rows: pd.DataFrame, places: list[str]) -> pd.DataFrame:
    return rows[["group", "attack", *places, *_RATE]].reset_index(drop=True)


# --- the figures ------------------------------------------------------------------------------


@style.drawing()
def asr_over_epsilon(rows: pd.DataFrame, groups: Groups) -> Figure:
    """Fig. 3a: ASR of each group over the amplitude; rows are modalities, columns attacks.

    Args:
        rows: of `over_epsilon`.
        groups: the study's groups.
    """
    if rows["asr"].isna().all():
        return style.message(_NOTHING)
    kinds = style.by_modality(groups, set(rows["group"]))
    figure, panels = _panels(
        {kind: style.MODALITIES[kind] for kind in kinds}, _headings(rows), AMPLITUDE
    )
    for (kind, attack), panel in panels.items():
        of_attack = rows[rows["attack"] == attack]
        own = of_attack[of_attack["group"].isin(kinds[kind])]
        _curves(panel, own, "epsilon", groups, sorted(of_attack["epsilon"].unique()))
        _epsilon_axis(panel, of_attack["epsilon"])
    style.legend(figure, groups, _drawn(rows), _BANDS)
    return figure


@style.drawing()
def asr_over_iterations(rows: pd.DataFrame, groups: Groups) -> Figure:
    """Fig. 3b: ASR over the iterations; rows are modalities and amplitudes, columns attacks.

    Neighbouring iterations are joined. An attack of which few are known has points with bars.

    Args:
        rows: of `over_iterations`.
        groups: the study's groups.
    """
    if rows["asr"].isna().all():
        return style.message(_NOTHING)
    kinds = style.by_modality(groups, set(rows["group"]))
    labels = {
        (kind, epsilon): f"{style.MODALITIES[kind]}, {EPSILON} = {epsilon:g}"
        for kind in kinds
        for epsilon in sorted(rows["epsilon"].unique())
    }
    attacks = {attack: attack for attack in rows["attack"].unique()}
    figure, panels = _panels(labels, attacks, "number of iterations")
    last = int(rows["iteration"].max())
    for ((kind, epsilon), attack), panel in panels.items():
        here = (rows["attack"] == attack) & (rows["epsilon"] == epsilon)
        own = rows[here & rows["group"].isin(kinds[kind])]
        _curves(panel, own, "iteration", groups, range(last + 1), every=max(1, last // 4))
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    style.legend(figure, groups, _drawn(rows), _BANDS)
    return figure


@style.drawing()
def asr_over_confidence(rows: pd.DataFrame, groups: Groups, attacks: Iterable[str] = ()) -> Figure:
    """Fig. 3c: ASR over the clean confidence; rows are groups, columns attacks.

    Points grow with the number of images; what rests on fewer than FEW images is drawn faint.
    Bins under 0.5 stand apart, at the left.

    Args:
        rows: of `over_confidence`.
        groups: the study's groups.
        attacks: all that there are; those without rows are named above the panels.
    """
    if rows["asr"].isna().all():
        return style.message("No image was attacked at the operating point's amplitude.")
    look = style.looks(groups)
    members = [group for group in groups if (rows["group"] == group).any()]
    figure, panels = _panels(
        {g: f"{g}\n{style.MODALITIES[style.modality(groups, g)]}" for g in members},
        _headings(rows),
        "clean confidence (probability of the predicted class)",
        height=1.25,
    )
    apart = bool((rows["bin_low"] < 0.5).any())
    for (group, attack), panel in panels.items():
        own = rows[(rows["group"] == group) & (rows["attack"] == attack)]
        _confidence_axis(panel, apart)
        if own.empty:
            _say(panel, "not measured")
        else:
            _confidence_curve(panel, own.sort_values("bin_low"), look[group])
    words = f"all at {EPSILON} = {rows['epsilon'].iloc[0]:g}"
    absent = [attack for attack in attacks if attack not in set(rows["attack"])]
    if absent:
        words += f", where these attacks were not measured: {', '.join(absent)}"
    figure.suptitle(words, fontsize=9.5)
    decades = range(int(math.log10(rows["n_attacked"].max())) + 1)
    sizes = [
        Line2D(
            [], [], color=_GREY, marker="o", linestyle="none",
            markersize=_point_size(10**d), label=f"{10**d:,}",
        )
        for d in list(decades)[-4:]
    ]  # fmt: skip
    few = Patch(color=_GREY, alpha=_FAINT, linewidth=0, label=f"of fewer than {FEW} images")
    bands = {heading: [*handles, few] for heading, handles in _BANDS.items()}
    style.legend(figure, groups, {}, {"Images in a bin": sizes, **bands})
    return figure


@style.drawing()
def asr_over_training_size(rows: pd.DataFrame, groups: Groups) -> Figure:
    """Fig. 3d: ASR, and the accuracy beside it, over the number of training images.

    A point is one training (repeat) with its interval, a line the mean of the trainings of a size,
    a band reaches from the lowest to the highest of them.

    Args:
        rows: of `over_training_size`.
        groups: the study's groups.
    """
    if rows.empty:
        return style.message("No network was trained on a part of the training images.")
    look = style.looks(groups)
    titles, doses = {}, {}
    shades: dict[tuple[str, float], Any] = {}  # of an amplitude, if an attack has several
    for attack, title in _headings(rows).items():
        epsilons = sorted(rows["epsilon"][rows["attack"] == attack].unique())
        if len(epsilons) == 1:
            titles[attack] = f"{title}, {EPSILON} = {epsilons[0]:g}"
            continue
        titles[attack] = title
        colors = colormaps["viridis"](np.linspace(0.0, 0.85, len(epsilons)))
        shades |= {(attack, e): color for e, color in zip(epsilons, colors, strict=True)}
        doses[f"{EPSILON}, {attack}"] = [
            Line2D([], [], color=shades[attack, e], label=f"{e:g}") for e in epsilons
        ]
    titles[""] = "accuracy on clean images"
    figure, panels = _panels({"": ""}, titles, "number of training images", y="")
    for (_, attack), panel in panels.items():
        here = rows[rows["attack"] == attack] if attack else rows.drop_duplicates(_TRAINING)
        column = "asr" if attack else "accuracy"
        by = ["group", "epsilon"] if attack else ["group"]
        for _, own in here.groupby(by, sort=False):
            group, epsilon = own[["group", "epsilon"]].iloc[0]
            _repeats(panel, own, column, look[group], shades.get((attack, epsilon)))
        panel.set_ylabel(ASR if attack else "accuracy (right / all)", fontweight="normal")
        panel.tick_params(labelleft=True)
        _size_axis(panel, sorted(rows["size"].unique()))
    style.legend(figure, groups, _drawn(rows), {**doses, **_TRAININGS})
    return figure


# --- drawing ----------------------------------------------------------------------------------

_TRAINING = ["group", "size", "repeat"]
_BANDS: Mapping[str, Sequence[Artist]] = {
    "Band": [Patch(color=_GREY, alpha=_BAND, linewidth=0, label=INTERVAL)]
}
_TRAININGS: Mapping[str, Sequence[Artist]] = {
    "Trainings of one size": [
        Line2D([], [], color=_GREY, label="their mean"),
        Patch(color=_GREY, alpha=_BAND, linewidth=0, label="lowest to highest"),
        Line2D([], [], color=_GREY, marker="|", linestyle="none", markersize=8, label=INTERVAL),
    ]
}


def _headings(rows: pd.DataFrame) -> dict[str, str]:
    """What stands over the panels of each attack, whose rows are of one iteration."""
    attacks = rows.drop_duplicates("attack")
    return {
        attack: f"{attack}, iteration {iteration}"
        for attack, iteration in zip(attacks["attack"], attacks["iteration"], strict=True)
    }


def _drawn(rows: pd.DataFrame) -> dict[str, bool]:
    """The groups, and whether any rate of each is known."""
    return dict(rows["asr"].notna().groupby(rows["group"]).any())


def _panels(
    labels: Mapping[Any, str], attacks: Mapping[str, str], x: str, y: str = ASR, height: float = 2
) -> tuple[Figure, dict[tuple[Any, str], Axes]]:
    """A panel for each row (with its label at the left) and attack (with its title on top).

    All share the axis of rates; a lone panel is made wide enough for the legend.
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


def _say(panel: Axes, words: str) -> None:
    panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color=_GREY)


def _curves(
    panel: Axes,
    rows: pd.DataFrame,
    x: str,
    groups: Groups,
    grid: Sequence[float],
    every: int = 1,
) -> None:
    """A curve with its band for each group; neighbours on the grid are joined.

    With `every` > 1 only some points are marked, others in each group: markers of curves that run
    together then stand beside one another.
    """
    if rows["asr"].isna().all():
        _say(panel, "no image attacked" if len(rows) else "not measured")
        return
    look = style.looks(groups)
    for place, group in enumerate(rows["group"].unique()):
        own = rows[rows["group"] == group]
        points = own.drop_duplicates(x).set_index(x).reindex(list(grid))
        y, low, high = (points[name].to_numpy(float) for name in ("asr", "ci_low", "ci_high"))
        alone = _alone(np.isfinite(y))
        marked = alone | (np.arange(len(grid)) % every == place % every)
        panel.plot(grid, y, markevery=list(np.flatnonzero(marked)), **look[group].handle())
        _band(panel, np.array(grid), low, high, look[group].color)


def _alone(known: np.ndarray) -> np.ndarray:
    """Which known points have no known neighbour."""
    beside = np.pad(known, 1)
    return known & ~beside[:-2] & ~beside[2:]


def _band(panel: Axes, x: Any, low: Any, high: Any, color: Any, alpha: float = _BAND) -> None:
    """The intervals as a band, and as a bar where no neighbour has one."""
    known = np.isfinite(low) & np.isfinite(high)
    alone = _alone(known)
    joined = known & ~alone
    panel.fill_between(x, low, high, where=joined, color=color, alpha=alpha, linewidth=0)
    panel.vlines(x[alone], low[alone], high[alone], color=color, linewidth=1.2, alpha=0.6)


def _epsilon_axis(panel: Axes, epsilons: pd.Series) -> None:
    plain = FuncFormatter(lambda value, _: f"{value:.6g}")
    if not style.is_wide(epsilons):
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


def _point_size(n: float) -> float:
    return float(2.2 + 1.3 * math.log10(max(n, 1)))


def _confidence_axis(panel: Axes, apart: bool) -> None:
    ticks = list(np.linspace(0.5, 1.0, 6))
    labels = [f"{tick:.1f}" for tick in ticks]
    panel.axvspan(0.95, 1.0, color="#F0F0F0", zorder=0)  # the bin of conclusion 4
    panel.set_xlim(0.495, 1.005)
    if apart:
        # The tick at 0.5 stays without its number, which would touch that of the bin apart.
        ticks, labels = [APART, *ticks], ["<0.5", "", *labels[1:]]
        panel.axvline(0.487, color=_GREY, linewidth=0.8, linestyle=":")
        panel.set_xlim(left=0.395)
    panel.set_xticks(ticks, labels)


def _confidence_curve(panel: Axes, rows: pd.DataFrame, look: Look) -> None:
    bins = rows[["bin_low", "bin_high"]].to_numpy(float)
    rates = rows[["ci_low", "asr", "ci_high"]].to_numpy(float)
    n = rows["n_attacked"].to_numpy()
    apart = bins[:, 0] < 0.5
    x = np.where(apart, APART, bins.mean(axis=1))
    # Only neighbouring bins are joined: an empty bin is a gap, and so is the step over 0.5.
    joined = ~apart[:-1] & np.isclose(bins[:-1, 1], bins[1:, 0], atol=1e-6)
    for i in np.flatnonzero(joined).tolist():
        both = slice(i, i + 2)
        few = n[both].min() < FEW
        _band(panel, x[both], rates[both, 0], rates[both, 2], look.color, _FAINT if few else _BAND)
        panel.plot(
            x[both], rates[both, 1], color=look.color, linestyle=look.line, alpha=0.3 if few else 1
        )
    beside = np.pad(joined, 1)
    for i in range(len(x)):
        if not beside[i : i + 2].any():
            opacity = 0.25 if n[i] < FEW else 0.6
            panel.vlines(x[i], rates[i, 0], rates[i, 2], color=look.color, alpha=opacity)
        handle = look.handle() | {"linestyle": "none", "markersize": _point_size(n[i])}
        panel.plot(x[i], rates[i, 1], **handle)


def _repeats(panel: Axes, rows: pd.DataFrame, column: str, look: Look, shade: Any) -> None:
    """Each repeat as a point, with its interval if it is a rate; their mean and their range."""
    color = look.color if shade is None else shade
    of_size = rows.groupby("size")[column].agg(["min", "mean", "max", "count"])
    sizes = of_size.index.to_numpy(float)
    panel.plot(sizes, of_size["mean"], color=color, linestyle=look.line)
    # One training has no spread, which is not a spread of nothing.
    panel.fill_between(
        sizes, of_size["min"], of_size["max"], where=of_size["count"] > 1,
        color=color, alpha=_BAND, linewidth=0,
    )  # fmt: skip
    # Repeats stand side by side, or their intervals would hide one another.
    rank = rows.groupby("size").cumcount()
    count = rows.groupby("size")[column].transform("size")
    x = rows["size"] * 1.04 ** (rank - (count - 1) / 2)
    if column == "asr":
        panel.vlines(x, rows["ci_low"], rows["ci_high"], color=color, linewidth=0.9, alpha=0.6)
    panel.plot(
        x, rows[column], linestyle="none", marker=look.marker, markersize=4,
        color=color, markerfacecolor=color if look.filled else "white",
    )  # fmt: skip


def _size_axis(panel: Axes, sizes: Sequence[int]) -> None:
    panel.set_xscale("log")
    panel.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=35, ha="right")
    panel.xaxis.set_minor_locator(NullLocator())
