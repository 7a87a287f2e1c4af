"""Image stores: uint8 `.npy` memory maps, read in batches at network size.

A store is one array, images x rows x columns (grey) or images x rows x columns x 3. Which image
of which store a member is stands in `members` (store, row). Crops and augmentation happen before
an image is stored, so what is read is what the network sees. After the array, where `np.load` does
not look, a store carries a checksum of each image.
"""

import errno
import itertools
import math
import os
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import xxhash
from PIL import Image
from skimage.transform import AffineTransform, warp

from pgdose.errors import Damaged
from pgdose.records import atomic, read_members


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """uint8 to size x size by area averaging; other proportions are squeezed to the square."""
    if image.shape[:2] == (size, size):
        return image
    if image.shape[0] >= 4 * size:
        image = _mean_rows(image, size)
    planes = image[..., None] if image.ndim == 2 else image
    # As floats, since Pillow rounds bytes after the rows and again after the columns.
    means = [
        Image.fromarray(plane.astype(np.float32)).resize((size, size), Image.Resampling.BOX)
        for plane in np.moveaxis(planes, -1, 0)
    ]
    resized = np.rint(np.stack([np.asarray(mean) for mean in means], axis=-1)).astype(np.uint8)
    return resized[..., 0] if image.ndim == 2 else resized


def _mean_rows(image: np.ndarray, size: int) -> np.ndarray:
    """The rows of `image` averaged to `size` rows, float32, as Pillow's box does, but faster.

    A float copy of a whole film costs more than all else on its way to 256x256.
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
        image: what to copy.
        parameters: `flip` (1 mirrors left and right, before all else); `rotation` (degrees,
            clockwise, about the middle); `scale` (0.06 enlarges by 6 %); `shift_x`, `shift_y` (of
            the width and the height, rightwards and down); `contrast` (0.12 spreads the greys by
            12 % about the middle of the range); `brightness` and `noise` (standard deviation), in
            parts of the full range; `noise_seed`. What is left out is 0, and 0 changes nothing.

    Beyond the original's edge its edge pixels repeat. Scikit-image turns, scales and shifts in one
    interpolation with parameters given from outside; torchvision would bring torch into a room
    without tensors.
    """
    given = defaultdict(int, parameters)
    if given["flip"]:
        image = image[:, ::-1]
    side = np.array(image.shape[1::-1])  # width, height
    middle = (side - 1) / 2
    about_middle = AffineTransform(translation=-middle)
    about_middle += AffineTransform(
        scale=1 + given["scale"],
        rotation=np.deg2rad(given["rotation"]),
        translation=(given["shift_x"], given["shift_y"]) * side,
    )
    about_middle += AffineTransform(translation=middle)
    values = warp(image, about_middle.inverse, mode="edge", order=1)  # float in [0, 1]
    values = (values - 0.5) * (1 + given["contrast"]) + 0.5 + given["brightness"]
    rng = np.random.default_rng(int(given["noise_seed"]))
    values += rng.normal(0, given["noise"], values.shape)
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def render(
    image: np.ndarray,
    size: int,
    window: tuple[float, float, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> np.ndarray:
    """An image as its group stores it, size x size: cropped, resized, augmented.

    `window`: centre x, centre y and side of the crop, pixels of the image. `parameters`: those of
    `augment`. None leaves the step out.
    """
    if window is not None:
        image = crop_square(image, *window)
    image = resize(image, size)
    return image if parameters is None else augment(image, parameters)


# --- stores -----------------------------------------------------------------------------------

MARK = b"\npgdose checksums xxh3_128\n"  # between the array and 16 bytes for each image


def checksum(image: np.ndarray) -> bytes:
    """16 bytes, equal for equal pixels of an equal shape (XXH3, 128 bits)."""
    of = xxhash.xxh3_128(str(image.shape).encode())
    of.update(np.ascontiguousarray(image).data)
    return of.digest()


class NewStore:
    """A store that is being filled, image by image; from several threads, if need be.

    Plain writes at a place: through a memory map a full disk would be a bus error, and each page
    of a new file a fault, which together cost more than a tile's decoding allows.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...]) -> None:
        about = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, about)
        file.flush()
        self.shape = shape
        self._file = file.fileno()
        self._start = file.tell()
        self._bytes = math.prod(shape[1:])
        os.truncate(self._file, self._start + math.prod(shape))  # what is not written is black
        black = checksum(np.zeros(shape[1:], np.uint8))
        self._sums = [black] * shape[0]

    def put(self, row: int, image: np.ndarray) -> str:
        """Store an image, uint8 of the store's size; its checksum, 32 hex digits."""
        if image.shape != self.shape[1:] or image.dtype != np.uint8:
            raise ValueError(f"{image.shape} of {image.dtype} in a store of {self.shape[1:]}")
        image = np.ascontiguousarray(image)
        written = os.pwrite(self._file, image.data, self._start + row * self._bytes)
        if written != self._bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._sums[row] = checksum(image)
        return self._sums[row].hex()

    @property
    def tail(self) -> bytes:
        return MARK + b"".join(self._sums)


@contextmanager
def new_store(path: str | Path, n: int, size: int, channels: int) -> Iterator[NewStore]:
    """A store to fill with n images; appears whole when the block ends. n may be 0."""
    shape = (n, size, size) if channels == 1 else (n, size, size, channels)
    with atomic(path) as beside, beside.open("wb") as file:
        store = NewStore(file, shape)
        yield store
        file.seek(0, os.SEEK_END)
        file.write(store.tail)
        file.flush()


class Store:
    """The images of a finished store, each checked as it is read.

    Plain reads at a place: pages of a memory map would count as memory of the job, all of them once
    a training has seen every image.
    """

    def __init__(self, path: str | Path) -> None:
        """Damaged if the file is not whole."""
        self.path = Path(path)
        self._file = self.path.open("rb", buffering=0)
        try:
            version = np.lib.format.read_magic(self._file)
            self.shape, fortran, kind = np.lib.format.read_array_header_1_0(self._file)
            self._start, size = self._file.tell(), math.prod(self.shape)
            sums = len(MARK) + 16 * self.shape[0]
            whole = (version, fortran, kind) == ((1, 0), False, np.uint8)
            whole = whole and self.path.stat().st_size == self._start + size + sums
            if whole:
                self._file.seek(size, os.SEEK_CUR)
                tail = self._file.read()
                whole = tail.startswith(MARK)
        except (ValueError, EOFError, TypeError, IndexError, tokenize.TokenError, SyntaxError):
            whole = False  # numpy reads the header as Python
        if not whole:
            raise Damaged(path, "not a whole store (cut off, or without checksums)")
        self._sums = np.frombuffer(tail[len(MARK) :], np.uint8).reshape(-1, 16)

    def __len__(self) -> int:
        return self.shape[0]

    def _unchecked(self, row: int) -> tuple[np.ndarray, bool]:
        image = np.empty(self.shape[1:], np.uint8)
        os.preadv(self._file.fileno(), [image.data], self._start + row * image.nbytes)
        return image, checksum(image) == self._sums[row].tobytes()

    def read(self, row: int) -> np.ndarray:
        """One image, uint8; Damaged if it is not as it was written."""
        image, whole = self._unchecked(row)
        if not whole:
            raise Damaged(self.path, f"row {row} is not as it was written")
        return image

    def check(self) -> None:
        """Damaged if any image is not as it was written."""
        wrong = [row for row in range(len(self)) if not self._unchecked(row)[1]]
        if wrong:
            shown = ", ".join(map(str, wrong[:10])) + (", ..." if len(wrong) > 10 else "")
            raise Damaged(self.path, f"{len(wrong)} images, rows {shown}")


class Members:
    """The images of a group's members, read from their stores as they are asked for."""

    def __init__(
        self,
        table: pd.DataFrame,
        results: str | Path,
        size: int,
        channels: int,
    ) -> None:
        self.table = table.reset_index(drop=True)
        self.size = size
        self.channels = channels
        self._root = Path(results)
        self._stores: dict[str, Store] = {}
        codes, names = pd.factorize(self.table["store"])
        self._names, self._store = list(names), codes.astype(np.int32)
        self._row = self.table["row"].to_numpy(np.int64)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> np.ndarray:
        """The class index of each, int64."""
        return self.table["class_index"].to_numpy(np.int64, copy=True)  # torch wants to write

    def select(self, rows: Iterable[bool] | np.ndarray | slice) -> "Members":
        return Members(self.table[rows], self._root, self.size, self.channels)

    def read(self, rows: Iterable[int]) -> np.ndarray:
        """uint8, n x channels x size x size; Damaged if a store is not as it was written."""
        rows = list(rows)
        images = np.empty((len(rows), self.channels, self.size, self.size), np.uint8)
        for image, row in zip(images, rows, strict=True):
            name = self._names[self._store[row]]
            if name not in self._stores:
                self._stores[name] = Store(self._root / name)
            stored = resize(self._stores[name].read(int(self._row[row])), self.size)
            image[:] = stored if self.channels == 1 else stored.transpose(2, 0, 1)
        return images


def load_members(
    members: str | Path,
    missing: Iterable[str | Path],
    results: str | Path,
    size: int,
    channels: int,
) -> Members:
    """The members whose images are there; `missing` are the tables of failed rows, if any."""
    table = read_members(members, missing)
    return Members(table, results, size, channels)
