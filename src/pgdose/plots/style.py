"""How every figure of a study looks, and how it is written: the same bytes for the same measures.

Figures are built through `matplotlib.figure.Figure`, never through pyplot, so that no global state
and no display is involved.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pgdose import records

#: `{group: {"title": text, "modality": "xray", "histology" or "other"}}`, in the study's order.
Groups = Mapping[str, Mapping[str, str]]

DPI = 200
INTERVAL = "95 % confidence interval"  # what ci_low and ci_high are, wherever they are named
EPSILON = "ε"
MODALITIES = {"xray": "X-ray", "histology": "Histology", "other": "Other"}
FLIPPED = "#B22222"  # a flipped diagnosis; always accompanied by bold text

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Cool colours for X-rays and warm ones for histology, after Okabe and Ito's palette; within each
# row the lightness rises, so that grey prints and colour-blind eyes can still tell them apart.
_COLORS = {
    "xray": ("#1B2A6B", "#0072B2", "#009E73", "#56B4E9"),
    "histology": ("#7A2E00", "#D55E00", "#CC79A7", "#E69F00"),
    "other": ("#000000", "#595959", "#8C8C8C", "#B3B3B3"),
}
_LINES = {"xray": "-", "histology": (0, (4, 2)), "other": (0, (1, 1.5))}

_RC: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.parse_math": False,  # titles come from the study: a dollar sign there is a dollar sign
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pgdose",  # and ids of elements are the same in every run
}


@contextmanager
def drawing() -> Iterator[None]:
    """pgdose's look on top of matplotlib's defaults, whatever the user's matplotlibrc says.

    Serves as a decorator too.
    """
    with matplotlib.style.context(["default", _RC]):
        yield


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one group; the line and the filling tell the modality."""

    color: str
    marker: str
    line: Any
    filled: bool

    def handle(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot` and `Line2D`."""
        return {
            "color": self.color,
            "marker": self.marker,
            "linestyle": self.line,
            "markerfacecolor": self.color if self.filled else "white",
            "markeredgecolor": self.color,
        }


def modality(groups: Groups, group: str) -> str:
    """The group's modality; "other" for one that this module doesn't know."""
    name = groups[group].get("modality", "other")
    return name if name in MODALITIES else "other"


def looks(groups: Groups) -> dict[str, Look]:
    """The look of each group; it depends on the study's list of groups only, not on the figure."""
    seen = dict.fromkeys(MODALITIES, 0)
    result = {}
    for group in groups:
        kind = modality(groups, group)
        place = seen[kind]
        seen[kind] += 1
        # From the fifth group of a modality on the colours come again, with other markers.
        color = _COLORS[kind][place % len(_COLORS[kind])]
        marker = _MARKERS[place % len(_MARKERS)]
        result[group] = Look(color, marker, _LINES[kind], filled=kind != "histology")
    return result


def shorten(text: str, length: int) -> str:
    """The text, cut with an ellipsis if it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def legend(
    figure: Figure, groups: Groups, drawn: set[str], extra: dict[str, list[Line2D]] | None = None
) -> None:
    """The figure's one legend, below its panels: a column for each modality, then `extra` ones.

    `extra` maps a column's heading to its labelled handles.
    """
    look = looks(groups)
    columns: dict[str, list[Line2D]] = {}
    kinds = len({modality(groups, group) for group in drawn})
    # Letters of the legend are about 0.07 inches wide; each column needs a handle and a gap.
    room = figure.get_figwidth() - 1.4 * len(extra or {})
    length = int((room / max(kinds, 1) - 0.8) / 0.07)
    for group in groups:
        if group in drawn:
            label = shorten(f"{group}  {groups[group].get('title', '')}".rstrip(), length)
            handle = Line2D([], [], label=label, **look[group].handle())
            columns.setdefault(MODALITIES[modality(groups, group)], []).append(handle)
    columns.update(extra or {})
    if not columns:
        return

    def words(text: str) -> Line2D:
        return Line2D([], [], linestyle="none", label=text)

    # Matplotlib fills a legend column by column: equal lengths keep each heading at its top.
    rows = max(map(len, columns.values()))
    handles = []
    for heading, entries in columns.items():
        handles += [words(heading), *entries, *[words(" ")] * (rows - len(entries))]
    box = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(columns),
        columnspacing=2.5,
        handlelength=3.2,
    )
    for text in box.get_texts():
        if text.get_text() in columns:
            text.set_fontweight("bold")


@drawing()
def message(text: str) -> Figure:
    """A figure that says in words why there is nothing to draw."""
    figure = Figure(figsize=(6, 1.4))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=10, wrap=True)
    return figure


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as .png (200 dpi) or .svg, by the suffix; atomically, equal bytes every time.

    Raises:
        ValueError: the suffix is another one.
    """
    path = Path(path)
    # Neither the date nor the version of matplotlib belongs into a file that is compared by bytes.
    metadata = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    if path.suffix not in metadata:
        raise ValueError(f"figures are written as .png or .svg, not as '{path.suffix}'")
    FigureCanvasAgg(figure)
    with drawing(), records.atomic(path) as beside:
        # The resolution counts in an SVG too: its photographs are resampled to it.
        figure.savefig(beside, dpi=DPI, metadata=metadata[path.suffix], facecolor="white")
