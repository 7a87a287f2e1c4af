"""Bringing an image to its group's size: squeezed, cropped in the middle, or padded with black.

Sizes and places are those of torchvision: `crop` of `Resize(resize)` and `CenterCrop(size)`, `pad`
of `Resize(None, max_size=size)` and `CenterCrop(size)`. The pixels are averaged by exact areas, as
everywhere in pgdose.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pgdose.images.rendering import augment, crop_square, resize, resize_box
from pgdose.study.image_size import sides

Shape = tuple[int, int]  # rows, columns


def fit_image(
    image: np.ndarray,
    size: int | Sequence[int],
    fit: str = "squeeze",
    resize_to: int | Sequence[int] | None = None,
) -> np.ndarray:
    """A uint8 image (rows x columns, or x 3) at a size.

    Args:
        image: of any size.
        size: the side of a square, or rows and columns.
        fit: squeeze (each axis for itself), crop or pad (both keep the proportions, except `crop`
            to a pair).
        resize_to: of `crop`, what the image is resized to before: its shorter side, or rows and
            columns. None: as small as covers `size`.
    """
    shape, target = (image.shape[0], image.shape[1]), sides(size)
    if fit == "squeeze":
        return resize(image, target)
    if fit == "crop":
        resized = cropped_from(shape, target, resize_to)
        return _crop(image, resized, target)
    rows, columns = largest_within(shape, target)
    top, left = (target[0] - rows) // 2, (target[1] - columns) // 2
    padded = np.zeros((*target, *image.shape[2:]), np.uint8)
    padded[top : top + rows, left : left + columns] = resize(image, (rows, columns))
    return padded


def _crop(image: np.ndarray, resized: Shape, target: Shape) -> np.ndarray:
    """The middle of the resized image. Only what lies in it is computed, or a long image that
    grows would take any memory."""
    (top, bottom, rows), (left, right, columns) = (
        _middle(*lengths) for lengths in zip(image.shape, resized, target, strict=False)
    )
    return resize_box(image[rows, columns], (left, top, right, bottom), target)


def _middle(length: int, resized: int, part: int) -> tuple[float, float, slice]:
    """Where the middle part of a resized axis begins and ends, in a slice of the axis."""
    first = crop_start(resized, part)
    start, stop = first * length / resized, (first + part) * length / resized
    cut = max(math.floor(start) - 1, 0)  # where it grows, values are interpolated to the next pixel
    return start - cut, stop - cut, slice(cut, min(math.ceil(stop) + 1, length))


def crop_start(length: int, part: int) -> int:
    """Where the middle part of a length begins. Halves are rounded to even, as torchvision does."""
    return round((length - part) / 2)


def cropped_from(shape: Shape, target: Shape, resize_to: int | Sequence[int] | None) -> Shape:
    """Rows and columns that an image is resized to before its middle is cut out."""
    height, width = shape
    if isinstance(resize_to, int):
        if height <= width:
            return resize_to, resize_to * width // height
        return resize_to * height // width, resize_to
    if resize_to is not None:
        return sides(resize_to)
    rows, columns = target
    if height * columns <= width * rows:
        return rows, rows * width // height
    return columns * height // width, columns


def largest_within(shape: Shape, target: Shape) -> Shape:
    """Rows and columns of the largest copy of an image that fits into the target."""
    (height, width), (rows, columns) = shape, target
    if height * columns >= width * rows:
        return rows, max(rows * width // height, 1)
    return max(columns * height // width, 1), columns


def render(
    image: np.ndarray,
    size: int | Sequence[int],
    fit: str = "squeeze",
    resize_to: int | Sequence[int] | None = None,
    *,
    crop: tuple[float, float, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> np.ndarray:
    """An image as its group stores it: cropped, brought to its size (`fit_image`), augmented.

    `crop`: centre x, centre y and side of a square, in pixels of the image. `parameters`: those of
    `augment`. None skips the step.
    """
    if crop is not None:
        image = crop_square(image, *crop)
    image = fit_image(image, size, fit, resize_to)
    return image if parameters is None else augment(image, parameters)
