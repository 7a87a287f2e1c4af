"""Contact sheets: many small images on one page, for a person's look at what was chosen."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pgdose.plots import style

_CELL = 1.1  # inches, the side of an image
_LIMIT = 300.0  # inches, the highest page that can be rendered at 200 dpi (2**16 pixels), rounded


@style.drawing()
def contact_sheet(
    images: Sequence[np.ndarray], captions: Sequence[str], columns: int = 10
) -> Figure:
    """A grid of images, each with its caption (an opaque id, written out in full) below it.

    Args:
        images: H x W or H x W x 3, floats in [0, 1] or integers over their type's full range.
        captions: one for each image; may have several lines.
        columns: images in a row.

    Raises:
        ValueError: the numbers of images and captions differ, or the page would be too high.
    """
    if len(images) != len(captions):
        raise ValueError(f"{len(images)} images, but {len(captions)} captions")
    if not images:
        return style.message("There are no images to show.")
    lines = [line for caption in captions for line in caption.split("\n")]
    # A letter of the monospaced font is 0.6 of its size wide.
    size = min(7.0, 72 * _CELL * 0.98 / (0.603 * max(1, *map(len, lines))))
    below = max(caption.count("\n") + 1 for caption in captions) * size * 1.25 / 72 + 0.08
    rows = -(-len(images) // columns)
    gap, margin = 0.06, 0.1
    width = columns * (_CELL + gap) + 2 * margin
    height = rows * (_CELL + below) + 2 * margin
    if height > _LIMIT:
        raise ValueError(f"{len(images)} images are too many for one contact sheet")
    figure = Figure(figsize=(width, height))
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        row, column = divmod(place, columns)
        x = margin + gap / 2 + column * (_CELL + gap)
        y = height - margin - row * (_CELL + below)  # the image's upper edge
        panel = figure.add_axes((x / width, (y - _CELL) / height, _CELL / width, _CELL / height))
        panel.set_axis_off()
        panel.imshow(_unit(image), cmap="gray", vmin=0, vmax=1)
        figure.text(
            (x + _CELL / 2) / width, (y - _CELL - 0.03) / height, caption,
            ha="center", va="top", fontsize=size, family="monospace",
        )  # fmt: skip
    return figure


def _unit(image: np.ndarray) -> np.ndarray:
    if np.issubdtype(image.dtype, np.integer):
        return image / np.iinfo(image.dtype).max
    return np.clip(image, 0, 1)
