"""Sizes of images: one number is the side of a square, two are [height, width], in pixels."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from pgdose.study.base import Count, Integer


def sides(size: int | Sequence[int]) -> tuple[int, int]:
    """Rows and columns of a size as the study or a rule's params give it."""
    if isinstance(size, int):
        return size, size
    rows, columns = size
    return rows, columns


def shown(size: int | Sequence[int]) -> str:
    """A size as the study writes it: 256, or [512, 256]."""
    rows, columns = sides(size)
    return str(rows) if rows == columns else f"[{rows}, {columns}]"


def _one_number(size: int | list[int]) -> int | list[int]:
    """[96, 96] is 96: results do not depend on how a square is written."""
    return size[0] if isinstance(size, list) and size[0] == size[1] else size


Side = Annotated[Integer, Field(ge=16, le=2048)]
LongSide = Annotated[Integer, Field(ge=16, le=4096)]
TWO = Field(min_length=2, max_length=2)
ImageSize = Annotated[Side | Annotated[list[Side], TWO], AfterValidator(_one_number)]
DeclaredSize = Annotated[Count | Annotated[list[Count], TWO], AfterValidator(_one_number)]
# Not the same: 256 is the shorter side, [256, 256] are both.
ResizeTo = LongSide | Annotated[list[LongSide], TWO]
