"""Missed disease and false alarms over the amplitude, and the expected harm of an image."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pgdose.plots import panels, style
from pgdose.plots.curve_rows import with_reached
from pgdose.plots.rows import main_networks
from pgdose.plots.style import AMPLITUDE, GREY, Groups, Look

_COLUMNS = ["group", "attack", "error", "epsilon", "iteration", "n_images", "n"]
_COLUMNS += ["rate", "ci_low", "ci_high"]
_ERRORS: Mapping[str, tuple[str, Look]] = {
    "missed": (
        "disease that is missed",
        Look(style.MISSED, style.MISSED, "o", "-", True, 1.6, 4.5, ""),
    ),
    "false_alarm": (
        "norm that is taken for disease",
        Look(style.FALSE_ALARM, style.FALSE_ALARM, "s", (0, (4, 2)), False, 1.4, 4.5, "////"),
    ),
}
_CLEAN = "before the attack"


def missed_and_false_alarms(
    table: pd.DataFrame, groups: Groups, doses_reached: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The rows of the figure fig_harm, each error over all classes; epsilon 0 is before the attack.

    Args:
        table: the result table harm; main networks are selected.
        groups: the study's groups.
        doses_reached: as for `curve_rows.over_epsilon`.

    Returns:
        `group attack error epsilon iteration n_images n rate ci_low ci_high reached`.
    """
    rows = main_networks(table)
    rows = rows[rows["error"].isin(list(_ERRORS)) & (rows["class"].fillna("") == "")]
    return _selected(rows, groups, doses_reached)


def expected_harms(
    table: pd.DataFrame, groups: Groups, doses_reached: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The rows of the figure fig_expected_harm: of the groups whose errors the study weighs.

    Arguments and result are those of `missed_and_false_alarms`.
    """
    rows = main_networks(table)
    rows = rows[(rows["error"] == "expected_harm") & (rows["weights"] == "study")]
    return _selected(rows, groups, doses_reached)


def _selected(
    rows: pd.DataFrame, groups: Groups, doses_reached: pd.DataFrame | None
) -> pd.DataFrame:
    rows = rows.loc[rows["group"].isin(list(groups)), _COLUMNS].reset_index(drop=True)
    return with_reached(rows, doses_reached)


@style.drawing()
def errors_over_epsilon(rows: pd.DataFrame, groups: Groups) -> Figure:
    """Both errors over the amplitude; rows of panels are groups, columns attacks.

    Args:
        rows: of `missed_and_false_alarms`.
        groups: the study's groups.
    """
    if rows["rate"].isna().all():
        return style.message("No image with and without disease was measured.")
    members = [group for group in groups if (rows["group"] == group).any()]
    figure, grid = panels.grid(
        {group: group for group in members},
        panels.attack_titles(rows[rows["epsilon"] > 0]),
        AMPLITUDE,
        "share of the images of their kind",
        height=1.25,
    )
    for (group, attack), panel in grid.items():
        of_attack = rows[rows["attack"] == attack]
        of_panel = of_attack[of_attack["group"] == group]
        if of_panel["rate"].isna().all():
            panels.note(panel, "no image attacked" if len(of_panel) else "not measured")
        for error, (_, look) in _ERRORS.items():
            _curve(panel, of_panel[of_panel["error"] == error], look)
        panels.epsilon_axis(panel, of_attack.loc[of_attack["epsilon"] > 0, "epsilon"])
    handles = [Line2D([], [], label=label, **look.handle()) for label, look in _ERRORS.values()]
    style.legend(figure, groups, {}, {"Errors": handles, "Lines and bands": _marks(rows)})
    return figure


@style.drawing()
def expected_harm_over_epsilon(rows: pd.DataFrame, groups: Groups) -> Figure:
    """The mean weight of the errors over the amplitude: a panel for each attack.

    Args:
        rows: of `expected_harms`.
        groups: the study's groups.
    """
    if rows["rate"].isna().all():
        return style.message("No image was measured, so there is no expected harm.")
    looks = style.looks(groups)
    titles = panels.attack_titles(rows[rows["epsilon"] > 0])
    figure, grid = panels.grid({"": ""}, titles, AMPLITUDE, y="", height=2.6)
    for (_, attack), panel in grid.items():
        of_attack = rows[rows["attack"] == attack]
        for group in of_attack["group"].unique():
            _curve(panel, of_attack[of_attack["group"] == group], looks[group])
        panels.epsilon_axis(panel, of_attack.loc[of_attack["epsilon"] > 0, "epsilon"])
        panel.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        panel.set_ylim(0, _top(rows))
    grid["", next(iter(titles))].set_ylabel(
        "expected harm (mean weight of an image)", fontweight="normal"
    )
    has_rate = dict(rows["rate"].notna().groupby(rows["group"]).any())
    style.legend(figure, groups, has_rate, {"Lines and bands": _marks(rows)})
    return figure


def _top(rows: pd.DataFrame) -> float:
    return float(np.nanmax(rows[["rate", "ci_high"]].to_numpy(float))) * 1.05 or 1.0


def _curve(panel: Axes, rows: pd.DataFrame, look: Look) -> None:
    """The rates of one curve with their band, and a dotted line at the rate before the attack."""
    for clean in rows.loc[rows["epsilon"] == 0, "rate"]:
        panel.axhline(clean, color=look.color, linewidth=0.9, linestyle=":", alpha=0.9)
    doses = rows[rows["epsilon"] > 0].sort_values("epsilon")
    x, y, low, high = (
        doses[name].to_numpy(float) for name in ("epsilon", "rate", "ci_low", "ci_high")
    )
    panel.plot(x, y, **look.handle())
    panels.grey_copies(panel, doses.rename(columns={"rate": "asr"}), "epsilon", look)
    panels.band(panel, x, low, high, look.color, look=look)


def _marks(rows: pd.DataFrame) -> list[Artist]:
    marks: list[Artist] = [
        *panels.BAND_LEGEND["Band"],
        Line2D([], [], color=GREY, ls=":", label=_CLEAN),
    ]
    return marks if rows["reached"].all() else [*marks, panels.unreached_handle()]
