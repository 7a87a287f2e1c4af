"""The files beside an ONNX model that hold its weights, by the model's own words.

torch's exporter writes `f.onnx.data` beside `f.onnx`. Rules take such files as inputs, so this
imports nothing heavy, and steps over everything in the model but the names. A model may be
hostile: a name is one of the same folder, with a suffix of weights, so that no table or key that
lies there is taken for weights.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

NAME = re.compile(r"[\w .()+-]{1,200}(\.data|_data|\.bin|\.weights)")
MOST_FIELDS = 1_000_000  # of a model; the largest have some 100,000
MOST_NAME = 1_000  # bytes
# Numbers of fields in the protobuf of ONNX.
GRAPH, INITIALIZER, EXTERNAL_DATA, KEY, VALUE = 7, 5, 13, 1, 2


def data_files(path: str | Path) -> list[Path]:
    """The files that a network's file refers to; none if it is no ONNX model, or is damaged."""
    path = Path(path)
    if path.suffix.lower() != ".onnx" or not path.is_file():  # a pipe would block
        return []
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            names = dict.fromkeys(_Walk(file).locations(size))
    except (OSError, ValueError):
        return []
    return [path.parent / name for name in names if NAME.fullmatch(name)]


class _Walk:
    """A walk through the fields of a protobuf, which reads none but the names."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.fields = file, 0

    def locations(self, end: int) -> Iterator[str]:
        for graph, graph_end in self._fields(end):
            if graph != GRAPH:
                continue
            for tensor, tensor_end in self._fields(graph_end):
                if tensor != INITIALIZER:
                    continue
                for entry, entry_end in self._fields(tensor_end):
                    if entry == EXTERNAL_DATA:
                        texts = {n: self._text(stop) for n, stop in self._fields(entry_end)}
                        if texts.get(KEY) == "location":
                            yield texts.get(VALUE, "")

    def _text(self, end: int) -> str:
        length = end - self.file.tell()
        return self.file.read(length).decode() if length <= MOST_NAME else ""

    def _fields(self, end: int) -> Iterator[tuple[int, int]]:
        """The number and the end of each field that has a length; the file stands at its start."""
        while self.file.tell() < end:
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise ValueError("more fields than a model has")
            key = self._varint()
            if key & 7 == 2:
                length = self._varint()
                stop = self.file.tell() + length
                if stop > end:
                    raise ValueError("a field that is longer than the file")
                yield key >> 3, stop
            elif key & 7 in (1, 5):
                stop = self.file.tell() + (8 if key & 7 == 1 else 4)
            elif key & 7 == 0:
                self._varint()
                stop = self.file.tell()
            else:
                raise ValueError("a field of no kind")
            self.file.seek(stop)

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.file.read(1)
            if not byte:
                raise ValueError("the file ends in a number")
            value |= (byte[0] & 127) << shift
            if byte[0] < 128:
                return value
        raise ValueError("a number without an end")
