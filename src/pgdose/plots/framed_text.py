"""The sheet on which a person checks burned-in text: which images, and the frames on them."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from pgdose.errors import Rejected
from pgdose.images.burned_in_text import text_regions
from pgdose.plots.sheet_samples import BLANK, Read
from pgdose.tables import keyed

MOST = 100  # images on a sheet
LONGER_SIDE = 500  # pixels of an image on it
FRAME = (255, 60, 60)  # colour round a row of letters
AROUND = 4  # pixels between the letters and their frame


def sample(screened: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The images with burned-in text on a source's sheet, all or some at random, with `caption`.

    Args:
        screened: `record_id text_regions says_burned_in`.
        seed: of the study.
    """
    rows = screened["text_regions"].fillna(0).astype(int)
    says = screened["says_burned_in"].eq(True)
    caption = [
        f"rows of letters: {n}" + ", header: YES" * yes for n, yes in zip(rows, says, strict=True)
    ]
    with_text = screened.assign(caption=caption)[(rows > 0) | says]
    order = keyed.draw(seed, "text sheet", with_text["record_id"])
    return with_text.assign(draw=order).sort_values("draw").head(MOST)


def framed(record_ids: Iterable[str], read: Read) -> list[np.ndarray]:
    """The images of records in small, RGB, with a frame round each row of letters.

    One that cannot be read is blank.
    """
    pictures = []
    for record_id in record_ids:
        try:
            pixels = read(record_id)
        except Rejected:
            pixels = np.full((LONGER_SIDE, LONGER_SIDE), BLANK, np.uint8)
        picture = Image.fromarray(pixels).convert("RGB")
        scale = min(1, LONGER_SIDE / max(picture.size))
        picture.thumbnail((LONGER_SIDE, LONGER_SIDE))
        for region in text_regions(pixels):
            left, top, right, bottom = (round(place * scale) for place in region)
            frame = (left - AROUND, top - AROUND, right + AROUND, bottom + AROUND)
            ImageDraw.Draw(picture).rectangle(frame, outline=FRAME)
        pictures.append(np.asarray(picture))
    return pictures
