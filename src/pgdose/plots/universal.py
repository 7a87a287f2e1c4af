"""Universal perturbations, magnified so that a person sees their pattern."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pgdose.plots import style
from pgdose.plots.style import EPSILON, GREY

_CELL = 2.1  # inches, the side of a perturbation
_COLUMNS = 5
_AT_THE_EDGE = 0.99  # of epsilon: a pixel that is changed as much as allowed


class Perturbations(NamedTuple):
    """epsilon: (e,), rising; delta: e x channels x rows x columns, float, within its epsilon."""

    epsilon: np.ndarray
    delta: np.ndarray


def load_perturbations(path: str | Path) -> dict[str, Perturbations]:
    """The perturbations of a universal.npz by the name of their control."""
    with np.load(path) as file:
        names = [key.removesuffix("/epsilon") for key in file.files if key.endswith("/epsilon")]
        return {
            name: Perturbations(file[f"{name}/epsilon"], file[f"{name}/perturbations"])
            for name in names
        }


@style.drawing()
def perturbations_sheet(perturbations: Mapping[str, Perturbations], title: str) -> Figure:
    """The perturbations of each control, from the smallest epsilon to the largest.

    Each is scaled by its own epsilon: black is -epsilon, grey no change, white +epsilon; of colour
    images each channel by itself. Below stand the magnification and the share of the values that
    are changed by epsilon.
    """
    rows = [
        [(name, *pair) for pair in zip(*(each[i : i + _COLUMNS] for each in control), strict=True)]
        for name, control in perturbations.items()
        for i in range(0, len(control.epsilon), _COLUMNS)
    ]
    if not rows:
        return style.message("There is no universal perturbation to show.")
    columns = max(map(len, rows))
    size = max(_CELL * columns + 1.1, 4.6), (_CELL + 0.75) * len(rows) + 0.5
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for panels, row in zip(axes, rows, strict=True):
        for panel in panels[len(row) :]:
            panel.set_axis_off()
        for panel, (_, epsilon, delta) in zip(panels, row, strict=False):
            _show(panel, delta, float(epsilon))
            panel.set_title(f"{EPSILON} = {epsilon:g}", fontsize=8.5, loc="center")
        panels[0].set_ylabel(row[0][0], fontweight="bold")
    scale = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), style.IMAGE_MAP), ax=axes, shrink=0.8, ticks=[-1, 0, 1]
    )
    scale.ax.set_yticklabels([f"-{EPSILON}", "0", f"+{EPSILON}"])
    scale.set_label("change of a pixel (full intensity range = 1)")
    figure.suptitle(f"{title}: universal perturbations, magnified", fontsize=9.5)
    return figure


def _show(panel: Axes, delta: np.ndarray, epsilon: float) -> None:
    picture = np.clip(0.5 + delta.astype(float) / (2 * epsilon), 0, 1)
    picture = picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)
    panel.imshow(picture, cmap=style.IMAGE_MAP, vmin=0, vmax=1, interpolation="nearest")
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])
    share = float((np.abs(delta) >= _AT_THE_EDGE * epsilon).mean())
    words = f"× {0.5 / epsilon:.3g}\nchanged by {EPSILON}: {100 * share:.0f} % of values"
    panel.set_xlabel(words, fontsize=7.5, color=GREY)
