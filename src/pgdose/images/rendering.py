"""An image as its group stores it: cropped, resized, augmented."""

import itertools
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from PIL import Image


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """uint8 to size x size by area averaging; an oblong image is squeezed to the square."""
    if image.shape[:2] == (size, size):
        return image
    if image.shape[0] >= 4 * size:
        image = _mean_rows(image, size)
    planes = image[..., None] if image.ndim == 2 else image
    # As floats: Pillow would round bytes after the rows and again after the columns.
    means = [
        Image.fromarray(plane.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
        for plane in np.moveaxis(planes, -1, 0)
    ]
    resized = np.rint(np.stack([np.asarray(mean) for mean in means], axis=-1)).astype(np.uint8)
    return resized[..., 0] if image.ndim == 2 else resized


def _mean_rows(image: np.ndarray, size: int) -> np.ndarray:
    """The rows of `image` averaged to `size` rows, float32, as Pillow's box filter does.

    It needs no float copy of the whole film, which would cost more than all other steps together.
    """
    rows = len(image)
    edges = (2 * np.arange(size + 1) * rows + size) // (2 * size)  # nearest to k / size of the rows
    exact = np.uint16 if rows < 256 * size else np.uint32  # for sums of that many bytes
    sums = [
        np.add.reduce(image[top:bottom], axis=0, dtype=exact) / np.float32(bottom - top)
        for top, bottom in itertools.pairwise(edges.tolist())
    ]
    return np.stack(sums)


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


def render(
    image: np.ndarray,
    size: int,
    crop: tuple[float, float, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> np.ndarray:
    """An image as its group stores it, size x size: cropped, resized, augmented.

    `crop`: centre x, centre y and side of a square, in pixels of the image. `parameters`: those of
    `augment`. None skips the step.
    """
    if crop is not None:
        image = crop_square(image, *crop)
    image = resize(image, size)
    return image if parameters is None else augment(image, parameters)
