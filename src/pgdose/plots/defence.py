"""What helps: dose-response of each defended network beside the group's main one, and its price."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from pgdose.analysis.operating_point import at
from pgdose.plots import panels, style
from pgdose.plots.style import ASR, EPSILON, GREY, INTERVAL, UNREACHED, Groups, Look
from pgdose.study.runs import MAIN_RUN

CLEAN = ""  # stands as the attack of accuracies on clean images
_PLACE = ["group", "run", "defence"]
_NAME_LENGTH = 18  # letters of a network's name under its accuracy


def defence_rows(
    asr: pd.DataFrame,
    networks: pd.DataFrame,
    defence: pd.DataFrame,
    groups: Groups,
    iterations: int,
    doses_reached: pd.DataFrame,
) -> pd.DataFrame:
    """The rows of the figure: success at each attack's operating iteration, and clean accuracy.

    Args:
        asr: `group run role attack epsilon iteration n_attacked n_flipped asr ci_low ci_high`.
        networks: `group run accuracy ci_low ci_high`.
        defence: `group run defence`; the networks that are shown, beside the main ones.
        groups: the study's groups.
        iterations: of the operating point.
        doses_reached: `group run attack epsilon reached`.

    Returns:
        `group run defence attack epsilon iteration rate ci_low ci_high reached`; the attack of
        accuracies on clean images is empty.
    """
    shown = defence[_PLACE].drop_duplicates()
    main = shown[["group"]].drop_duplicates().assign(run=MAIN_RUN, defence="")
    shown = pd.concat([main, shown])
    order = {group: place for place, group in enumerate(groups)}
    shown = shown.sort_values("group", key=lambda names: names.map(order), kind="stable")
    rates = at(asr, iterations=iterations).merge(
        doses_reached[["group", "run", "attack", "epsilon", "reached"]],
        how="left",
        on=["group", "run", "attack", "epsilon"],
    )
    on_clean = networks.rename(columns={"accuracy": "rate"}).assign(attack=CLEAN, reached=True)
    places = ["group", "run"]
    attacked = shown.merge(rates.rename(columns={"asr": "rate"}), on=places)
    clean = shown.merge(on_clean, on=places).assign(epsilon=np.nan, iteration=np.nan)
    columns = [*_PLACE, "attack", "epsilon", "iteration", "rate", "ci_low", "ci_high", "reached"]
    parts = [part[columns] for part in (attacked, clean) if len(part)]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return rows.astype({"iteration": "Int64", "reached": bool})


@style.drawing()
def defences(rows: pd.DataFrame, groups: Groups) -> Figure:
    """A row of panels for each group: success over the amplitude, a panel for each attack, and the
    accuracy on clean images at the right.

    Args:
        rows: of `defence_rows`.
        groups: the study's groups.
    """
    if rows.empty:
        return style.message("No network was defended.")
    names = [group for group in groups if (rows["group"] == group).any()]
    attacks = list(rows["attack"][rows["attack"] != CLEAN].unique())
    runs = [MAIN_RUN, *dict.fromkeys(rows["run"][rows["run"] != MAIN_RUN])]
    looks = style.defence_looks(runs, MAIN_RUN)
    most = int(rows.groupby("group")["run"].nunique().max())
    # A page of a report is some 12 inches wide.
    wide = min(2.6, max(2.0, 10 / max(len(attacks), 1)))
    widths = [*[wide] * len(attacks), 0.8 + 0.42 * most]
    figure = Figure(
        figsize=(max(6.5, sum(widths) + 0.9), 2.3 * len(names) + 1.1 + 0.18 * len(runs)),
        layout="constrained",
    )
    grid = figure.subplots(len(names), len(widths), sharey=True, squeeze=False, width_ratios=widths)
    for line, group in zip(grid, names, strict=True):
        of_group = rows[rows["group"] == group]
        for panel, attack in zip(line, [*attacks, CLEAN], strict=True):
            of_panel = of_group[of_group["attack"] == attack]
            panel.set_ylim(-0.04, 1.04)
            panel.set_yticks(np.linspace(0, 1, 6))
            (_accuracies if attack == CLEAN else _curves)(panel, of_panel, looks)
        line[0].set_ylabel(group, fontweight="bold")
        line[-1].tick_params(labelleft=True)
        line[-1].set_ylabel("accuracy (right / all)")
    for panel, attack in zip(grid[0], attacks, strict=False):
        iteration = rows.loc[rows["attack"] == attack, "iteration"].max()
        panel.set_title(f"{attack}, iteration {iteration}")
    grid[0][-1].set_title("clean images")
    for panel in grid[-1][:-1]:
        panel.set_xlabel(f"amplitude {EPSILON}")
    figure.supylabel(ASR, fontsize=9)
    _legend(figure, rows, runs, looks)
    return figure


def _curves(panel: Axes, rows: pd.DataFrame, looks: dict[str, Look]) -> None:
    """Success over the amplitude, the main network behind the others."""
    if rows["rate"].isna().all():
        panels.note(panel, "no image attacked" if len(rows) else "not measured")
        return
    for run in (run for run in looks if (rows["run"] == run).any()):
        of_run, look = rows[rows["run"] == run].sort_values("epsilon"), looks[run]
        epsilons, rate = of_run["epsilon"].to_numpy(float), of_run["rate"].to_numpy(float)
        low, high = (of_run[end].to_numpy(float) for end in ("ci_low", "ci_high"))
        panel.plot(epsilons, rate, **look.handle())
        panels.band(panel, epsilons, low, high, look.color)
        copies = ~of_run["reached"].to_numpy(bool)
        if copies.any():
            grey = look.handle() | {"linestyle": "none", "color": UNREACHED}
            grey |= {"markerfacecolor": UNREACHED, "markeredgecolor": UNREACHED}
            panel.plot(epsilons[copies], rate[copies], zorder=3, gid="unreached", **grey)
    panels.epsilon_axis(panel, rows["epsilon"])


def _accuracies(panel: Axes, rows: pd.DataFrame, looks: dict[str, Look]) -> None:
    """The accuracy of each network of a group with its interval."""
    names = list(rows["run"])
    for place, (_, row) in enumerate(rows.iterrows()):
        look = looks[row["run"]]
        panel.vlines(place, row["ci_low"], row["ci_high"], color=look.color, linewidth=1.6)
        panel.plot(place, row["rate"], **look.handle() | {"linestyle": "none"})
    shown = [style.shorten_middle(name, _NAME_LENGTH) for name in names]
    panel.set_xticks(range(len(names)), shown, rotation=40, ha="right", rotation_mode="anchor")
    panel.set_xlim(-0.6, max(len(names), 1) - 0.4)
    panel.grid(visible=False, axis="x")


def _legend(figure: Figure, rows: pd.DataFrame, runs: list[str], looks: dict[str, Look]) -> None:
    """Each network with its defence; defences of one name that differ by group are all named."""
    handles: list[Line2D | Patch] = []
    for run in runs:
        words = list(dict.fromkeys(rows["defence"][rows["run"] == run]))
        label = f"{run}: {' / '.join(words) if any(words) else 'not defended'}"
        handles.append(Line2D([], [], label=style.shorten(label, 90), **looks[run].handle()))
    handles.append(Patch(color=GREY, alpha=panels.BAND, linewidth=0, label=INTERVAL))
    if not rows["reached"].all():
        label = f"{EPSILON} that the attack never reached"
        handles.append(Line2D([], [], label=label, color=UNREACHED, marker="o", linestyle="none"))
    figure.legend(handles=handles, loc="outside lower center", handlelength=3.2)
