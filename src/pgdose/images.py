"""Image stores: uint8 `.npy` memory maps, read in batches at network size.

A store is one array, images x rows x columns (grey) or images x rows x columns x 3. Which image
of which store a member is stands in `members` (store, row). Crops and augmentation happen before
an image is stored, so what is read is what the network sees.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from skimage.transform import AffineTransform, warp

from pgdose.records import atomic, read_table

ROTATION, SHIFT, SCALE, BRIGHTNESS, CONTRAST, NOISE = 7.0, 0.04, 0.06, 0.06, 0.12, 0.012
LEAST_CONFIDENCE = 0.4  # of the aorta's window; below it an image is left out of aorta groups


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """uint8 to size x size by area averaging; other proportions are squeezed to the square."""
    if image.shape[:2] == (size, size):
        return image
    planes = image[..., None] if image.ndim == 2 else image
    # As floats, since Pillow rounds bytes after the rows and again after the columns.
    means = [
        Image.fromarray(plane.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
        for plane in np.moveaxis(planes, -1, 0)
    ]
    resized = np.rint(np.stack([np.asarray(mean) for mean in means], axis=-1)).astype(np.uint8)
    return resized[..., 0] if image.ndim == 2 else resized


def crop_square(image: np.ndarray, x: float, y: float, side: float) -> np.ndarray:
    """The square of `side` pixels round (x, y); beyond the edge the edge's pixels repeat."""
    side = max(round(side), 1)
    rows = np.clip(np.arange(side) + round(y - side / 2), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(side) + round(x - side / 2), 0, image.shape[1] - 1)
    return image[np.ix_(rows, columns)]


def augment(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mildly turned, shifted, scaled, brighter or darker copy with a little noise; no flips."""
    side = np.array(image.shape[1::-1])  # width, height
    middle = (side - 1) / 2
    about_middle = AffineTransform(translation=-middle)
    about_middle += AffineTransform(
        scale=1 + rng.uniform(-SCALE, SCALE),
        rotation=np.deg2rad(rng.uniform(-ROTATION, ROTATION)),
        translation=rng.uniform(-SHIFT, SHIFT, 2) * side,
    )
    about_middle += AffineTransform(translation=middle)
    values = warp(image, about_middle.inverse, mode="edge", order=1)  # float in [0, 1]
    values = (values - 0.5) * (1 + rng.uniform(-CONTRAST, CONTRAST)) + 0.5
    values += rng.uniform(-BRIGHTNESS, BRIGHTNESS) + rng.normal(0, NOISE, values.shape)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def render(
    image: np.ndarray,
    size: int,
    window: pd.Series | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """An image as its group stores it: cropped to the aorta's `window`, augmented by `rng`."""
    if window is not None:
        image = crop_square(image, window["aorta_x"], window["aorta_y"], window["aorta_side"])
    image = resize(image, size)
    return image if rng is None else augment(image, rng)


@contextmanager
def new_store(path: str | Path, n: int, size: int, channels: int) -> Iterator[np.ndarray]:
    """A store to fill with n images; appears whole when the block ends. n may be 0."""
    shape = (n, size, size) if channels == 1 else (n, size, size, channels)
    with atomic(path) as beside:
        if n:
            store = np.lib.format.open_memmap(beside, mode="w+", dtype=np.uint8, shape=shape)
            yield store
            store.flush()
        else:  # an empty file cannot be mapped
            np.save(beside, np.zeros(shape, dtype=np.uint8))
            yield np.zeros(shape, dtype=np.uint8)


class Members:
    """The images of a group's members, read from their stores as they are asked for."""

    def __init__(self, table: pd.DataFrame, results: str | Path, size: int, channels: int) -> None:
        self.table = table.reset_index(drop=True)
        self.size = size
        self.channels = channels
        self._root = Path(results)
        self._stores: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> np.ndarray:
        """The class index of each, int64."""
        return self.table["class_index"].to_numpy(np.int64)

    def select(self, rows: Iterable[bool] | np.ndarray | slice) -> "Members":
        return Members(self.table[rows], self._root, self.size, self.channels)

    def read(self, rows: Iterable[int]) -> np.ndarray:
        """uint8, n x channels x size x size."""
        images = [self._one(row) for row in rows]
        if not images:
            return np.zeros((0, self.channels, self.size, self.size), np.uint8)
        return np.stack(images)

    def _one(self, row: int) -> np.ndarray:
        entry = self.table.iloc[row]
        name = entry["store"]
        if name not in self._stores:
            self._stores[name] = np.load(self._root / name, mmap_mode="r")
        image = resize(np.asarray(self._stores[name][entry["row"]]), self.size)
        return image[None] if self.channels == 1 else image.transpose(2, 0, 1)


def load_members(
    members: str | Path,
    missing: Iterable[str | Path],
    results: str | Path,
    size: int,
    channels: int,
) -> Members:
    """The members whose images are there; `missing` are the tables of failed rows, if any."""
    table = read_table(members)
    for path in missing:
        table = table[~table["member"].isin(read_table(path)["member"])]
    return Members(table, results, size, channels)
