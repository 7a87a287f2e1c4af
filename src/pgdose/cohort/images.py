"""The images of a group's members, read from their stores."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.images.fitting import fit_image
from pgdose.images.stores import Store
from pgdose.study.image_size import sides
from pgdose.tables.parquet import read_table

KEPT = 256 * 10**6  # bytes of resized images that may stay in memory


class Members:
    """The images of a group's members, read from their stores on demand.

    Images that had to be fitted to `size` (the side of a square, or rows and columns) stay in
    memory if all of them take little: a training reads each one in every epoch. `fitting`: `fit`
    and `resize_to` of `fit_image`, where stores hold tiles.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        results: str | Path,
        size: int | Sequence[int],
        channels: int,
        **fitting: Any,
    ) -> None:
        self.table = table.reset_index(drop=True)
        self.size = sides(size)
        self._fitting = fitting
        self.channels = channels
        self._root = Path(results)
        self._stores: dict[str, Store] = {}
        codes, names = pd.factorize(self.table["store"])
        self._names, self._store = list(names), codes.astype(np.int32)
        self._row = self.table["row"].to_numpy(np.int64)
        self._keep = len(self.table) * channels * self.size[0] * self.size[1] <= KEPT
        self._resized: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which opens the stores itself."""
        return self.__dict__ | {"_stores": {}, "_resized": {}}

    def __len__(self) -> int:
        return len(self.table)

    @property
    def labels(self) -> np.ndarray:
        """The class index of each, int64."""
        return self.table["class_index"].to_numpy(np.int64, copy=True)  # torch wants to write

    def select(self, rows: Iterable[bool] | np.ndarray | slice) -> "Members":
        return Members(self.table[rows], self._root, self.size, self.channels, **self._fitting)

    def read(self, rows: Iterable[int]) -> np.ndarray:
        """uint8, n x channels x rows x columns; Damaged if a store is not as it was written."""
        rows = list(rows)
        images = np.empty((len(rows), self.channels, *self.size), np.uint8)
        for image, row in zip(images, rows, strict=True):
            pixels = self._resized[row] if row in self._resized else self._read(row)
            image[:] = pixels if self.channels == 1 else pixels.transpose(2, 0, 1)
        return images

    def _read(self, row: int) -> np.ndarray:
        """uint8, rows x columns or rows x columns x channels."""
        name = self._names[self._store[row]]
        if name not in self._stores:
            self._stores[name] = Store(self._root / name)
        stored = self._stores[name].read(int(self._row[row]))
        pixels = fit_image(stored, self.size, **self._fitting)
        if self._keep and stored.shape != pixels.shape:
            self._resized[row] = pixels
        return pixels


def load_members(
    members: str | Path,
    results: str | Path,
    size: int | Sequence[int],
    channels: int,
    **fitting: Any,
) -> Members:
    """The images of the members in `members.parquet`; stores lie below `results`."""
    return Members(read_table(members), results, size, channels, **fitting)
