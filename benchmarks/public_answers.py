"""Figures of docs/public: conclusions, saturation, training luck, the synthetic study."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from public_curves import WIDTH, Tables, modalities
from public_names import ALL, AS_PATIENTS, COLOUR, XRAY

from pgdose.plots import style
from pgdose.plots.style import ASR, EPSILON, GREY, INTERVAL

QUESTIONS = {
    "grows_with_epsilon": "1 grows with ε",
    "histology_less_sensitive": "2 histology less sensitive",
    "levels_off": "3 levels off",
    "drops_above_confidence": "4 drops above 0.95",
    "training_size": "5 training size",
}
#: Of verdicts; the letter tells them apart without colours.
COLORS = {
    "supported": style.TRAINING,
    "contradicted": style.VALIDATION,
    "undecided": style.GRID,
    "does not apply": "white",
}
SUBSET_COLORS = {ALL: GREY, XRAY: style.TRAINING, COLOUR: style.VALIDATION}
SUBSET_MARKERS = {ALL: "D", XRAY: "o", COLOUR: "s"}
DOSES = {"operating": "operating dose", "half": "dose of half success"}
OF_CONFIDENCE = {"operating": "operating dose", "largest": "largest dose of all four"}


def conclusions(tables: Tables) -> Figure:
    """Verdicts by conclusion and subset, under each attack, with the estimates."""
    return matrix(tables["conclusions"], tables["belongs"])


@style.drawing()
def matrix(table: pd.DataFrame, belongs: pd.DataFrame) -> Figure:
    attacks = list(dict.fromkeys(table["attack"]))
    subsets = list(dict.fromkeys(table["subset"]))
    lines = [(name, subset) for name in QUESTIONS for subset in subsets]
    answer = belongs.set_index(["conclusion", "subset"])["belongs"].to_dict()
    cells = {(c, s, a): row for (c, s, a), row in by_cell(table).items()}
    figure = Figure(figsize=(WIDTH, 0.25 * len(lines) + 1.2), layout="constrained")
    panel = figure.subplots()
    for y, (name, subset) in enumerate(lines):
        for x, attack in enumerate(attacks):
            draw_cell(panel, x, y, cells.get((name, subset, attack)))
        panel.text(len(attacks) - 0.35, y, answer.get((name, subset), ""), va="center", fontsize=8)
        if subset == subsets[0]:
            panel.annotate(
                QUESTIONS[name], (0, y), (-185, 0), panel.get_yaxis_transform(), "offset points",
                va="center", fontsize=8, fontweight="bold",
            )  # fmt: skip
    panel.set_yticks(range(len(lines)), [s.replace(AS_PATIENTS, "*") for _, s in lines])
    panel.set_xticks(range(len(attacks) + 1), [*attacks, "belongs to"])
    panel.xaxis.tick_top()
    panel.get_xticklabels()[-1].set_fontweight("bold")
    panel.tick_params(length=0)
    for y in range(0, len(lines) + 1, len(subsets)):
        panel.axhline(y - 0.5, color=GREY, linewidth=1)
    panel.set(xlim=(-0.5, len(attacks) + 0.7), ylim=(len(lines) - 0.5, -0.5))
    panel.grid(False)
    panel.spines[:].set_visible(False)
    verdict_legend(figure, any(AS_PATIENTS in subset for subset in subsets))
    return figure


def by_cell(table: pd.DataFrame) -> dict[tuple[str, str, str], dict[str, Any]]:
    keys = ["conclusion", "subset", "attack"]
    return {tuple(row[key] for key in keys): row for row in table.to_dict("records")}  # type: ignore[misc]


def draw_cell(panel: Axes, x: int, y: int, row: Mapping[str, Any] | None) -> None:
    """One verdict with its estimate, and a letter (`mark`) where it is of the second reading."""
    if row is None:
        return
    verdict = row["verdict"] if row["applies"] else "does not apply"
    faint = verdict == "does not apply"
    panel.add_patch(
        Rectangle(
            (x - 0.48, y - 0.44), 0.96, 0.88, linewidth=0, facecolor=COLORS[verdict],
            alpha=1 if verdict == "undecided" else 0.85,
        )
    )  # fmt: skip
    has_estimate = not faint and pd.notna(row["estimate"])
    words = f"{row['estimate']:.2f}".replace("-", "−") + mark(row) if has_estimate else "–"
    colour = "white" if verdict in ("supported", "contradicted") else GREY
    weight = "bold" if verdict == "contradicted" else "normal"
    panel.text(x, y, words, ha="center", va="center", fontsize=7.5, color=colour, fontweight=weight)


def mark(row: Mapping[str, Any]) -> str:
    """Of a verdict about the mean over the groups, or about these groups alone."""
    scope = row["scope"] if isinstance(row["scope"], str) else ""
    return " m" if scope.startswith("on average") else " g" if "of this study" in scope else ""


def verdict_legend(figure: Figure, originals: bool) -> None:
    handles: list[Any] = [
        Patch(facecolor=COLORS[name], edgecolor=GREY, linewidth=0.4, label=name) for name in COLORS
    ]
    words = ["m: on average over the groups", "g: for the groups of this study"]
    words += ["*: as if each original were a patient"] * originals
    handles += [Line2D([], [], linestyle="none", label=text) for text in words]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, handlelength=1.4)


# --- saturation -----------------------------------------------------------------------------------


@style.drawing()
def saturation(tables: Tables) -> Figure:
    """ASR by clean confidence: rows are doses, columns attacks, a line a subset."""
    rows, ratios = tables["saturation"], tables["saturation_ratio"]
    attacks = list(dict.fromkeys(rows["attack"]))
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    grid = figure.subplots(
        len(OF_CONFIDENCE), len(attacks), sharex=True, sharey=True, squeeze=False
    )
    for line, (dose, name) in zip(grid, OF_CONFIDENCE.items(), strict=True):
        line[0].set_ylabel(name, fontweight="bold")
        for panel, attack in zip(line, attacks, strict=True):
            these = rows[(rows["attack"] == attack) & (rows["dose"] == dose)]
            if these.empty:
                continue
            panel.set_title(f"{attack}, {EPSILON} = {these['epsilon'].iloc[0]:g}")
            by_confidence(panel, these)
            of = ratios[(ratios["attack"] == attack) & (ratios["dose"] == dose)]
            note_of_ratios(panel, of)
    for panel in grid[-1]:
        panel.set_xlabel("clean confidence")
    figure.supylabel(ASR, fontsize=9)
    handles: list[Any] = [
        Line2D([], [], color=SUBSET_COLORS[name], marker=SUBSET_MARKERS[name], label=name)
        for name in (XRAY, COLOUR)
    ]
    handles.append(Line2D([], [], color=GREY, label=f"bar: {INTERVAL}"))
    handles.append(Line2D([], [], linestyle="none", label="×: ASR from 0.95 on over ASR below"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def by_confidence(panel: Axes, rows: pd.DataFrame) -> None:
    """A line for each subset, its points beside one another."""
    edges = sorted(rows["bin_low"].unique())
    for place, subset in enumerate((XRAY, COLOUR)):
        one = rows[rows["subset"] == subset].sort_values("bin_low")
        x = np.arange(len(one)) + 0.12 * (2 * place - 1)
        color = SUBSET_COLORS[subset]
        panel.plot(x, one["asr"], color=color, marker=SUBSET_MARKERS[subset])
        panel.vlines(x, one["ci_low"], one["ci_high"], color=color, linewidth=1.1)
    between = [f"{low:g}–{high:g}" for low, high in itertools.pairwise(edges[1:])]
    labels = [f"< {edges[1]:g}", *between, f"≥ {edges[-1]:g}"]
    panel.set_xticks(range(len(edges)), labels, rotation=45, ha="right")
    panel.set_ylim(-0.3, 1.04)  # the ratios stand below 0
    panel.set_yticks(np.linspace(0, 1, 6))


def note_of_ratios(panel: Axes, rows: pd.DataFrame) -> None:
    """Success over 0.95 relative to that under it, with its interval."""
    for place, subset in enumerate((XRAY, COLOUR)):
        for one in rows[rows["subset"] == subset].to_dict("records"):
            words = f"× {one['ratio']:.2f} ({one['ci_low']:.2f}–{one['ci_high']:.2f})"
            words = words if pd.notna(one["ratio"]) else str(one["state"])
            panel.text(
                0.02, 0.11 - 0.09 * place, words, transform=panel.transAxes, fontsize=7,
                color=SUBSET_COLORS[subset],
            )  # fmt: skip


# --- luck -----------------------------------------------------------------------------------------

PARTS = {"patients": style.BARS, "training luck": style.VALIDATION, "groups": style.TRAINING}


@style.drawing()
def luck(tables: Tables) -> Figure:
    """ASR of each network, and what its variance between groups is made of."""
    groups, rows, parts = modalities(tables), tables["luck"], tables["variance"]
    attacks = list(dict.fromkeys(rows["attack"]))
    figure = Figure(figsize=(WIDTH, 6.6), layout="constrained")
    above, below = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=(2.5, 1)))
    grid = above.subplots(len(DOSES), len(attacks), sharex=True, sharey=True, squeeze=False)
    for line, (dose, name) in zip(grid, DOSES.items(), strict=True):
        line[0].set_ylabel(name, fontweight="bold")
        for panel, attack in zip(line, attacks, strict=True):
            these = rows[(rows["attack"] == attack) & (rows["dose"] == dose)]
            epsilon = f"{EPSILON} = {these['epsilon'].iloc[0]:g}"
            panel.set_title(f"{attack}\n{epsilon}" if dose == "operating" else epsilon, fontsize=8)
            of_networks(panel, these, groups)
    above.supylabel("ASR of each network", fontsize=9)
    for panel, (dose, name) in zip(below.subplots(1, 2, sharey=True), DOSES.items(), strict=True):
        shares(panel, parts[parts["dose"] == dose], attacks)
        panel.set_title(f"variance between groups, {name}")
    handles = [Patch(color=color, label=name) for name, color in PARTS.items()]
    below.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def of_networks(panel: Axes, rows: pd.DataFrame, groups: Mapping[str, str]) -> None:
    """A point for each network, and a line from the lowest to the highest of a group."""
    looks = style.looks(groups)
    names = list(groups)
    for group, of in rows.groupby("group", sort=False):
        look, place = looks[str(group)], names.index(str(group))
        panel.vlines(place, of["asr"].min(), of["asr"].max(), color=look.color, linewidth=1)
        panel.plot(
            [place] * len(of), of["asr"], linestyle="none", color=look.color, marker=look.marker,
            markersize=3.2, markerfacecolor=look.color if look.filled else "white",
        )  # fmt: skip
    panel.set_xticks(range(len(names)), names, rotation=90, fontsize=6.5)
    panel.set_ylim(-0.04, 1.04)


def shares(panel: Axes, rows: pd.DataFrame, attacks: list[str]) -> None:
    """A bar for each attack, cut into the components of the variance."""
    table = rows.pivot(index="attack", columns="component", values="share").reindex(attacks)
    left = np.zeros(len(attacks))
    for name, color in PARTS.items():
        panel.barh(range(len(attacks)), table[name], left=left, color=color, height=0.7)
        left = left + table[name].fillna(0).to_numpy()
    panel.set_yticks(range(len(attacks)), attacks, fontsize=7)
    panel.set(xlim=(0, 1), ylim=(len(attacks) - 0.5, -0.5))
    panel.grid(False)


# --- the synthetic study --------------------------------------------------------------------------


POINT_COLORS = {name: COLORS[name] for name in ("supported", "contradicted")}
POINT_COLORS["undecided"] = style.GAP
#: Where a verdict begins, if it is not 0.
MARGINS = {"drops_above_confidence": (2 / 3,), "training_size": (-0.1, 0.1)}


@style.drawing()
def synthetic(tables: Tables) -> Figure:
    """The estimates of both studies by conclusion and attack, in the colours of their verdicts."""
    rows = tables["synthetic"]
    attacks = list(dict.fromkeys(rows["attack"]))
    figure = Figure(figsize=(WIDTH, 0.42 * len(attacks) + 1.7), layout="constrained")
    grid = figure.subplots(1, len(QUESTIONS), sharey=True)
    for panel, (name, title) in zip(grid, QUESTIONS.items(), strict=True):
        panel.set_title(title, fontsize=8)
        for margin in MARGINS.get(name, (0,)):
            panel.axvline(margin, color=GREY, linewidth=0.7)
        for row in rows[rows["conclusion"] == name].to_dict("records"):
            beside(panel, attacks.index(row["attack"]), row)
    grid[0].set_yticks(range(len(attacks)), attacks)
    grid[0].set_ylim(len(attacks) - 0.5, -0.5)
    handles: list[Any] = [
        Line2D([], [], linestyle="none", marker="o", color=GREY, label="real images"),
        Line2D(
            [], [], linestyle="none", marker="o", color=GREY, markerfacecolor="white",
            label="synthetic images",
        ),
        *(Patch(color=color, label=name) for name, color in POINT_COLORS.items()),
        Patch(color=style.GRID, label="the verdicts differ"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def beside(panel: Axes, y: int, row: Mapping[Any, Any]) -> None:
    """Real images above synthetic ones, shaded where the verdicts differ."""
    if row["agrees"] == "no":
        panel.axhspan(y - 0.42, y + 0.42, color=style.GRID, linewidth=0, zorder=0)
    for study, shift in (("real", -0.16), ("synthetic", 0.16)):
        if pd.isna(row[f"estimate_{study}"]) or not row[f"applies_{study}"]:
            continue
        color = POINT_COLORS[row[f"verdict_{study}"]]
        ends = row[f"ci_low_{study}"], row[f"ci_high_{study}"]
        panel.hlines(y + shift, *ends, color=color, linewidth=1.4)
        panel.plot(
            row[f"estimate_{study}"], y + shift, "o", color=color, markersize=5,
            markerfacecolor=color if study == "real" else "white",
        )  # fmt: skip
