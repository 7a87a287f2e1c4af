"""Fig. 3c: attack success rate (ASR) over the clean confidence, at the operating point.

The rows come from `curve_rows.over_confidence`: the bins that hold images. One figure has bins of
one width, the other those of conclusion 4, which are finer towards 1.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pgdose.plots import panels, style
from pgdose.plots.axes import APART, CONFIDENCE_TICKS, FEW, LEAST_OF_TWO
from pgdose.plots.rows import epsilon_label
from pgdose.plots.style import EPSILON, GREY, Groups, Look
from pgdose.study.doses import same_epsilon


@style.drawing()
def asr_over_confidence(
    rows: pd.DataFrame, groups: Groups, epsilon: float, attacks: Iterable[str] = ()
) -> Figure:
    """Fig. 3c: ASR over the clean confidence; rows are groups, columns attacks.

    Points grow with the number of images; the rate of fewer than FEW images is drawn faint. Bins
    under LEAST_OF_TWO stand apart, at the left. The title of an attack that was not measured at
    the operating epsilon names the epsilon that it is shown at.

    Args:
        rows: of `curve_rows.over_confidence`.
        groups: the study's groups.
        epsilon: the operating point's amplitude.
        attacks: all that were carried out; those without rows are named above the panels.
    """
    apart = bool((rows["bin_low"] < LEAST_OF_TWO).any())
    return _figure(rows, groups, epsilon, attacks, _Even(apart))


@style.drawing()
def asr_over_fine_confidence(
    rows: pd.DataFrame, groups: Groups, epsilon: float, attacks: Iterable[str] = ()
) -> Figure:
    """As `asr_over_confidence`, in the bins of the table confidence_fine, at equal distances."""
    edges = sorted({*rows["bin_low"], *rows["bin_high"]})
    return _figure(rows, groups, epsilon, attacks, _Fine(edges))


def _figure(
    rows: pd.DataFrame, groups: Groups, epsilon: float, attacks: Iterable[str], axis: "_Axis"
) -> Figure:
    if rows["asr"].isna().all():
        return style.message("No image was attacked, so there is no success rate by confidence.")
    looks = style.looks(groups)
    members = [group for group in groups if (rows["group"] == group).any()]
    figure, grid = panels.grid(
        {g: f"{g}\n{style.MODALITIES[style.modality(groups, g)]}" for g in members},
        _titles(rows, epsilon),
        "clean confidence (probability of the predicted class)",
        height=1.25,
    )
    for (group, attack), panel in grid.items():
        bins = rows[(rows["group"] == group) & (rows["attack"] == attack)]
        axis.prepare(panel)
        if bins.empty:
            panels.note(panel, "not measured")
        else:
            _confidence_curve(panel, bins.sort_values("bin_low"), looks[group], axis)
    figure.suptitle(_heading(rows, epsilon, attacks), fontsize=9.5)
    few = Patch(color=GREY, alpha=panels.FAINT, linewidth=0, label=f"of fewer than {FEW} images")
    bands = {heading: [*handles, few] for heading, handles in panels.BAND_LEGEND.items()}
    style.legend(figure, groups, {}, {"Images in a bin": _size_legend(rows), **bands})
    return figure


def _titles(rows: pd.DataFrame, target: float) -> dict[str, str]:
    """The title above each attack's panels; an epsilon other than the target stands below."""
    epsilons = rows.drop_duplicates("attack").set_index("attack")["epsilon"]
    return {
        attack: title
        if same_epsilon(epsilons[attack], target)
        else f"{title}\n{epsilon_label(epsilons[attack], target)}"
        for attack, title in panels.attack_titles(rows).items()
    }


def _heading(rows: pd.DataFrame, epsilon: float, attacks: Iterable[str]) -> str:
    exact = all(same_epsilon(e, epsilon) for e in rows["epsilon"].unique())
    words = f"all at {EPSILON} = {epsilon:g}"
    if not exact:
        words += " unless the title says otherwise"
    absent = [attack for attack in attacks if attack not in set(rows["attack"])]
    return words + (f"; these attacks attacked no image: {', '.join(absent)}" if absent else "")


def _size_legend(rows: pd.DataFrame) -> list[Line2D]:
    """Points for up to four powers of ten of the number of images."""
    decades = range(int(math.log10(rows["n_attacked"].max())) + 1)
    return [
        Line2D(
            [], [], color=GREY, marker="o", linestyle="none",
            markersize=_point_size(10**d), label=f"{10**d:,}",
        )
        for d in list(decades)[-4:]
    ]  # fmt: skip


def _point_size(n: float) -> float:
    return float(2.2 + 1.3 * math.log10(max(n, 1)))


class _Axis(Protocol):
    def prepare(self, panel: Axes) -> None:
        """Set limits and ticks, and shade what conclusion 4 is about."""

    def places(self, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of bins, n x (low, high): where each stands, (n,), and whether it stands apart, (n,)."""


@dataclass(frozen=True)
class _Even:
    """The confidence itself; bins under LEAST_OF_TWO stand at the left, if there are any."""

    has_apart: bool

    def prepare(self, panel: Axes) -> None:
        ticks = list(CONFIDENCE_TICKS)
        labels = [f"{tick:.1f}" for tick in ticks]
        panel.axvspan(0.95, 1.0, color=style.SHADE, zorder=0)  # the bin of conclusion 4
        panel.set_xlim(0.495, 1.005)
        if self.has_apart:
            # The tick at 0.5 stays without its number, which would touch that of the bin apart.
            ticks, labels = [APART, *ticks], [f"<{LEAST_OF_TWO:g}", "", *labels[1:]]
            panel.axvline(0.487, color=GREY, linewidth=0.8, linestyle=":")
            panel.set_xlim(left=0.395)
        panel.set_xticks(ticks, labels)

    def places(self, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        apart = bins[:, 0] < LEAST_OF_TWO
        return np.where(apart, APART, bins.mean(axis=1)), apart


@dataclass(frozen=True)
class _Fine:
    """Bins of any width side by side; their edges are the ticks."""

    edges: list[float]

    def prepare(self, panel: Axes) -> None:
        panel.axvspan(
            float(np.searchsorted(self.edges, 0.95)),
            len(self.edges) - 1,
            color=style.SHADE,
            zorder=0,
        )
        panel.set_xlim(-0.05, len(self.edges) - 0.95)
        panel.set_xticks(range(len(self.edges)), [f"{e:g}".removeprefix("0") for e in self.edges])

    def places(self, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.searchsorted(self.edges, bins[:, 0]) + 0.5, np.zeros(len(bins), bool)


def _confidence_curve(panel: Axes, rows: pd.DataFrame, look: Look, axis: _Axis) -> None:
    bins = rows[["bin_low", "bin_high"]].to_numpy(float)
    rates = rows[["ci_low", "asr", "ci_high"]].to_numpy(float)
    n = rows["n_attacked"].to_numpy()
    x, apart = axis.places(bins)
    # Only neighbouring bins are joined: an empty bin is a gap, and so is the step over 0.5.
    joined = ~apart[:-1] & np.isclose(bins[:-1, 1], bins[1:, 0], atol=1e-6)
    for i in np.flatnonzero(joined).tolist():
        both = slice(i, i + 2)
        few = n[both].min() < FEW
        alpha = panels.FAINT if few else panels.BAND
        panels.band(panel, x[both], rates[both, 0], rates[both, 2], look.color, alpha)
        panel.plot(
            x[both], rates[both, 1], color=look.color, linestyle=look.line, alpha=0.3 if few else 1
        )
    padded = np.pad(joined, 1)
    for i in range(len(x)):
        if not padded[i : i + 2].any():
            opacity = 0.25 if n[i] < FEW else 0.6
            panel.vlines(x[i], rates[i, 0], rates[i, 2], color=look.color, alpha=opacity)
        handle = look.handle() | {"linestyle": "none", "markersize": _point_size(n[i])}
        panel.plot(x[i], rates[i, 1], **handle)
