"""The whole response surface of a group: attack success rate (ASR) by amplitude and iteration."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pgdose.plots import style
from pgdose.plots.rows import main_networks
from pgdose.plots.style import AMPLITUDE, ASR, GAP, RATE_MAP

HALF = 0.5  # where a line is drawn
_COLUMNS = 5  # panels in a row
_TICKS = 16, 6  # at most, of amplitudes and of iterations


def surfaces(asr: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rows of a group's heat map: every amplitude and iteration of each attack.

    Those that other groups have and this one lacks are there too, with NaN.

    Args:
        asr: `group role attack epsilon iteration n_attacked n_flipped asr ci_low ci_high`; main
            networks are selected.
        group: its name.

    Returns:
        `attack epsilon iteration n_attacked n_flipped asr ci_low ci_high`.
    """
    main = main_networks(asr)
    place = ["attack", "epsilon", "iteration"]
    columns = [*place, "n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]
    of_group = main.loc[main["group"] == group, columns]
    # A group with no image to attack has every row, whatever was measured on others.
    measured = main if of_group["n_attacked"].eq(0).all() else main[main["n_attacked"] > 0]
    rows = measured[place].drop_duplicates().merge(of_group, how="left", on=place)
    return rows.astype({"n_attacked": "Int64", "n_flipped": "Int64"})


@style.drawing()
def heat_map(rows: pd.DataFrame, group: str) -> Figure:
    """ASR of a group by iteration and amplitude, one panel for each attack.

    Cells stand in the order of their doses and are all of one size; the ticks name the doses. A
    line runs where ASR passes 0.5. Unknown rates are hatched.

    Args:
        rows: of `surfaces`.
        group: the title.
    """
    if rows["asr"].isna().all():
        return style.message(f"{group}: no image was attacked, so there is no success rate.")
    attacks = list(rows["attack"].unique())
    columns = min(len(attacks), _COLUMNS)
    down = math.ceil(len(attacks) / columns)
    figure = Figure(figsize=(2.05 * columns + 1.2, 2.5 * down + 0.6), layout="constrained")
    panels = figure.subplots(down, columns, squeeze=False)
    drawn, empty = panels.flat[: len(attacks)], panels.flat[len(attacks) :]
    for panel in empty:
        panel.remove()
    gaps = [
        _surface(panel, rows[rows["attack"] == attack], attack)
        for panel, attack in zip(drawn, attacks, strict=True)
    ]
    figure.suptitle(group, fontweight="bold", fontsize=9.5)
    figure.supylabel(AMPLITUDE, fontsize=9)
    figure.supxlabel("number of iterations", fontsize=9)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, 1), RATE_MAP),
        ax=list(drawn),
        fraction=0.05,
        aspect=25,
        pad=0.01,
    )
    bar.set_label(ASR)
    _outline(bar.ax, [[(0.0, HALF), (1.0, HALF)]])
    if any(gaps):
        unknown = Patch(facecolor="white", edgecolor=GAP, hatch="////", label="not known")
        figure.legend(handles=[unknown], loc="outside upper right")
    return figure


def _surface(panel: Axes, rows: pd.DataFrame, attack: str) -> bool:
    """Draw one attack; return whether any of its rates is unknown."""
    table = rows.pivot(index="epsilon", columns="iteration", values="asr").sort_index(axis=1)
    rates = table.to_numpy(float)
    panel.grid(visible=False)
    panel.patch.set(facecolor="white", edgecolor=GAP, hatch="////")
    down, across = rates.shape
    edges = np.arange(across + 1) - 0.5, np.arange(down + 1) - 0.5
    panel.pcolormesh(*edges, np.ma.masked_invalid(rates), cmap=RATE_MAP, vmin=0, vmax=1)
    _outline(panel, _borders(rates))
    panel.set_title(attack)
    for ticks, labels, at_most in (
        (panel.set_yticks, table.index, _TICKS[0]),
        (panel.set_xticks, table.columns, _TICKS[1]),
    ):
        every = range(0, len(labels), math.ceil(len(labels) / at_most))
        ticks(list(every), [f"{labels[i]:g}" for i in every])
    panel.tick_params(labelsize=7)
    return bool(np.isnan(rates).any())


def _borders(rates: np.ndarray) -> list[list[tuple[float, float]]]:
    """The borders between neighbouring cells of which one is over HALF and the other is not."""
    over, finite = rates >= HALF, np.isfinite(rates)
    borders: list[list[tuple[float, float]]] = []
    beside = (over[:, 1:] != over[:, :-1]) & finite[:, 1:] & finite[:, :-1]
    for y, x in np.argwhere(beside):
        borders.append([(x + 0.5, y - 0.5), (x + 0.5, y + 0.5)])
    above = (over[1:] != over[:-1]) & finite[1:] & finite[:-1]
    for y, x in np.argwhere(above):
        borders.append([(x - 0.5, y + 0.5), (x + 0.5, y + 0.5)])
    return borders


def _outline(panel: Axes, lines: Iterable[list[tuple[float, float]]]) -> None:
    """Black lines on wider white ones, visible on any colour."""
    lines = list(lines)
    for color, width in (("white", 2.4), ("black", 1.0)):
        panel.add_collection(
            LineCollection(lines, colors=color, linewidths=width, capstyle="round"),
            autolim=False,
        )
