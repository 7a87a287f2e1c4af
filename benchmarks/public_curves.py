"""Figures of docs/public whose axis is an amount: amplitude, or training images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from public_names import COLOUR, RAW, XRAY

from pgdose.plots import curve_rows, panels, style
from pgdose.plots.panels import epsilon_axis
from pgdose.plots.style import AMPLITUDE, ASR, EPSILON, GREY, INTERVAL, Groups, Look
from pgdose.plots.training_size import asr_over_training_size

Tables = Mapping[str, pd.DataFrame]
WIDTH = 9.0  # inches: a page's
SHOWN = ("paper", "sign", "noise")
FALLING = 2.6  # width of a line that surely falls
HALF_STEP = 0.5 / 255  # the largest change that rounding to 8 bits can take back


def modalities(tables: Tables) -> dict[str, str]:
    """The modality of each group, in the order of the study."""
    groups = tables["groups"]
    return dict(zip(groups["group"], groups["modality"], strict=True))


def by_subset(groups: Groups) -> dict[str, list[str]]:
    """The groups of X-rays, and those in colour."""
    return {
        XRAY: [group for group, kind in groups.items() if kind == "xray"],
        COLOUR: [group for group, kind in groups.items() if kind != "xray"],
    }


def attack_looks(attacks: list[str]) -> dict[str, Look]:
    """Cool colours for attacks of a raw step, warm ones for others, grey for noise."""
    kinds = {
        attack: "xray" if attack in RAW else "other" if attack == "noise" else "histology"
        for attack in attacks
    }
    return style.looks(kinds)


@style.drawing()
def curves(tables: Tables) -> Figure:
    """ASR over the amplitude: rows X-ray and colour, columns three attacks, a line a group."""
    groups, rows = modalities(tables), tables["asr"]
    shown = [attack for attack in SHOWN if attack in set(rows["attack"])]
    subsets = {name: names for name, names in by_subset(groups).items() if names}
    figure, grid = panels.grid(
        {name: f"{name[0].upper()}{name[1:]}" for name in subsets},
        {attack: attack for attack in shown},
        AMPLITUDE,
        height=2.2,
    )
    unknown = rows["ci_low"].isna() & rows["asr"].notna()
    rows = rows.assign(
        ci_low=rows["ci_low"].fillna(rows["lowest"]),
        ci_high=rows["ci_high"].fillna(rows["highest"]),
        reached=rows["reached"] > 0,
    )
    for (subset, attack), panel in grid.items():
        of_attack = rows[rows["attack"] == attack]
        these = of_attack[of_attack["group"].isin(subsets[subset])]
        panels.curves(panel, these, "epsilon", groups, sorted(of_attack["epsilon"].unique()))
        epsilon_axis(panel, of_attack["epsilon"])
    without = list(dict.fromkeys(rows.loc[unknown, "group"]))
    style.legend(figure, groups, panels.rated_groups(rows), {"Band": band_handles(without)})
    figure.set_size_inches(WIDTH, figure.get_figheight())
    return figure


def band_handles(without: list[str]) -> list[Patch | Line2D]:
    """What the bands are; of groups without known patients the range of the networks."""
    label = f"{EPSILON} that the attack never reached"
    handles: list[Patch | Line2D] = [
        Patch(color=GREY, alpha=panels.BAND, linewidth=0, label=INTERVAL),
        Line2D([], [], color=style.UNREACHED, marker="o", linestyle="none", label=label),
    ]
    if without:
        handles += [
            Line2D([], [], linestyle="none", label=f"{', '.join(without)}:"),
            Line2D([], [], linestyle="none", label="lowest to highest network"),
        ]
    return handles


@style.drawing()
def storage(tables: Tables) -> Figure:
    """Success, and the share of flips that survive 8 bits, over the amplitude by attack."""
    rows = tables["storage"]
    attacks = list(dict.fromkeys(rows["attack"]))
    looks = attack_looks(attacks)
    subsets = list(dict.fromkeys(rows["subset"]))
    figure = Figure(figsize=(WIDTH, 6.2), layout="constrained")
    grid = figure.subplots(2, len(subsets), sharex=True, sharey=True, squeeze=False)
    names = {"asr": ASR, "survival": "flips that 8 bits leave"}
    for line, (column, name) in zip(grid, names.items(), strict=True):
        line[0].set_ylabel(name)
        for panel, subset in zip(line, subsets, strict=True):
            for attack in attacks:
                one = rows[(rows["subset"] == subset) & (rows["attack"] == attack)]
                panel.plot(one["epsilon"], one[column], **looks[attack].handle())
                if column == "survival":
                    x, low, high = (
                        one[name].to_numpy(float) for name in ("epsilon", "ci_low", "ci_high")
                    )
                    panels.band(panel, x, low, high, looks[attack].color)
            epsilon_axis(panel, rows["epsilon"])
            panel.axvline(HALF_STEP, color=GREY, linewidth=0.8, linestyle=":")
            panel.set_ylim(-0.04, 1.04)
    for panel, subset in zip(grid[0], subsets, strict=True):
        panel.set_title(f"{subset[0].upper()}{subset[1:]}")
    for panel in grid[-1]:
        panel.set_xlabel(AMPLITUDE)
    handles = [Line2D([], [], label=attack, **looks[attack].handle()) for attack in attacks]
    half = Line2D([], [], color=GREY, linestyle=":", label="half a grey level of 255")
    band = Patch(color=GREY, alpha=panels.BAND, linewidth=0, label=INTERVAL)
    figure.legend(
        handles=[*handles, half, band], loc="outside lower center", ncols=5, handlelength=3
    )
    return figure


@style.drawing()
def descent(tables: Tables) -> Figure:
    """ASR over the amplitude by the length of a step: a panel a group, a line a rate."""
    rows, descents = (tables[name] for name in ("descent", "descents"))
    names = list(dict.fromkeys(rows["rate"]))
    shades = colormaps[style.DOSE_MAP](np.linspace(0, 0.88, len(names)))
    looks = {
        name: {"color": color, "marker": "os^Dv"[place % 5]}
        for place, (name, color) in enumerate(zip(names, shades, strict=True))
    }
    figure, grid = wrapped(list(dict.fromkeys(rows["group"])), 3)
    for group, panel in grid.items():
        of_group = descents[descents["group"] == group]
        falling = set(of_group.loc[of_group["ci_low"] > 0, "rate"])
        for name, one in rows[rows["group"] == group].groupby("rate", sort=False):
            width = FALLING if name in falling else 1.0
            panel.plot(one["epsilon"], one["asr"], linewidth=width, **looks[str(name)])
        epsilon_axis(panel, rows["epsilon"])
        panel.set_title(group + words_of_descent(of_group), fontsize=8)
        panel.set_xlabel(AMPLITUDE)
    figure.supylabel(ASR, fontsize=9)
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    handles.append(Line2D([], [], color=GREY, linewidth=FALLING, label="success surely falls"))
    figure.legend(handles=handles, loc="outside lower center", ncols=6, handlelength=3)
    return figure


def words_of_descent(descents: pd.DataFrame) -> str:
    """The largest descent of a group, with its interval where the patients are known."""
    if descents.empty:
        return ""
    most = descents.sort_values("descent").iloc[-1]
    ends = f" ({most['ci_low']:.2f} to {most['ci_high']:.2f})"
    return f": descent up to {most['descent']:.2f}{ends * bool(pd.notna(most['ci_low']))}"


def training_size(tables: Tables) -> Figure:
    """The study's Fig. 3d."""
    groups = modalities(tables)
    rows = curve_rows.over_training_size(tables["training_size"], groups)
    return asr_over_training_size(rows, groups, float(rows["epsilon"].iloc[0]))


def wrapped(names: list[str], columns: int) -> tuple[Figure, dict[str, Axes]]:
    """A panel for each name, so many beside one another; all of rates."""
    columns = min(columns, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(WIDTH, 2.3 * lines + 1.1), layout="constrained")
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for panel in grid.flat[len(names) :]:
        panel.set_visible(False)
    for panel in grid.flat:
        panel.set_ylim(-0.04, 1.04)
    return figure, dict(zip(names, grid.flat, strict=False))
