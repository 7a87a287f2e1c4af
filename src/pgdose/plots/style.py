"""How every figure of a study looks, and how it is written: the same bytes for the same measures.

Every colour of the printed figures, the sheets and the page's charts stands here (a test holds it);
those of the page around the charts stand in report/page_files/report.css.

Figures are built through `matplotlib.figure.Figure`, never through pyplot, so that no global state
and no display is involved.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from pgdose.tables import output_files

#: `{group: "xray", "histology" or "other"}`, in the study's order.
Groups = Mapping[str, str]

DPI = 300  # of a figure; a sheet of images has its own
INTERVAL = "95 % confidence interval"  # what ci_low and ci_high are, wherever they are named
EPSILON = "ε"
ASR = "attack success rate (flipped / attacked)"
AMPLITUDE = f"amplitude {EPSILON} (full intensity range = 1)"
MODALITIES = {"xray": "X-ray", "histology": "Histology", "other": "Other"}

GREY = "#595959"  # of what belongs to no group
GAP = "#8C8C8C"  # the hatching, or the words, where nothing is known
FLIPPED = "#B22222"  # a flipped diagnosis; always accompanied by bold text
MISSED, FALSE_ALARM = "#B22222", "#0072B2"  # diseases, with their lines and markers
UNREACHED = "#B8B8B8"  # a rate at an amplitude that the attack never reached
GRID = "#E3E3E3"
SHADE = "#F0F0F0"  # behind the bin that conclusion 4 is about
BARS = "#BFBFBF"  # of counts, and the lines between cells of counts
TRAINING, VALIDATION = "#0072B2", "#D55E00"  # images, in the figures of networks
ATTACKED = "#CC79A7"  # training images of adversarial training
FINAL_COLOR = "#000000"  # the accuracy of the network that is attacked
RATE_MAP = "cividis"  # its lightness rises steadily, also for the colour-blind
DOSE_MAP = "viridis"
SHARE_MAP = "Greys"
IMAGE_MAP = "gray"  # as a radiograph: black is 0

# A group's main network, and its defended ones beside it, after Okabe and Ito's palette.
UNDEFENDED = "#000000"
DEFENDED = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")

# On photographs of slides and films.
WINDOW = "#FF5A00"  # the window of the aorta
TISSUE, INK = "#0072B2", "#000000"
# Visible on pink and purple, and distinct to the colour-blind.
CLASSES = ("#F0E442", "#009E73", "#56B4E9", "#E69F00", "#FFFFFF", "#999999")

# Of the page's charts; they go with report.css.
PAGE_TEXT, PAGE_AXES, PAGE_GRID, PAGE_BACKGROUND = "#1c1f23", "#59616b", "#e6e6e6", "#ffffff"

# Attacks and controls in one panel. Attacks are lines in black and greys; each control has a colour
# and a marker of its own, up to twelve of them.
ATTACK_LINES: Sequence[tuple[str, Any]] = (
    ("#000000", "-"),
    ("#7F7F7F", (0, (5, 2))),
    ("#000000", (0, (1, 1.5))),
    ("#7F7F7F", (0, (5, 1.5, 1, 1.5))),
    ("#000000", (0, (9, 2.5))),
    ("#7F7F7F", "-"),
)
CONTROL_LOOKS: Sequence[tuple[str, str]] = (
    *(("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v")),
    *(("#56B4E9", "P"), ("#7A2E00", "X"), ("#1B2A6B", "*"), ("#0072B2", "<"), ("#D55E00", ">")),
    *(("#009E73", "h"), ("#CC79A7", "p")),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# Earlier groups are drawn larger: where curves run together, each shows behind the next.
_SIZES = (6.8, 5.6, 4.5, 3.4)
_WIDTHS = (2.3, 1.9, 1.5, 1.1)
# Cool colours for X-rays and warm ones for histology, after Okabe and Ito's palette; within each
# row the lightness rises, so that grey prints and colour-blind eyes can still tell them apart.
_COLORS = {
    "xray": ("#1B2A6B", "#0072B2", "#009E73", "#56B4E9"),
    "histology": ("#7A2E00", "#D55E00", "#CC79A7", "#E69F00"),
    "other": ("#000000", "#595959", "#8C8C8C", "#B3B3B3"),
}
# The same groups on the page's dark background.
_DARK_COLORS = {
    "xray": ("#93A4FF", "#3FA9F5", "#2DD4A7", "#A5DCFF"),
    "histology": ("#D9894F", "#FF7F27", "#F0A0CC", "#FFC64D"),
    "other": ("#F2F2F2", "#C4C4C4", "#9C9C9C", "#7D7D7D"),
}
# Bands of intervals that overlap are told apart by their hatching, too.
_HATCHES = ("", "////", "\\\\" * 2, "....")
_DEFENCE_LINES = ("-", (0, (4, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_LINES = {"xray": "-", "histology": (0, (4, 2)), "other": (0, (1, 1.5))}

RC_PARAMS: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "figure.dpi": DPI,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "pgdose",  # and ids of elements are the same in every run
}


@contextmanager
def drawing() -> Iterator[None]:
    """pgdose's look on top of matplotlib's defaults, whatever the user's matplotlibrc says.

    Serves as a decorator too.
    """
    with matplotlib.style.context(["default", RC_PARAMS]):
        yield


@dataclass(frozen=True)
class Look:
    """Colours, marker, line and hatching of one group; line and filling tell the modality."""

    color: str
    dark: str  # the colour on a dark background
    marker: str
    line: Any
    filled: bool
    width: float
    size: float
    hatch: str  # of the band of intervals

    def handle(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot` and `Line2D`."""
        return {
            "color": self.color,
            "marker": self.marker,
            "linestyle": self.line,
            "markerfacecolor": self.color if self.filled else "white",
            "markeredgecolor": self.color,
            "linewidth": self.width,
            "markersize": self.size,
        }


def modality(groups: Groups, group: str) -> str:
    """The group's modality; "other" for one that has no look of its own."""
    return groups[group] if groups[group] in MODALITIES else "other"


def looks(groups: Groups) -> dict[str, Look]:
    """The look of each group; it depends on the study's list of groups only, not on the figure."""
    counts = dict.fromkeys(MODALITIES, 0)
    result = {}
    for group in groups:
        kind = modality(groups, group)
        place = counts[kind]
        counts[kind] += 1
        # From the fifth group of a modality on the colours come again, with other markers.
        result[group] = Look(
            color=_COLORS[kind][place % len(_COLORS[kind])],
            dark=_DARK_COLORS[kind][place % len(_DARK_COLORS[kind])],
            marker=_MARKERS[place % len(_MARKERS)],
            line=_LINES[kind],
            filled=kind != "histology",
            width=_WIDTHS[place % len(_WIDTHS)],
            size=_SIZES[place % len(_SIZES)],
            hatch=_HATCHES[place % len(_HATCHES)],
        )
    return result


def defence_looks(runs: Sequence[str], main: str) -> dict[str, Look]:
    """The looks of a main network and of defended ones, by their place among `runs`."""
    result = {}
    for place, run in enumerate(runs):
        color = UNDEFENDED if run == main else DEFENDED[(place - 1) % len(DEFENDED)]
        result[run] = Look(
            color=color,
            dark=color,
            marker=_MARKERS[place % len(_MARKERS)],
            line="-" if run == main else _DEFENCE_LINES[(place - 1) % len(_DEFENCE_LINES)],
            filled=True,
            width=2.0 if run == main else 1.4,
            size=4.5,
            hatch="",
        )
    return result


def by_modality(groups: Groups, names: Collection[str]) -> dict[str, list[str]]:
    """The named groups of each modality that has any, in the study's order."""
    members: dict[str, list[str]] = {}
    for group in groups:
        if group in names:
            members.setdefault(modality(groups, group), []).append(group)
    return members


def shorten(text: str, length: int) -> str:
    """The text, cut with an ellipsis if it is longer than `length` characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def shorten_middle(text: str, length: int) -> str:
    """The text, cut in its middle: classes whose names begin alike stay apart by their ends."""
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end].rstrip()}…{text[-end:].lstrip()}"


def legend(
    figure: Figure,
    groups: Groups,
    has_rate: Mapping[str, bool],
    extra: Mapping[str, Sequence[Artist]] | None = None,
) -> None:
    """The figure's one legend, below its panels: a column for each modality, then `extra` ones.

    Args:
        figure: what it belongs to.
        groups: the study's groups.
        has_rate: the figure's groups, and whether any rate of each is known; if none is, the label
            says so.
        extra: a column's heading and its labelled handles.
    """
    look = looks(groups)
    columns: dict[str, list[Artist]] = {}
    kinds = by_modality(groups, has_rate)
    # Letters of the legend are about 0.07 inches wide; each column needs a handle and a gap.
    room = figure.get_figwidth() - 2.2 * len(extra or {})
    length = int((room / max(len(kinds), 1) - 0.8) / 0.07)
    for kind, members in kinds.items():
        columns[MODALITIES[kind]] = []
        for group in members:
            label, shown = group, look[group].handle()
            if not has_rate[group]:
                rest = max(length - len(group) - 2, 1)  # a name is never cut
                label = f"{group}  {shorten('(no rate is known)', rest)}"
                shown = {"linestyle": "none"}
            columns[MODALITIES[kind]].append(Line2D([], [], label=label, **shown))
    columns.update({heading: list(handles) for heading, handles in (extra or {}).items()})
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
    """A figure of words that say why there is nothing to draw."""
    figure = Figure(figsize=(6, 1.4))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=10, wrap=True)
    return figure


def files_of_figures(paths: Iterable[str | Path]) -> dict[Path, dict[str, Path]]:
    """The files of each figure by suffix; the figures by their path without it."""
    files: dict[Path, dict[str, Path]] = {}
    for path in map(Path, paths):
        files.setdefault(path.with_suffix(""), {})[path.suffix] = path
    return files


def save(figure: Figure, *paths: str | Path, private: bool = False) -> None:
    """Write a figure as .png (300 dpi) or .svg, by the suffix; atomically, equal bytes every time.

    Of several files the .png is drawn first and the .svg has its layout, which takes half the time.
    A figure that was made at another resolution keeps it. It cannot be changed afterwards.
    `private` files are for their owner alone.

    Raises:
        ValueError: a suffix is neither.
    """
    files = sorted(map(Path, paths), key=lambda path: path.suffix)
    for path in files:
        if path.suffix not in (".png", ".svg"):
            raise ValueError(
                f"cannot write a figure as '{path.suffix}'; name the file .png or .svg"
            )
    with drawing():
        for path in files:
            with output_files.atomic(path, private) as beside:
                _write(figure, beside, path.suffix)
            figure.set_layout_engine("none")


def _write(figure: Figure, file: Path, suffix: str) -> None:
    canvas = FigureCanvasAgg(figure)
    if suffix == ".png":
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        packing: dict[str, Any] = {"compress_level": 3}  # level 6 takes 2.5 times as long for 7 %
        if not any(panel.images for panel in figure.axes):
            # Line art has few colours: as a palette it is a third of the size.
            picture = picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            packing = {"optimize": True}
        picture.save(file, "PNG", dpi=(figure.dpi, figure.dpi), **packing)
    else:
        # Neither the date nor matplotlib's version belongs into a file that is compared.
        nothing = {"Date": None, "Creator": None}
        figure.savefig(file, dpi="figure", metadata=nothing, facecolor="white")
