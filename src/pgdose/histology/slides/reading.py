"""Reading regions of a slide as RGB, again after an error, and in the colours of the study."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from PIL import Image, ImageCms

from pgdose.errors import Rejected
from pgdose.histology.slides.opening import open_slide

SMALLEST_BLOCK = 128  # pixels; a block that cannot be read is cut into quarters down to this side


class SlideReader:
    """An open slide that stays readable after an error, which ends an OpenSlide handle for good.

    `colour`: as_stored, or srgb, which converts the pixels from the slide's ICC profile where it
    has one. `has_profile`: whether it has. Rejects what `open_slide` does, and with srgb
    damaged_profile.
    """

    def __init__(self, path: Path, colour: str = "as_stored") -> None:
        self.path = path
        self.slide = open_slide(path)
        self.downsamples = self.slide.level_downsamples
        self.has_profile = "openslide.icc-size" in self.slide.properties
        self._to_srgb = _srgb_transform(self.slide) if colour == "srgb" else None

    def region(self, corner: tuple[int, int], level: int, size: tuple[int, int]) -> np.ndarray:
        """RGB, uint8 height x width x 3; `corner` is of level 0, `size` of the level.

        Raises OpenSlideError for a place that cannot be read.
        """
        try:
            region = self.slide.read_region(corner, level, size)
        except openslide.OpenSlideError:
            fresh = open_slide(self.path)
            self.slide = fresh
            region = fresh.read_region(corner, level, size)
        return rgb(region, self._to_srgb)

    def readable_region(
        self, corner: tuple[int, int], level: int, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The region, white where it cannot be read, and where that is (None: nowhere).

        A part that cannot be read is read again in quarters, down to SMALLEST_BLOCK.
        """
        try:
            return self.region(corner, level, size), None
        except (openslide.OpenSlideError, Rejected):
            pass
        width, height = size
        pixels = np.full((height, width, 3), 255, np.uint8)
        damaged = np.ones((height, width), bool)
        scale = self.downsamples[level]
        half = max((max(size) + 1) // 2, SMALLEST_BLOCK)
        if max(size) > SMALLEST_BLOCK:
            for y in range(0, height, half):
                for x in range(0, width, half):
                    inside = (slice(y, y + half), slice(x, x + half))
                    at = (corner[0] + round(x * scale), corner[1] + round(y * scale))
                    part = (min(half, width - x), min(half, height - y))
                    pixels[inside], there = self.readable_region(at, level, part)
                    damaged[inside] = False if there is None else there
        return pixels, damaged


@contextmanager
def open_reader(path: Path, colour: str = "as_stored") -> Iterator[SlideReader]:
    """A reader whose slide is closed in the end."""
    reader = SlideReader(path, colour)
    try:
        yield reader
    finally:
        reader.slide.close()


def _srgb_transform(slide: openslide.OpenSlide) -> Any:
    """From the slide's ICC profile to sRGB; None for a slide without one."""
    try:
        profile = slide.color_profile
        if profile is None:
            return None
        return ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            "RGB",
            "RGB",
            ImageCms.Intent(ImageCms.getDefaultIntent(profile)),
        )
    except Exception as error:
        raise Rejected(
            "damaged_profile",
            f"its colour profile cannot be used ({type(error).__name__}); use 'colour: as_stored', "
            "or export the slide again",
        ) from None


def rgb(region: Image.Image, to_srgb: Any = None) -> np.ndarray:
    """RGBA as uint8 rows x columns x 3; transparent pixels were not scanned: they become white."""
    width, height = region.size
    is_opaque = region.tobytes("raw", "A") == b"\xff" * (width * height)
    if to_srgb is not None:
        colours = region.convert("RGB")
        ImageCms.applyTransform(colours, to_srgb, inPlace=True)
        colours.putalpha(region.getchannel("A"))
        region = colours
    if not is_opaque:
        white = Image.new("RGBA", region.size, (255, 255, 255, 255))
        region = Image.alpha_composite(white, region)
    # One copy; Pillow's conversion and numpy's make two.
    return np.frombuffer(region.tobytes("raw", "RGB"), np.uint8).reshape(height, width, 3)
