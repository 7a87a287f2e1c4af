"""The interactive curves of the page: Plotly figures and the values in them.

A chart is a figure with a trace for each group, which holds places and looks, and beside it the
rates by attack and amplitude. The page's script puts the rates of the attack and amplitude that the
reader chooses into the figure, draws the intervals, gives everything the colours of the page (light
or dark), and switches groups on and off. A rate that is NaN is a gap.
"""

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from pgdose.analysis.operating_point import at, operating_epsilons
from pgdose.plots import axes, style
from pgdose.plots.axes import APART, CONFIDENCE_TICKS, FEW, LEAST_OF_TWO
from pgdose.plots.curve_rows import with_reached
from pgdose.plots.rows import epsilon_label
from pgdose.plots.style import (
    EPSILON,
    PAGE_AXES,
    PAGE_BACKGROUND,
    PAGE_GRID,
    PAGE_TEXT,
    Groups,
)
from pgdose.study.doses import same_epsilon

DECIMALS = 4  # of the rates that the page holds
MOST_MARKERS = 7  # on a curve of many points; the others still show their values

DASHES = {"xray": "solid", "histology": "dash", "other": "dot"}
_STROKES = {"solid": "", "dash": "6 3", "dot": "1.5 2.5"}
# By matplotlib's marker: its name in Plotly, and its outline around 0, 0 as an SVG path.
_SYMBOLS = {
    "o": ("circle", "M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z"),
    "s": ("square", "M-3,-3h6v6h-6z"),
    "^": ("triangle-up", "M0,-4L4,3H-4z"),
    "D": ("diamond", "M0,-4L4,0L0,4L-4,0z"),
    "v": ("triangle-down", "M0,4L4,-3H-4z"),
    "P": ("cross", "M-1.2,-3.6h2.4v2.4h2.4v2.4h-2.4v2.4h-2.4v-2.4h-2.4v-2.4h2.4z"),
    "X": ("x", "M-3,-4L0,-1L3,-4L4,-3L1,0L4,3L3,4L0,1L-3,4L-4,3L-1,0L-4,-3z"),
    "*": ("star", "M0,-4.4L1.2,-1.4H4.3L1.8,0.6L2.7,3.8L0,1.9L-2.7,3.8L-1.8,0.6L-4.3,-1.4H-1.2z"),
}
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"

# Plotly's patterns for matplotlib's hatching of bands.
_PATTERNS = {"": "", "////": "/", "\\\\" * 2: "\\", "....": "."}

#: Of each place of a trace: `y`, the ASR, and `rate`: low, high, images flipped and attacked; in
#: Fig. 3a `copies`, whether the attack never reached the amplitude.
Values = dict[str, list[Any]]


@dataclass(frozen=True)
class Chart:
    """One chart of a figure: an attack, or in Fig. 3c a group.

    id:      of the element that it is drawn in
    title:   above the chart
    figure:  a trace for each group, without rates
    values:  for each attack that the reader can choose, or under "" alone, and for each amplitude,
             as the page names it, or under "" alone: the rates of each trace
    first:   the amplitude that is shown first
    nearest: for each attack that was not measured at `first`: the amplitude that is shown for it
    notes:   then say so
    group:   of a chart of one group
    """

    id: str
    title: str
    figure: go.Figure
    values: Mapping[str, Mapping[str, list[Values]]]
    first: str = ""
    nearest: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    group: str = ""


@dataclass(frozen=True)
class Swatch:
    """A group in the page's legend: a line and a marker, as attributes of SVG.

    color, dark: on a light and on a dark page
    dashes:      of the line
    outline:     of the marker
    filled:      whether it is
    """

    color: str
    dark: str
    dashes: str
    outline: str
    filled: bool


def library() -> str:
    """Plotly's JavaScript, which the page holds once."""
    return str(get_plotlyjs())


def swatches(groups: Groups) -> dict[str, Swatch]:
    """The swatch of each group, as it looks in all charts."""
    return {
        group: Swatch(
            look.color,
            look.dark,
            _STROKES[DASHES[style.modality(groups, group)]],
            _SYMBOLS[look.marker][1],
            look.filled,
        )
        for group, look in style.looks(groups).items()
    }


def over_epsilon(
    asr: pd.DataFrame, groups: Groups, iterations: int, doses_reached: pd.DataFrame | None = None
) -> list[Chart]:
    """Fig. 3a: a chart for each attack, at its operating iteration.

    Args:
        asr: `group attack epsilon iteration n_attacked n_flipped asr ci_low ci_high` of one run.
        groups: the study's groups.
        iterations: the operating point; an attack with fewer iterations is shown at its last one.
        doses_reached: `group role attack epsilon reached`; without it all are.
    """
    asr = with_reached(asr, doses_reached)
    charts = []
    for place, (attack, rows) in enumerate(_by_attack(asr, groups)):
        rows = at(rows, iterations=iterations)
        grid = sorted(rows["epsilon"].unique())
        rated = _rated_groups(rows, groups)
        axis = _epsilon_axis(rows["epsilon"])
        figure = _figure(f"amplitude {EPSILON}", axis, height=205)
        for group in rated:
            figure.add_trace(_trace(group, groups, grid, f"{EPSILON} = %{{x:.4~g}}"))
        rates = _values(rows, rated, "epsilon", grid)
        for group, of_group in zip(rated, rates, strict=True):
            copies = set(rows["epsilon"][(rows["group"] == group) & ~rows["reached"]])
            of_group["copies"] = [epsilon in copies for epsilon in grid]
        values = {"": {"": rates}}
        title = f"{attack}, iteration {rows['iteration'].max()}"
        charts.append(Chart(f"fig3a-{place}", title, figure, values))
    return charts


def over_iterations(asr: pd.DataFrame, groups: Groups, epsilon: float) -> list[Chart]:
    """Fig. 3b: a chart for each attack; the reader chooses the amplitude.

    Args:
        asr: as for `over_epsilon`.
        groups: the study's groups.
        epsilon: the amplitude that is shown first; an attack that was not measured there shows its
            nearest one, and says so.
    """
    # Before the first iteration nothing is flipped, by definition: the interval has no width.
    clean = asr["iteration"] == 0
    sure = {name: asr[name].mask(clean, asr["asr"]) for name in ("ci_low", "ci_high")}
    charts = []
    for place, (attack, rows) in enumerate(_by_attack(asr.assign(**sure), groups)):
        grid = sorted(rows["iteration"].unique())
        rated = _rated_groups(rows, groups)
        figure = _figure("iterations", {"rangemode": "tozero"})
        for group in rated:
            figure.add_trace(_trace(group, groups, grid, "iteration %{x}"))
        values = {"": _values_by_epsilon(rows, rated, "iteration", grid)}
        nearest, notes = _nearest({"": rows}, epsilon)
        charts.append(
            Chart(f"fig3b-{place}", attack, figure, values, _name(epsilon), nearest, notes)
        )
    return charts


def over_confidence(confidence: pd.DataFrame, groups: Groups, epsilon: float) -> list[Chart]:
    """Fig. 3c: a chart for each group; the reader chooses the attack and the amplitude.

    Bins under LEAST_OF_TWO stand apart, at the left. The page's script makes the rate of fewer than
    FEW images faint.

    Args:
        confidence: `group attack epsilon iteration bin_low bin_high n_attacked n_flipped asr
            ci_low ci_high` of one run, at one iteration of each attack.
        groups: the study's groups.
        epsilon: the amplitude that is shown first; an attack that was not measured there shows its
            nearest one, and says so.
    """
    by_attack = dict(_by_attack(confidence, groups))
    bins = confidence[["bin_low", "bin_high"]].drop_duplicates("bin_low").sort_values("bin_low")
    grid = list(bins["bin_low"])
    if grid[0] < LEAST_OF_TWO:
        grid.insert(1, math.nan)  # a gap: no line joins the bin that stands apart
    ends = dict(zip(bins["bin_low"], bins["bin_high"], strict=True))
    x = [None if math.isnan(low) else _middle(low, ends[low]) for low in grid]
    nearest, notes = _nearest(by_attack, epsilon)
    held = confidence[confidence["n_attacked"] > 0]
    charts = []
    for place, group in enumerate(_rated_groups(confidence, groups)):
        apart = bool((held["bin_low"][held["group"] == group] < LEAST_OF_TWO).any())
        figure = _figure("clean confidence", _confidence_axis(apart), height=230)
        trace = _trace(group, groups, x, "confidence %{text}", bars=True)
        trace.text = [_bin(low, ends.get(low, 1)) for low in grid]
        figure.add_trace(trace)
        values = {
            attack: _values_by_epsilon(rows, [group], "bin_low", grid)
            for attack, rows in by_attack.items()
            if (rows["group"] == group).any()
        }
        first = _name(epsilon)
        charts.append(
            Chart(f"fig3c-{place}", group, figure, values, first, nearest, notes, group=group)
        )
    return charts


def _nearest(
    by_attack: Mapping[str, pd.DataFrame], epsilon: float
) -> tuple[dict[str, str], dict[str, str]]:
    """The amplitude that is shown of each attack that lacks `epsilon`, and the notes on it."""
    nearest, notes = {}, {}
    for attack, rows in by_attack.items():
        (shown,) = operating_epsilons(rows, epsilon).values()
        if not same_epsilon(shown, epsilon):
            nearest[attack] = _name(shown)
            notes[attack] = f"Shown at {epsilon_label(shown, epsilon)}."
    return nearest, notes


def as_json(charts: Iterable[Chart]) -> str:
    """All charts as JSON for a <script> element: no text in it can end the element."""
    plain = [
        {
            "id": chart.id,
            "figure": json.loads(chart.figure.to_json()),
            "values": chart.values,
            "first": chart.first,
            "nearest": chart.nearest,
            "notes": chart.notes,
            "group": chart.group,
        }
        for chart in charts
    ]
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _by_attack(table: pd.DataFrame, groups: Groups) -> list[tuple[str, pd.DataFrame]]:
    of_groups = table[table["group"].isin(list(groups))]
    return [(str(attack), rows) for attack, rows in of_groups.groupby("attack", sort=False)]


def _name(epsilon: Any) -> str:
    """An amplitude as the page names it, with more digits than any study's amplitudes differ in."""
    return f"{epsilon:.6g}"


def _rated_groups(rows: pd.DataFrame, groups: Groups) -> list[str]:
    """The groups with a rate, in the study's order."""
    rated = set(rows["group"][rows["asr"].notna()])
    return [group for group in groups if group in rated]


def _values_by_epsilon(
    rows: pd.DataFrame, groups: Sequence[str], by: str, grid: list[Any]
) -> dict[str, list[Values]]:
    return {
        _name(epsilon): _values(of_epsilon, groups, by, grid)
        for epsilon, of_epsilon in rows.groupby("epsilon")
    }


def _values(rows: pd.DataFrame, groups: Sequence[str], by: str, grid: list[Any]) -> list[Values]:
    """Each group's rates at the places of the grid; those without a row are unknown."""
    columns = ["asr", "ci_low", "ci_high", "n_flipped", "n_attacked"]
    rows = rows.drop_duplicates(["group", by])
    measured = rows[columns].astype(float).to_numpy().tolist()
    places = dict(zip(zip(rows["group"], rows[by], strict=True), measured, strict=True))
    unknown = [math.nan] * len(columns)
    values: list[Values] = []
    for group in groups:
        of_group = [places.get((group, place), unknown) for place in grid]
        numbers = [[_number(value, DECIMALS) for value in place] for place in of_group]
        values.append({"y": [place[0] for place in numbers], "rate": [p[1:] for p in numbers]})
    return values


def _number(value: float, decimals: int) -> float | int | None:
    """The number for JSON: an unknown one is null, a whole one has no decimals."""
    if not math.isfinite(value):
        return None
    rounded = round(value, decimals)
    return int(rounded) if rounded.is_integer() else rounded


def _figure(x: str, axis: Mapping[str, Any], height: int = 260) -> go.Figure:
    """Axes without curves."""
    ticks = {"showgrid": True, "gridcolor": PAGE_GRID, "zeroline": False, "linecolor": PAGE_AXES}
    ticks |= {"showline": True, "ticks": "outside", "tickcolor": PAGE_AXES, "fixedrange": True}
    y = {"title": {"text": "attack success rate", "standoff": 6}, "range": [-0.03, 1.03]}
    layout = {
        "template": "none",
        "height": height,
        "margin": {"l": 46, "r": 8, "t": 6, "b": 42},
        "showlegend": False,
        "dragmode": False,  # a finger on a chart scrolls the page
        "hovermode": "closest",
        "hoverlabel": {
            "align": "left",
            "bgcolor": PAGE_BACKGROUND,
            "font": {"family": _FONT, "size": 12, "color": PAGE_TEXT},
        },
        "font": {"family": _FONT, "size": 12, "color": PAGE_TEXT},
        "xaxis": {**ticks, "title": {"text": x, "standoff": 8}, **axis},
        "yaxis": {**ticks, **y, "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1]},
    }
    return go.Figure(layout=layout)


def _trace(
    group: str, groups: Groups, x: Sequence[float | None], where: str, *, bars: bool = False
) -> go.Scatter:
    """A group's curve without its rates; `where` names the place, in Plotly's format.

    Its intervals are areas, or with `bars` bars; the page's script draws them.
    """
    look = style.looks(groups)[group]
    name = html.escape(group)
    faint = f"{look.color}66"  # many points with few images: neither line nor bar may drown them
    bar = {"type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": faint}
    return go.Scatter(
        x=list(x),
        mode="lines+markers",
        name=name,
        legendgroup=group,
        line={
            "color": faint if bars else look.color,
            "dash": DASHES[style.modality(groups, group)],
            "width": 1 if bars else look.width,
        },
        marker={
            "symbol": _SYMBOLS[look.marker][0],
            "size": 1 + 1.25 * look.size,
            "color": look.color if look.filled else PAGE_BACKGROUND,
            "line": {"color": look.color, "width": 1.3},
            "maxdisplayed": MOST_MARKERS if len(x) > 2 * MOST_MARKERS else 0,
        },
        error_y=bar if bars else None,
        meta={"pattern": _PATTERNS[look.hatch], "few": FEW},
        connectgaps=False,
        hovertemplate=(
            f"<b>{name}</b>, {where}<br>ASR %{{y:.3f}}<br>"
            "95 % interval %{customdata[0]:.3f} to %{customdata[1]:.3f}<br>"
            "%{customdata[2]} of %{customdata[3]} flipped<extra></extra>"
        ),
        hovertemplatefallback="unknown",
    )


def _epsilon_axis(epsilons: pd.Series) -> dict[str, Any]:
    if not axes.is_wide(epsilons):
        return {"rangemode": "tozero"}
    positive = epsilons[epsilons > 0]
    decades = range(math.floor(math.log10(positive.min())), math.ceil(math.log10(positive.max())))
    ticks = [10.0**decade for decade in decades]
    shown = [tick for tick in ticks if positive.min() * 0.99 <= tick <= positive.max() * 1.01]
    return {"type": "log", "tickvals": shown, "ticktext": [f"{tick:.3g}" for tick in shown]}


def _confidence_axis(apart: bool) -> dict[str, Any]:
    ticks = list(CONFIDENCE_TICKS)
    labels = [f"{tick:.1f}" for tick in ticks]
    if apart:
        # The tick at 0.5 stays without its number, which would touch that of the bin apart.
        ticks, labels = [APART, *ticks], [f"&lt;{LEAST_OF_TWO:g}", "", *labels[1:]]
    return {
        "tickvals": ticks,
        "ticktext": labels,
        "tickangle": 0,
        "range": [0.41 if apart else 0.495, 1.005],
    }


def _middle(low: float, high: float) -> float:
    """Where the bin stands on the axis."""
    return APART if low < LEAST_OF_TWO else round((low + high) / 2, DECIMALS)


def _bin(low: float, high: float) -> str:
    """The bin in words; the gap has none."""
    if math.isnan(low):
        return ""
    return f"under {LEAST_OF_TWO:g}" if low < LEAST_OF_TWO else f"{low:.2f} to {high:.2f}"
