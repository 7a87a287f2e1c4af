"""The dose-response of one network under one attack, as a notebook shows it."""

import io

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pgdose.plots import style
from pgdose.plots.panels import BAND, epsilon_axis
from pgdose.plots.style import ASR, TRAINING

NOTEBOOK_DPI = 110


class NotebookFigure(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG, in its own resolution."""
    file = io.BytesIO()
    canvas = FigureCanvasAgg(figure)
    with style.drawing():
        canvas.print_png(file, metadata={"Software": None})
    return file.getvalue()


@style.drawing()
def dose_response(
    rows: pd.DataFrame, title: str, amplitude: str, panel: Axes | None = None
) -> Figure:
    """The success rate over epsilon with its interval.

    Args:
        rows: epsilon, asr, ci_low, ci_high: one row for each epsilon, rising; NaN is a gap.
        title: above the panel.
        amplitude: the label of the axis of epsilon.
        panel: to draw in; None for a figure of its own.

    Returns:
        The figure that holds the panel.
    """
    if panel is None:
        figure: Figure = NotebookFigure(figsize=(5, 3.2), dpi=NOTEBOOK_DPI, layout="constrained")
        panel = figure.add_subplot()
    epsilons, rates = rows["epsilon"], rows["asr"]
    panel.fill_between(epsilons, rows["ci_low"], rows["ci_high"], color=TRAINING, alpha=BAND, lw=0)
    panel.plot(epsilons, rates, "o-", color=TRAINING)
    epsilon_axis(panel, epsilons)
    panel.set(title=title, xlabel=amplitude, ylabel=ASR, ylim=(-0.03, 1.03))
    owner = panel.get_figure(root=True)
    assert isinstance(owner, Figure)
    return owner
