"""All corruptions at all severities, on a film and a field of the synthetic hospital, as one PNG.

.venv/bin/python benchmarks/corruption_sheet.py docs/images/corruptions.png
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from pgdose.attack.corruptions.registry import CORRUPTIONS, corrupt
from pgdose.images.fitting import fit_image
from pgdose.study.controls import SEVERITIES, corruptions_for
from pgdose_phantom.chest import draw_chest
from pgdose_phantom.field_textures import draw_field, draw_staining

SIDE, GAP, NAMES, HEADING = 112, 3, 104, 20  # pixels
COLORS = 48  # of each kind of images: the file stays under 400 kB


def film(seed: int) -> np.ndarray:
    """A chest film, SIDE x SIDE, uint8."""
    rng = np.random.default_rng(seed)
    grey, _ = draw_chest(rng, (700, 700), age=50, sex="F", findings=frozenset())
    return fit_image((grey * 255).round().astype(np.uint8), SIDE)


def field(seed: int) -> np.ndarray:
    """A field of ovarian tissue at network size, SIDE x SIDE x 3, uint8."""
    rng = np.random.default_rng(seed)
    return fit_image(draw_field(rng, "ovary_norm", draw_staining(rng), 448, 448), SIDE)


def sheet(pictures: dict[str, np.ndarray], key: int) -> Image.Image:
    """A block for each kind of images, a row for each corruption, a column for each severity."""
    rows = [(kind, name) for kind in pictures for name in CORRUPTIONS if name in made_for(kind)]
    columns = 1 + len(SEVERITIES)
    size = NAMES + columns * (SIDE + GAP), HEADING + len(rows) * (SIDE + GAP)
    image = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for column, text in enumerate(("original", *map(str, SEVERITIES))):
        draw.text((NAMES + column * (SIDE + GAP) + 2, 2), text, "black", font)
    for row, (kind, name) in enumerate(rows):
        top = HEADING + row * (SIDE + GAP)
        draw.text((2, top + SIDE // 2 - 8), name.replace("_", " "), "black", font)
        clean = as_tensor(pictures[kind])
        versions = [corrupt(clean, name, s, torch.tensor([key])) for s in SEVERITIES]
        for column, version in enumerate((clean, *versions)):
            image.paste(as_picture(version), (NAMES + column * (SIDE + GAP), top))
    films = HEADING + sum(kind == "xray" for kind, _ in rows) * (SIDE + GAP)
    for block in ((0, 0, size[0], films), (0, films, *size)):  # each with its own colours
        few = image.crop(block).quantize(COLORS, dither=Image.Dither.NONE)
        image.paste(few.convert("RGB"), block)
    return image.quantize(2 * COLORS, dither=Image.Dither.NONE)


def made_for(kind: str) -> list[str]:
    """Each corruption once: those of both kinds stand among the fields."""
    others = corruptions_for("histology")
    return [n for n in corruptions_for("xray") if n not in others] if kind == "xray" else others


def as_tensor(pixels: np.ndarray) -> Tensor:
    """1 x channels x rows x columns, in [0, 1]."""
    channels = torch.from_numpy(np.atleast_3d(pixels).copy()).permute(2, 0, 1)
    return channels[None].float() / 255


def as_picture(image: Tensor) -> Image.Image:
    pixels = (image[0] * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    pictures = {"xray": film(arguments.seed), "histology": field(arguments.seed)}
    result = sheet(pictures, arguments.seed)
    result.save(arguments.file, optimize=True)
    print(f"{arguments.file}: {arguments.file.stat().st_size / 1000:.0f} kB")
