"""Images within the page: small enough for a screen, as data URIs."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pgdose.plots import style

SCREEN = 96  # CSS pixels an inch
SHARP = 2  # image points for each of them
QUALITY = 75  # of WebP: at two points a pixel, thin lines and letters stay clean


@dataclass(frozen=True)
class PageImage:
    """A data URI, and the CSS pixels at which its letters have their nominal size."""

    data: str
    width: int
    height: int


def embed(path: str | Path) -> PageImage:
    """A figure of pgdose (PNG at `style.DPI`) for the page, at most `SHARP` points a CSS pixel.

    It becomes a lossy WebP of a tenth of the size; the PNG itself keeps all points for a printer.

    Raises:
        ValueError: the file is no PNG.
    """
    path = Path(path)
    if path.suffix != ".png":
        raise ValueError(f"a figure of the report must be .png, not '{path.suffix}'; draw a .png")
    with Image.open(path) as file:
        image = file.convert("RGB")
    width, height = (max(1, round(side / style.DPI * SCREEN)) for side in image.size)
    if image.width > SHARP * width:
        image = image.resize((SHARP * width, SHARP * height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode()
    return PageImage(f"data:image/webp;base64,{data}", width, height)
