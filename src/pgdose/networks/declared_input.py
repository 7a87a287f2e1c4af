"""The images that a network's file says it takes, compared with those that the study gives it.

Many networks take images of any size without a word, and are wrong on those that they were not
made for.
"""

from collections.abc import Sequence

from pgdose.errors import UserError
from pgdose.networks.classifier import Preprocessing
from pgdose.study.image_size import shown, sides

CHANNELS = (1, 3)
UNKNOWN_SIZE = (
    "the file does not say for images of which size the network was made; the study gives it "
    "{rows} x {columns} pixels: give 'input: {{size: ...}}' to have them compared"
)


def check(
    shape: Sequence[int | None], expected: Preprocessing, size: int | Sequence[int], name: str
) -> list[str]:
    """Notes of what the file leaves open; UserError if the study's images are of another kind.

    Args:
        shape: of the input, None where any length will do; empty if the file does not say.
        expected: what the study declares.
        size: of the group's images: the side of a square, or rows and columns.
        name: of the file.
    """
    if shape and len(shape) != 4:
        raise UserError(
            f"{name}: takes an input of {len(shape)} dimensions; give a network that takes "
            "images, n x channels x rows x columns"
        )
    last = expected.layout == "channels_last"
    _, *others = shape or [None] * 4
    channels, rows, columns = (others[2], *others[:2]) if last else others
    _check_channels(others, channels, expected, name)
    _check_size((rows, columns), sides(size), name)
    unknown = rows is None and columns is None and expected.size is None
    rows, columns = sides(size)
    return [UNKNOWN_SIZE.format(rows=rows, columns=columns)] if unknown else []


def _check_size(declared: tuple[int | None, int | None], size: tuple[int, int], name: str) -> None:
    """UserError if rows or columns are declared and differ from those of the group's images."""
    known = [length for length in declared if length is not None]
    # Of one that is left open a square's other side is the same.
    is_square = size[0] == size[1] and len(known) == 1
    rows, columns = (
        (
            known[0] if is_square else own if length is None else length
            for length, own in zip(declared, size, strict=True)
        )
        if known
        else size
    )
    if (rows, columns) == size:
        return
    order = "" if rows == columns and size[0] == size[1] else " (height x width)"
    raise UserError(
        f"{name}: the network takes {rows} x {columns} images{order}, but the group's have size "
        f"{shown(size)}; set image.size: {shown((rows, columns))}, or export it for {size[0]} x "
        f"{size[1]} images if it was trained on them"
    )


def _check_channels(
    others: Sequence[int | None], channels: int | None, expected: Preprocessing, name: str
) -> None:
    if channels is None or channels == expected.channels:
        return
    first, final = others[0], others[2]
    other = final if expected.layout == "channels_first" else first
    if other in CHANNELS and channels not in CHANNELS:
        layout = "channels_last" if expected.layout == "channels_first" else "channels_first"
        raise UserError(
            f"{name}: the network takes images of {' x '.join(_shown(n) for n in others)}, but "
            f"'input.layout' is {expected.layout}; set input.layout: {layout}"
        )
    if channels in CHANNELS:
        raise UserError(
            f"{name}: the network takes images of {channels} channel{'s' * (channels > 1)}, but "
            f"'input.channels' is {expected.channels}; set input.channels: {channels}"
        )
    raise UserError(
        f"{name}: the network takes images of {channels} channels; give one that takes 1 or 3"
    )


def _shown(length: int | None) -> str:
    return "any" if length is None else str(length)
