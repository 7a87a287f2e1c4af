"""Which images a person checks on the sheets, and how they are cut to size.

Samples are keyed draws: another image in a table moves no other image into or out of a sample.
"""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from PIL import Image

from pgdose.errors import Rejected
from pgdose.images import rendering
from pgdose.tables import keyed

PER_CLASS = 20  # images of a class on a contact sheet or a sheet of tiles
PER_REASON = 10  # images of a reason on a sheet of rejects
FILM = 256  # pixels of the longer side of a whole film
REJECT = 192  # pixels of both sides of a rejected image
PRIVATE = "burned_in_text"  # the reason whose images are for their owner alone, see `framed_text`
BLANK = 230  # the grey value that stands for an image that cannot be read

#: Reads the pixels of a record, uint8 rows x columns (x 3); raises Rejected where it cannot.
Read = Callable[[str], np.ndarray]


def sample_members(
    members: pd.DataFrame, seed: int, aorta_confidence: pd.Series | None = None
) -> pd.DataFrame:
    """The members on a group's contact sheet: of each class some at random, without copies.

    Of a group whose images are cut out of whole films the sheet shows as many again, those whose
    window is least certain; these come first.

    Args:
        members: `record_id class class_index copy` and what else the sheet needs.
        seed: of the study.
        aorta_confidence: by record_id, for a group that is cut out; NaN for a window set by hand.

    Returns:
        The rows, with `caption`: how certain the window is.
    """
    originals = members[members["copy"] == 0]
    order = keyed.draw(seed, "contact sheet", originals["record_id"])
    sample = originals.assign(draw=order, sureness=1.0, caption="")
    each = PER_CLASS
    if aorta_confidence is not None:
        each = 2 * PER_CLASS
        sure = sample["record_id"].map(aorta_confidence)
        least = sure.groupby(sample["class_index"]).rank(method="first") <= PER_CLASS
        sample["sureness"] = sure.where(least, 1.0)
        sample["caption"] = sure.map("sure {:.2f}".format).where(sure.notna(), "by hand")
    sample = sample.sort_values(["class_index", "sureness", "draw"])
    return sample.groupby("class_index").head(each)


def films_with_windows(
    sample: pd.DataFrame, read: Read
) -> tuple[list[np.ndarray], list[tuple[float, float, float]]]:
    """The whole films of a sample in small, and the window of each in the small film's pixels.

    A film that can no longer be read is blank.

    Args:
        sample: `record_id crop_x crop_y crop_side`.
        read: the whole film of a record.
    """
    films, windows = [], []
    for member in sample.to_dict("records"):
        try:
            film = Image.fromarray(read(member["record_id"]))
        except Rejected:
            film = Image.new("L", (FILM, FILM), BLANK)
        scale = min(1, FILM / max(film.size))
        film.thumbnail((FILM, FILM))
        films.append(np.asarray(film))
        x, y, side = (member[name] * scale for name in ("crop_x", "crop_y", "crop_side"))
        windows.append((x, y, side))
    return films, windows


def sample_rejects(rejects: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rejects on a source's sheet: of each reason of the screening but PRIVATE some at random.

    Args:
        rejects: `record_id stage reason`.
        seed: of the study.
    """
    screened = rejects[(rejects["stage"] == "screen") & (rejects["reason"] != PRIVATE)]
    order = keyed.draw(seed, "rejects sheet", screened["record_id"])
    sample = screened.assign(draw=order).sort_values(["reason", "draw"])
    return sample.groupby("reason").head(PER_REASON)


def rejected_images(record_ids: Iterable[str], read: Read) -> list[np.ndarray]:
    """The images of rejected records, REJECT pixels a side; one that cannot be read is blank."""
    images = []
    for record_id in record_ids:
        try:
            images.append(rendering.resize(read(record_id), REJECT))
        except Rejected:
            images.append(np.full((REJECT, REJECT), BLANK, np.uint8))
    return images


def sample_tiles(tiles: pd.DataFrame, screened: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The tiles on a source's sheet: of each class some usable ones at random.

    Args:
        tiles: `record_id class` and what else the sheet needs.
        screened: `record_id usable`.
        seed: of the study.
    """
    usable = screened.loc[screened["usable"].astype(bool), "record_id"]
    tiles = tiles[tiles["record_id"].isin(usable)]
    order = keyed.draw(seed, "tiles sheet", tiles["record_id"])
    return tiles.assign(draw=order).sort_values(["class", "draw"]).groupby("class").head(PER_CLASS)


def captions(sample: pd.DataFrame, *columns: str) -> list[str]:
    """The caption of each row: the columns' texts, and the record's opaque id below them."""
    lines = sample[list(columns)].agg(" ".join, axis=1) if len(sample) else sample["record_id"]
    return (lines.str.strip() + "\n" + sample["record_id"]).tolist()
