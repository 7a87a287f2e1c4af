"""Changes of pixels: resizing, cutting out a window, augmenting."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from scipy import sparse

from pgdose.study.image_size import sides

EDGE = 1e-6  # pixels by which rounding may put a box over an edge


def resize(image: np.ndarray, size: int | Sequence[int]) -> np.ndarray:
    """A uint8 image at a size, see `resize_box`; one of other proportions is squeezed to it.

    size: the side of a square, or rows and columns
    """
    rows, columns = image.shape[:2]
    return resize_box(image, (0, 0, columns, rows), sides(size))


def resize_box(
    image: np.ndarray, box: tuple[float, float, float, float], shape: tuple[int, int]
) -> np.ndarray:
    """A box of a uint8 image (rows x columns, or x 3) as an image of `shape` (rows, columns).

    `box` is left, top, right, bottom in pixels, fractions count; it lies within the image. Each
    axis for itself: one that shrinks is averaged by exact areas, one that grows is interpolated
    linearly between the middles of pixels. Rounded once, at the end. Pillow's BOX is neither: it
    counts whole pixels, and repeats them where an image grows.
    """
    left, top, right, bottom = box
    axes = {0: (top, bottom, shape[0]), 1: (left, right, shape[1])}
    for axis, (start, stop, _) in axes.items():
        if not 0 <= start < stop <= image.shape[axis] + EDGE:
            raise ValueError(f"the box {box} leaves an image of {image.shape[:2]}")
    # What grows last never makes a long image large.
    rows_last = bottom - top < shape[0] and right - left > shape[1]
    values = image
    for axis in (1, 0) if rows_last else (0, 1):
        start, stop, size = axes[axis]
        if (start, stop) != (0, size) or size != image.shape[axis]:
            values = _resample(values.swapaxes(0, axis), start, stop, size).swapaxes(0, axis)
    return image if values is image else np.rint(values).clip(0, 255).astype(np.uint8)


def _resample(values: np.ndarray, start: float, stop: float, size: int) -> np.ndarray:
    """Rows `start` to `stop` of uint8 or float32 values as `size` rows: float32."""
    scale = (stop - start) / size
    lines = values.reshape(len(values), -1)
    if scale >= 4 and values.dtype == np.uint8:
        means = _mean_lines(lines, _edges(start, stop, size, len(lines)))
    else:
        means = _weights(len(lines), start, stop, size) @ lines.astype(np.float32, copy=False)
    return means.reshape(size, *values.shape[1:])


def _edges(start: float, stop: float, size: int, n: int) -> np.ndarray:
    """The size + 1 edges between `start` and `stop`; whole numbers are exact."""
    return np.linspace(start, stop, size + 1).round(9).clip(0, n)


def _mean_lines(lines: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The mean of the lines (uint8) between each two edges: float32. The edges are equally apart.

    Whole lines are summed as they are: a float copy of a film would cost more than all else.
    """
    span = edges[1] - edges[0]
    exact = np.uint16 if span < 256 else np.uint32  # for sums of so many bytes
    sums = np.empty((len(edges) - 1, lines.shape[1]), exact)
    first, last = np.ceil(edges[:-1]).astype(np.int64), np.floor(edges[1:]).astype(np.int64)
    for total, start, stop in zip(sums, first.tolist(), last.tolist(), strict=True):
        np.add.reduce(lines[start:stop], axis=0, dtype=exact, out=total)
    means = sums * np.float32(1 / span)
    # The line that an edge cuts counts in part on either side of it.
    cut = lines[np.floor(edges).astype(np.int64).clip(0, len(lines) - 1)]
    means += cut[:-1] * ((first - edges[:-1]) / span).astype(np.float32)[:, None]
    means += cut[1:] * ((edges[1:] - last) / span).astype(np.float32)[:, None]
    return means


@lru_cache(maxsize=32)  # the images of a source tend to have one size, or a few
def _weights(n: int, start: float, stop: float, size: int) -> sparse.csr_array:
    """What each of n lines adds to each of `size` lines: size x n, float32, rows of sum 1."""
    scale = (stop - start) / size
    if scale < 1:
        places = start + (np.arange(size) + 0.5) * scale - 0.5
        before = np.floor(places).astype(np.int64)
        after = (places - before).astype(np.float32)
        lines = np.stack([before, before + 1], axis=1).clip(0, n - 1)  # the edge repeats
        weights, counts = np.stack([1 - after, after], axis=1), np.full(size, 2)
    else:
        edges = _edges(start, stop, size, n)
        first, last = np.floor(edges[:-1]).astype(np.int64), np.ceil(edges[1:]).astype(np.int64)
        counts = last - first
        lines = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
        low, high = np.repeat(edges[:-1], counts), np.repeat(edges[1:], counts)
        weights = (np.minimum(high, lines + 1) - np.maximum(low, lines)) / (high - low)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    values = weights.ravel().astype(np.float32)
    return sparse.csr_array((values, lines.ravel(), pointers), shape=(size, n))


def crop_square(image: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    """The square of `side` pixels round (x, y); beyond the edge the edge's pixels repeat."""
    side = max(round(side), 1)
    rows = np.clip(np.arange(side) + round(y - side / 2), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(side) + round(x - side / 2), 0, image.shape[1] - 1)
    return image[np.ix_(rows, columns)]


def augment(image: np.ndarray, parameters: Mapping[str, float]) -> np.ndarray:
    """A copy of a uint8 image (rows x columns, or x 3), changed as `draw_augmentation` drew it.

    Args:
        image: the original.
        parameters: `flip` (1 mirrors left and right, before all else); `rotation` (degrees,
            clockwise, about the middle); `scale` (0.06 enlarges by 6 %); `shift_x`, `shift_y` (of
            the width and the height, rightwards and down); `contrast` (0.12 spreads the greys by
            12 % about the middle of the range); `brightness` and `noise` (standard deviation), in
            parts of the full range; `noise_seed`. Absent ones are 0, and 0 changes nothing.

    Beyond the original's edge its edge pixels repeat. Rotation, scale and shift are one
    interpolation, by scikit-image: torchvision would import torch into a job without tensors.
    """
    # Imported here: it takes half a second, and most jobs augment nothing.
    from skimage.transform import AffineTransform, warp

    amounts = defaultdict(int, parameters)
    if amounts["flip"]:
        image = image[:, ::-1]
    side = np.array(image.shape[1::-1])  # width, height
    middle = (side - 1) / 2
    about_middle = AffineTransform(translation=-middle)
    about_middle += AffineTransform(
        scale=1 + amounts["scale"],
        rotation=np.deg2rad(amounts["rotation"]),
        translation=(amounts["shift_x"], amounts["shift_y"]) * side,
    )
    about_middle += AffineTransform(translation=middle)
    values = warp(image, about_middle.inverse, mode="edge", order=1)  # float in [0, 1]
    values = (values - 0.5) * (1 + amounts["contrast"]) + 0.5 + amounts["brightness"]
    rng = np.random.default_rng(int(amounts["noise_seed"]))
    values += rng.normal(0, amounts["noise"], values.shape)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
