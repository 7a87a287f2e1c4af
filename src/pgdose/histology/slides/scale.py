"""The scale of a slide: what its table and its file say of micrometres per pixel."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pgdose.errors import Rejected

COARSEST_SCAN = 20.0  # um; a resolution of 72 dpi, which programs write by habit, is 353
LEAST_SQUARE = 0.95  # the smaller of the pixel's sides over the larger; others are not square
LONGEST_TEXT = 2**24  # characters of a description
IN_UM = {"": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3}
IN_UM |= {"pm": 1e-6, "mm": 1e3, "cm": 1e4, "m": 1e6, "in": 25_400.0, "å": 1e-4}
PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^>]*)>")
ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
NUMBER = r"((?:[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?)"
MPP = re.compile(rf"(?<![\w-])MPP(?:[ _-]?[XY])?\s*[=:]\s*{NUMBER}", re.I)
POWER = re.compile(rf"(?<![\w-])AppMag\s*[=:]\s*{NUMBER}", re.I)


class Scale(NamedTuple):
    """Micrometres per pixel of level 0, None where nothing tells it.

    `source`: table, mpp (of the file, as OpenSlide reads it), ome (OME-XML), description (an
    `MPP = ` in the TIFF's description) or objective.
    """

    across: float | None = None
    down: float | None = None
    source: str | None = None

    @property
    def um_per_px(self) -> float | None:
        """The mean of both sides; None for pixels that are not square."""
        if self.across is None or self.down is None or not self.is_square:
            return None
        return (self.across + self.down) / 2

    @property
    def is_square(self) -> bool:
        sides = self.across or 1.0, self.down or 1.0
        return min(sides) >= LEAST_SQUARE * max(sides)


def read_scale(properties: Mapping[str, str], table_mpp: str) -> Scale:
    """The scale of a slide with these properties of OpenSlide; the table's value goes first.

    A value of the file that makes no sense counts as absent, as does a resolution that is
    a screen's. Rejects wrong_mpp, a value of the table that is no number of micrometres.
    """
    if table_mpp:
        if (um := _plausible(table_mpp)) is None:
            raise Rejected(
                "wrong_mpp",
                "the table's mpp is not a positive number of micrometres below "
                f"{COARSEST_SCAN:g}; correct it",
            )
        return Scale(um, um, "table")
    for source, across, down in _stated(properties):
        if across is not None and down is not None:
            return Scale(across, down, source)
    return Scale()


def _stated(properties: Mapping[str, str]) -> Iterator[tuple[str, float | None, float | None]]:
    """What the file says, the most trustworthy first: source, across, down."""
    across, down = (_plausible(properties.get(f"openslide.mpp-{axis}", "")) for axis in "xy")
    yield "mpp", across, down
    names = ("tiff.ImageDescription", "openslide.comment")
    text = next((properties[name] for name in names if name in properties), "")[:LONGEST_TEXT]
    yield "ome", *_ome(text, properties)
    um = _plausible(_only(MPP, text))
    yield "description", um, um
    # 20x is 0.5 on every scanner.
    power = _number(properties.get("openslide.objective-power", "") or _only(POWER, text))
    um = _plausible(str(10 / power)) if power else None
    yield "objective", um, um


def _only(pattern: re.Pattern[str], text: str) -> str:
    """The value that a description states; "" for none, or several that differ."""
    stated = {_number(match[1]): match[1] for match in pattern.finditer(text)}
    return next(iter(stated.values())) if len(stated) == 1 else ""


def _ome(text: str, properties: Mapping[str, str]) -> tuple[float | None, float | None]:
    """PhysicalSizeX and PhysicalSizeY of the OME-XML's image that has the size of level 0."""
    size = [properties.get(f"openslide.level[0].{side}") for side in ("width", "height")]
    for match in PIXELS.finditer(text):
        pairs = ATTRIBUTE.findall(match[1])
        stated = {name: html.unescape(double or single) for name, double, single in pairs}
        if [stated.get("SizeX"), stated.get("SizeY")] == size:
            across, down = (_in_um(stated, axis) for axis in "XY")
            return across, down if "PhysicalSizeY" in stated else across
    return None, None


def _in_um(stated: Mapping[str, str], axis: str) -> float | None:
    value = _number(stated.get(f"PhysicalSize{axis}", ""))
    unit = IN_UM.get(stated.get(f"PhysicalSize{axis}Unit", "").strip().casefold())
    return _plausible(str(value * unit)) if value and unit else None


def _plausible(text: str) -> float | None:
    value = _number(text)
    return value if value is not None and 1e-3 < value <= COARSEST_SCAN else None


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
