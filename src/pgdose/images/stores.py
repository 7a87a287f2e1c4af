"""Image stores: uint8 `.npy` files of images at network size, read one by one.

A store is one array, images x rows x columns (grey) or images x rows x columns x 3. The table of
members says which row of which store holds a member's image. Images are cropped and augmented
before they are stored, so a store holds exactly the network's input. After the array, where
`np.load` does not look, a store has a checksum of each image.
"""

import errno
import math
import os
import tokenize
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import xxhash

from pgdose.errors import Damaged
from pgdose.study.image_size import sides
from pgdose.tables.output_files import atomic

MOST_BYTES = 2**30  # of an image: Linux reads no 2 GB at once
MARK = b"\npgdose checksums xxh3_128\n"  # between the array and 16 bytes for each image


def checksum(image: np.ndarray) -> bytes:
    """16 bytes, equal for equal pixels of an equal shape (XXH3, 128 bits)."""
    digest = xxhash.xxh3_128(str(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


class NewStore:
    """A store that is being filled, image by image, from one or several threads.

    It uses plain writes: through a memory map a full disk would be a bus error, and the page
    faults of a new file would cost as much as decoding a tile.
    """

    def __init__(self, file: BinaryIO, shape: tuple[int, ...]) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        self.shape = shape
        self._file = file.fileno()
        self._start = file.tell()
        self._bytes = math.prod(shape[1:])
        os.truncate(self._file, self._start + math.prod(shape))  # rows that nobody writes are black
        black = checksum(np.zeros(shape[1:], np.uint8))
        self._sums = [black] * shape[0]

    def put(self, row: int, image: np.ndarray) -> str:
        """Store an image (uint8, of the store's size); returns its checksum, 32 hex digits."""
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
def new_store(
    path: str | Path, n: int, size: int | Sequence[int], channels: int
) -> Iterator[NewStore]:
    """A store to fill with n images (0 or more); the file appears whole when the block ends.

    size: the side of a square, or rows and columns
    """
    shape = (n, *sides(size)) if channels == 1 else (n, *sides(size), channels)
    with atomic(path) as unfinished, unfinished.open("wb") as file:
        store = NewStore(file, shape)
        yield store
        file.seek(0, os.SEEK_END)
        file.write(store.tail)
        file.flush()


class Store:
    """The images of a finished store, each checked as it is read.

    It uses plain reads: the pages of a memory map would count as memory of the job, and a training
    reads them all.
    """

    def __init__(self, path: str | Path) -> None:
        """Raises Damaged if the file is not whole."""
        self.path = Path(path)
        self._file = self.path.open("rb", buffering=0)
        try:
            version = np.lib.format.read_magic(self._file)
            self.shape, fortran, kind = np.lib.format.read_array_header_1_0(self._file)
            self._start, size = self._file.tell(), math.prod(self.shape)
            self._sums_start = self._start + size + len(MARK)
            whole = (version, fortran, kind) == ((1, 0), False, np.uint8)
            whole = whole and _is_shape_of_images(self.shape)
            whole = whole and self.path.stat().st_size == self._sums_start + 16 * self.shape[0]
            whole = whole and os.pread(self._file.fileno(), len(MARK), self._start + size) == MARK
        except (ValueError, EOFError, TypeError, IndexError, tokenize.TokenError, SyntaxError):
            whole = False  # numpy reads the header as Python
        except (RecursionError, MemoryError):  # brackets in brackets
            whole = False
        if not whole:
            raise Damaged(path, "it is cut off or has no checksums")

    def __len__(self) -> int:
        return self.shape[0]

    def _unchecked(self, row: int) -> tuple[np.ndarray, bool]:
        image = np.empty(self.shape[1:], np.uint8)
        os.preadv(self._file.fileno(), [image.data], self._start + row * image.nbytes)
        expected = os.pread(self._file.fileno(), 16, self._sums_start + 16 * row)
        return image, checksum(image) == expected

    def read(self, row: int) -> np.ndarray:
        """One image, uint8; raises Damaged if it is not as it was written."""
        image, whole = self._unchecked(row)
        if not whole:
            raise Damaged(self.path, f"row {row} does not match its checksum")
        return image

    def check(self) -> None:
        """Raise Damaged if any image is not as it was written."""
        number, first = 0, []
        for row in range(len(self)):
            if not self._unchecked(row)[1]:
                number += 1
                first += [str(row)] if number <= 10 else []
        if number:
            rows = ", ".join(first) + (", ..." if number > 10 else "")
            raise Damaged(self.path, f"{number} images, rows {rows}")


def _is_shape_of_images(shape: tuple[int, ...]) -> bool:
    """A header may say anything; images of no pixels would fill the memory with their checksums."""
    n, rows, columns, *channels = shape
    return (
        n >= 0
        and rows > 0
        and columns > 0
        and math.prod(shape[1:]) <= MOST_BYTES
        and channels in ([], [3])
    )
