"""Pictures within a page: small enough for a screen, as data URIs."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pgdose.plots import style

SCREEN = 96  # CSS pixels an inch
SHARP = 2  # picture points for each of them
QUALITY = 75  # of WebP: at two points a pixel, thin lines and letters stay clean


@dataclass(frozen=True)
class Picture:
    """A data URI, and the CSS pixels at which its letters have their nominal size."""

    data: str
    width: int
    height: int


def picture(path: str | Path) -> Picture:
    """A figure of pgdose (PNG at `style.DPI`) for the page, at most `SHARP` points a CSS pixel.

    It is WebP and lossy, a tenth of the PNG's size; the file itself has all points for a printer.

    Raises:
        ValueError: it is no PNG.
    """
    path = Path(path)
    if path.suffix != ".png":
        raise ValueError(f"a figure of the report must be .png, not '{path.suffix}'")
    with Image.open(path) as opened:
        whole = opened.convert("RGB")
    width, height = (max(1, round(side / style.DPI * SCREEN)) for side in whole.size)
    if whole.width > SHARP * width:
        whole = whole.resize((SHARP * width, SHARP * height), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    whole.save(held, "WEBP", quality=QUALITY)
    data = base64.b64encode(held.getvalue()).decode()
    return Picture(f"data:image/webp;base64,{data}", width, height)
