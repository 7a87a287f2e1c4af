"""How often text is found that is burned into films, and how often where none is.

.venv/bin/python benchmarks/burned_in_text.py FOLDER [FOLDER ...] [--scale 4]
.venv/bin/python benchmarks/burned_in_text.py FOLDER --sheet sheet.png

Texts are drawn into the films of a folder (PNG, JPEG): names, dates and numbers, of several sizes,
greys and fonts, upright and turned, in a corner and over the chest. Every other film, and half of
the fonts, are for trying (`--part try`): the limits of `images.burned_in_text` were chosen on these
alone. `--sheet` draws what is found in the films as they are, for a person to count what is right.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from pgdose.images.burned_in_text import Region, text_regions
from pgdose.tables import keyed

SEED = 20
FONTS = {
    "try": ["DejaVuSans.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf"],
    "test": ["DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "DejaVuSansMono-Bold.ttf", "cmss10.ttf"],
}
TEXTS = (
    *("IVANOV PETR", "Kovalenko A.", "SMITH^JOHN", "O'Neill, Mary"),
    *(
        "12.05.1987",
        "2019-11-03 14:22",
        "ID 4839201",
        "Acc: 77120934",
        "PORTABLE",
        "City Hospital 3",
    ),
)
HEIGHTS = (6, 8, 10, 14, 20, 28, 40)  # pixels of a capital, on a film of 512
GREYS = ("white", "black", "brighter", "darker")  # the last two by FAINT
FAINT = 60
COUNTED = (0, 40, 80, 256)  # contrasts, grey levels


def films(folders: list[Path], part: str, scale: int) -> Iterator[tuple[str, np.ndarray]]:
    """(folder and name, pixels) of every other film, enlarged."""
    for folder in folders:
        files = sorted(f for f in folder.iterdir() if f.suffix in (".png", ".jpg", ".jpeg"))
        for file in files[part == "test" :: 2]:
            film = Image.open(file).convert("L")
            film = film.resize([side * scale for side in film.size], Image.Resampling.BICUBIC)
            yield f"{folder.name}/{file.stem}", np.asarray(film)


def font_of(name: str, height: int) -> ImageFont.FreeTypeFont:
    """The font whose capitals have a height in pixels."""
    path = Path(matplotlib.get_data_path(), "fonts/ttf", name)
    large = ImageFont.truetype(str(path), 200).getbbox("H")
    return ImageFont.truetype(str(path), max(4, round(200 * height / (large[3] - large[1]))))


def with_text(
    film: np.ndarray, rng: np.random.Generator, part: str, scale: int
) -> tuple[np.ndarray, Region, dict] | None:
    """A film with a text drawn into it, where it is, and what it is; None if it has no room."""
    about = {
        "height": int(rng.choice(HEIGHTS)),
        "grey": str(rng.choice(GREYS)),
        "place": str(rng.choice(["corner", "chest"])),
        "turned": int(rng.choice([0, 90, 180, 270])),
        "font": str(rng.choice(FONTS[part])),
        "scale": scale,
    }
    text = str(rng.choice(TEXTS))
    picture = Image.fromarray(film)
    font = font_of(about["font"], about["height"] * scale)
    left, top, right, bottom = font.getbbox(text)
    stencil = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(stencil).text((-left, -top), text, font=font, fill=255)
    stencil = stencil.rotate(about["turned"], expand=True)
    room = [side - own for side, own in zip(picture.size, stencil.size, strict=True)]
    if min(room) < 40 * scale:
        return None
    inner = 0.3 if about["place"] == "chest" else 0.0
    share = rng.uniform(inner, 1 - inner, 2)
    if about["place"] == "corner":
        share = 0.02 + 0.06 * share + rng.integers(0, 2, 2) * 0.88
    x, y = (int(side * part) for side, part in zip(room, share, strict=True))
    where = Region(x, y, x + stencil.width, y + stencil.height)
    below = float(np.asarray(picture)[y : where.bottom, x : where.right].mean())
    faint = {"brighter": min(255, below + FAINT), "darker": max(0, below - FAINT)}
    grey = {"white": 255.0, "black": 0.0, **faint}[about["grey"]]
    picture.paste(round(grey), (x, y), stencil)
    return np.asarray(picture), where, about | {"contrast": abs(grey - below)}


def is_found(regions: list[Region], where: Region) -> bool:
    """Whether a region lies on a text, at least by half: the film is counted for its sake."""
    for region in regions:
        across = min(region.right, where.right) - max(region.left, where.left)
        down = min(region.bottom, where.bottom) - max(region.top, where.top)
        area = (region.right - region.left) * (region.bottom - region.top)
        if min(across, down) > 0 and across * down >= area / 2:
            return True
    return False


def drawn(folders: list[Path], part: str, scale: int) -> pd.DataFrame:
    """One row a text: what it is, and whether it was found."""
    rows = []
    for name, film in films(folders, part, scale):
        result = with_text(film, keyed.generator(SEED, f"text {scale}", name), part, scale)
        if result is not None:
            picture, where, about = result
            rows.append(about | {"found": is_found(text_regions(picture), where)})
    table = pd.DataFrame(rows)
    table["contrast"] = pd.cut(table["contrast"], COUNTED, right=False).astype(str)
    return table


def show_drawn(table: pd.DataFrame) -> None:
    visible = table[table["contrast"] != f"[{COUNTED[0]}, {COUNTED[1]})"]
    for of, by in (
        (table, ["contrast"]),
        (visible, ["height"]),
        *((visible[visible["height"] >= 8], [c]) for c in ("grey", "place", "turned", "font")),
    ):
        counts = of.groupby(by)["found"].agg(["sum", "size", "mean"]).round(2)
        print(counts.rename(columns={"sum": "found", "size": "texts", "mean": "share"}), "\n")


def found_in(folders: list[Path], part: str, scale: int) -> tuple[dict[str, list[Region]], float]:
    """The regions of each film as it is, and the milliseconds of a film."""
    regions, seconds = {}, 0.0
    for name, film in films(folders, part, scale):
        began = time.process_time()
        regions[name] = text_regions(film)
        seconds += time.process_time() - began
    return regions, 1000 * seconds / len(regions)


def sheet(folders: list[Path], part: str, regions: dict[str, list[Region]]) -> Image.Image:
    """The films in which something was found, with frames round it."""
    pictures, cell = [], 400
    for name, film in films(folders, part, 1):
        if regions[name]:
            picture = Image.fromarray(film).convert("RGB")
            draw, width = ImageDraw.Draw(picture), max(1, max(film.shape) // 400)
            for left, top, right, bottom in regions[name]:
                draw.rectangle((left - 3, top - 3, right + 3, bottom + 3), None, (255, 0, 0), width)
            pictures.append(picture.resize((cell, cell)))
    page = Image.new("RGB", (8 * cell, max(1, -(-len(pictures) // 8)) * cell))
    for place, picture in enumerate(pictures):
        page.paste(picture, (place % 8 * cell, place // 8 * cell))
    return page


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--part", choices=["try", "test"], default="test")
    options.add_argument("--sheet", type=Path)
    options.add_argument("--scale", type=int, default=1, help="how often the films are enlarged")
    given = options.parse_args()
    regions, milliseconds = found_in(given.folders, given.part, 1 if given.sheet else given.scale)
    print(f"{sum(map(bool, regions.values()))} of {len(regions)} films as they are have regions; "
          f"{milliseconds:.1f} ms a film")  # fmt: skip
    if given.sheet:
        sheet(given.folders, given.part, regions).save(given.sheet)
        return
    show_drawn(drawn(given.folders, given.part, given.scale))


if __name__ == "__main__":
    main()
