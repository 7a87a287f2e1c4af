"""Sheets on which a person checks what was chosen: many small images, or a slide and its tiles.

Which images a sheet shows is decided in `sheet_samples`.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from pgdose.plots import style
from pgdose.plots.style import CLASSES, INK, TISSUE, WINDOW

_CELL, _FILM = 1.1, 1.7  # inches, the side of an image; of a film, where its details count
_WITH_TEXT = 2.5  # of a film whose burned-in text is to be read
_BETWEEN = 0.03  # inches, between a film and its crop
_TILE_OPACITY = 0.15
_DPI = 200  # a sheet is for the screen
_SLIDE_SIDE, _SLIDE_DPI = 8, 150  # inches: a picture of 1200 pixels is shown pixel by pixel
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
    return _grid([[image] for image in images], captions, columns, _CELL)[0]


@style.drawing()
def aorta_sheet(
    films: Sequence[np.ndarray],
    windows: Sequence[tuple[float, float, float]],
    crops: Sequence[np.ndarray],
    captions: Sequence[str],
    columns: int = 6,
) -> Figure:
    """Whole films with the window of the aorta drawn, the crop below each, an id below that.

    Args:
        films: as the images of `contact_sheet`.
        windows: of each film, the window's centre x, centre y and side in the film's pixels.
        crops: the windows' pixels as a network sees them; as `films`.
        captions: one for each film; may have several lines.
        columns: films in a row.

    Raises:
        ValueError: the numbers differ, or the page would be too high.
    """
    pairs = [list(pair) for pair in zip(films, crops, strict=True)]
    figure, shown = _grid(pairs, captions, columns, _FILM)
    for (film, _), (x, y, side) in zip(shown, windows, strict=True):
        film.axes.add_patch(_window(film, x - side / 2, y - side / 2, side))
    return figure


@style.drawing()
def text_sheet(pictures: Sequence[np.ndarray], captions: Sequence[str], columns: int = 5) -> Figure:
    """Large pictures in which burned-in text is framed, see `framed_text`.

    Args:
        pictures, captions: as those of `contact_sheet`.
        columns: pictures in a row.

    Raises:
        ValueError: the numbers differ, or the page would be too high.
    """
    return _grid([[picture] for picture in pictures], captions, columns, _WITH_TEXT)[0]


def _window(film: AxesImage, left: float, top: float, side: float) -> Rectangle:
    """A square of the film's pixels as a frame on the sheet; beyond the film it is cut off."""
    rows, columns = film.get_size()
    west, east, south, north = film.get_extent()
    across, down = (east - west) / columns, (north - south) / rows
    frame = Rectangle(
        (west + left * across, north - top * down), side * across, -side * down,
        fill=False, edgecolor=WINDOW, linewidth=1.2,
    )  # fmt: skip
    frame.set_clip_path(
        Rectangle((west, south), east - west, north - south, transform=film.axes.transData)
    )
    return frame


@dataclass(frozen=True)
class SlidePicture:
    """A slide in small.

    pixels: uint8, rows x columns x 3
    cell:   pixels of level 0 along one of these pixels
    corner: where the picture begins, x and y in pixels of level 0
    """

    pixels: np.ndarray
    cell: float
    corner: tuple[float, float]


@dataclass(frozen=True)
class Contours:
    """Closed contours, each (n, 2), x and y in pixels of level 0; `outlines` by class."""

    tissue: Sequence[np.ndarray] = ()
    ink: Sequence[np.ndarray] = ()
    outlines: Mapping[str, Sequence[np.ndarray]] = field(default_factory=dict)


@style.drawing()
def slide_sheet(
    picture: SlidePicture,
    title: str,
    tiles: pd.DataFrame,
    *,
    contours: Contours | None = None,
    extent: float = 0,
    classes: Sequence[str] = (),
) -> Figure:
    """A slide in small with its tissue, ink, outlines, and the tiles that were taken from it.

    Args:
        picture: the slide.
        title: an opaque id.
        tiles: x, y (upper left, pixels of level 0) and class.
        contours: what to draw on the slide; nothing of a slide that was rejected.
        extent: the side of a tile, pixels of level 0.
        classes: all classes of the source, so that each has its colour on every slide.
    """
    contours = contours or Contours()
    rows, columns = picture.pixels.shape[:2]
    scale = _SLIDE_SIDE / max(rows, columns)  # inches to a pixel
    figure = Figure(figsize=(columns * scale + 0.2, rows * scale + 0.7), dpi=_SLIDE_DPI)
    width, height = figure.get_size_inches()
    panel = figure.add_axes(
        (0.1 / width, 0.36 / height, columns * scale / width, rows * scale / height)
    )
    left, top = picture.corner
    frame = (left, left + columns * picture.cell, top + rows * picture.cell, top)
    # matplotlib would add the opacity in double precision, to the rest too.
    opaque = np.dstack([picture.pixels, np.full((rows, columns), 255, np.uint8)])
    panel.imshow(opaque, extent=frame, interpolation="nearest")
    colours = dict(zip(dict.fromkeys(classes), itertools.cycle(CLASSES), strict=False))
    for rings, colour, line in (
        (contours.tissue, TISSUE, "-"),
        (contours.ink, INK, "-"),
        *((rings, colours[name], "--") for name, rings in reversed([*contours.outlines.items()])),
    ):
        panel.add_collection(LineCollection(rings, colors=colour, linewidths=0.9, linestyles=line))
    for name, of_class in tiles.groupby("class"):
        _tiles(panel, of_class, extent, colours[str(name)])
    panel.set_axis_off()
    panel.set(xlim=frame[:2], ylim=frame[2:])
    handles = _slide_legend(contours, tiles, colours)
    if handles:
        figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=7)
    figure.text(0.5, 1 - 0.1 / height, title, ha="center", va="top", fontsize=8, family="monospace")
    return figure


def _tiles(panel: Axes, tiles: pd.DataFrame, extent: float, colour: str) -> None:
    """The tiles of one class as squares."""
    squares = [Rectangle((x, y), extent, extent) for x, y in tiles[["x", "y"]].to_numpy()]
    face = to_rgba(colour, _TILE_OPACITY)
    panel.add_collection(PatchCollection(squares, facecolor=face, edgecolor=colour, linewidth=1.2))


def _slide_legend(
    contours: Contours, tiles: pd.DataFrame, colours: Mapping[str, str]
) -> list[Artist]:
    handles: list[Artist] = []
    if contours.tissue:
        handles.append(Line2D([], [], color=TISSUE, label="tissue"))
    if contours.ink:
        handles.append(Line2D([], [], color=INK, label="ink"))
    for outline in contours.outlines:
        label = f"outline: {outline}"
        handles.append(Line2D([], [], color=colours[outline], ls="--", label=label))
    for name, of_class in tiles.groupby("class"):
        colour = colours[str(name)]
        face = to_rgba(colour, _TILE_OPACITY)
        label = f"{len(of_class)} tiles: {name}"
        handles.append(Patch(facecolor=face, edgecolor=colour, label=label))
    return handles


def _grid(
    cells: Sequence[Sequence[np.ndarray]], captions: Sequence[str], columns: int, cell: float
) -> tuple[Figure, list[list[AxesImage]]]:
    """The figure, and the images of each cell, which stand one below the other.

    `cell` is the side of an image in inches.
    """
    if len(cells) != len(captions):
        raise ValueError(f"{len(cells)} images, but {len(captions)} captions; give one for each")
    if not cells:
        return style.message("There are no images to show."), []
    lines = [line for caption in captions for line in caption.split("\n")]
    # A letter of the monospaced font is 0.6 of its size wide.
    size = min(7.0, 72 * cell * 0.98 / (0.603 * max(1, *map(len, lines))))
    below = max(caption.count("\n") + 1 for caption in captions) * size * 1.25 / 72 + 0.08
    rows = -(-len(cells) // columns)
    gap, margin = 0.06, 0.1
    pictures = len(cells[0]) * (cell + _BETWEEN) - _BETWEEN
    width = columns * (cell + gap) + 2 * margin
    height = rows * (pictures + below) + 2 * margin
    if height > _LIMIT:
        raise ValueError(f"{len(cells)} images are too many for one contact sheet; show fewer")
    figure = Figure(figsize=(width, height), dpi=_DPI)
    # One panel in inches for all: a panel for each image takes as long as all else.
    panel = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), autoscale_on=False)
    panel.set_axis_off()
    shown = []
    for place, (images, caption) in enumerate(zip(cells, captions, strict=True)):
        row, column = divmod(place, columns)
        x = margin + gap / 2 + column * (cell + gap)
        y = height - margin - row * (pictures + below)  # the first image's upper edge
        tops = [y - i * (cell + _BETWEEN) for i in range(len(images))]
        shown.append([_show(panel, *pair, x, cell) for pair in zip(images, tops, strict=True)])
        figure.text(
            (x + cell / 2) / width, (y - pictures - 0.03) / height, caption,
            ha="center", va="top", fontsize=size, family="monospace",
        )  # fmt: skip
    return figure, shown


def _show(panel: Axes, image: np.ndarray, top: float, left: float, cell: float) -> AxesImage:
    """Draw an image in the middle of a square of `cell` inches."""
    height, width = np.array(image.shape[:2]) * cell / max(image.shape[:2])
    west, south = left + (cell - width) / 2, top - (cell + height) / 2
    frame = (west, west + width, south, south + height)
    return panel.imshow(
        _unit(image), cmap=style.IMAGE_MAP, vmin=0, vmax=1, extent=frame, aspect="auto"
    )


def _unit(image: np.ndarray) -> np.ndarray:
    if np.issubdtype(image.dtype, np.integer):
        return image / np.iinfo(image.dtype).max
    return np.clip(image, 0, 1)
