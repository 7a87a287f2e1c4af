"""Small whole slides for tests, as scanners write them: pyramids of JPEG tiles in a TIFF."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

SCN = "http://www.leica-microsystems.com/scn/2010/10/01"
CLICK = 1000  # nanometres to a micrometre: Leica counts its slides in them


def _levels(picture: np.ndarray, downsamples: tuple[int, ...]) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(picture).reduce(d)) for d in downsamples]


def _jpeg(tile: int) -> dict[str, Any]:
    return {
        "tile": (tile, tile),
        "compression": "jpeg",
        "compressionargs": {"level": 90},
        "photometric": "rgb",
        "metadata": None,
        "software": False,
    }


def write_slide(
    path: Path,
    picture: np.ndarray,
    downsamples: tuple[int, ...] = (1, 4),
    mpp: float | None = 0.5,
    power: float | None = 20,
    vendor: str = "aperio",
    tile: int = 240,
) -> Path:
    """A slide of RGB, uint8 (rows, columns, 3); `vendor` is `aperio` or `generic-tiff`.

    `mpp` (micrometres to a pixel) and `power` (of the objective) are left out where None; a
    generic TIFF has no place for `power`.
    """
    height, width = picture.shape[:2]
    scale = f"|AppMag = {power}" * (power is not None) + f"|MPP = {mpp}" * (mpp is not None)
    with tifffile.TiffWriter(path) as file:
        for level in _levels(picture, downsamples):
            options = _jpeg(tile)
            if vendor == "aperio":
                size = f"{width}x{height} [0,0 {width}x{height}] ({tile}x{tile})"
                if level.shape != picture.shape:
                    size += f" -> {level.shape[1]}x{level.shape[0]}"
                options["description"] = (
                    f"Aperio Image Library v11.2.1\n{size} JPEG/RGB Q=90" + scale
                )
            elif mpp is not None:
                options |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
            if vendor != "aperio" and level.shape != picture.shape:
                options["subfiletype"] = 1
            file.write(level, **options)
    return path


def write_scn(
    path: Path,
    picture: np.ndarray,
    left: int,
    top: int,
    size: tuple[int, int],
    downsamples: tuple[int, ...] = (1, 4),
    mpp: float = 0.5,
    power: int = 20,
) -> Path:
    """A Leica slide of `size` (width, height) of which only `picture` was scanned, at left, top.

    OpenSlide tells where as openslide.bounds-*. The rest is transparent.
    """
    clicks = round(mpp * CLICK)
    height, width = picture.shape[:2]
    levels = _levels(picture, downsamples)
    dimensions = "".join(
        f'<dimension ifd="{n}" r="{n}" sizeX="{level.shape[1]}" sizeY="{level.shape[0]}"/>'
        for n, level in enumerate(levels)
    )
    text = f"""<?xml version="1.0"?><scn xmlns="{SCN}">
<collection sizeX="{size[0] * clicks}" sizeY="{size[1] * clicks}"><image>
<pixels sizeX="{width}" sizeY="{height}">{dimensions}</pixels>
<view sizeX="{width * clicks}" sizeY="{height * clicks}" offsetX="{left * clicks}"
 offsetY="{top * clicks}"/>
<scanSettings><objectiveSettings><objective>{power}</objective></objectiveSettings>
<illuminationSettings><illuminationSource>brightfield</illuminationSource>
</illuminationSettings></scanSettings></image></collection></scn>"""
    resolution = {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for n, level in enumerate(levels):
            file.write(level, description=text if n == 0 else None, **resolution, **_jpeg(256))
    return path


def write_vms(path: Path, image: str = "a.jpg") -> Path:
    """The index file of a Hamamatsu slide, which names its pixels' file."""
    path.write_text(
        "[Virtual Microscope Specimen]\nNoLayers=1\nNoJpegColumns=1\nNoJpegRows=1\n"
        f"ImageFile={image}\nMapFile={image}\n"
    )
    return path
