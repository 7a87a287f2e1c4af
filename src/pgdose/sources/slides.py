"""Whole slides: candidate tiles from a tissue mask and outlines, an even choice, then reading."""

from pathlib import Path

import numpy as np
import openslide
import pandas as pd
import shapely
from skimage.color import rgb2hsv
from skimage.filters import threshold_otsu

from pgdose.errors import Rejected, UserError
from pgdose.records import draw, opaque
from pgdose.sources.files import inside
from pgdose.sources.outlines import read_geojson
from pgdose.sources.table import Indexed, first_of_each

MASK_CELL = 8  # cells of the tissue mask along a tile
CLASSES = ("tumour", "norm")


def open_slide(path: Path) -> openslide.OpenSlide:
    try:
        return openslide.OpenSlide(path)
    except Exception as error:
        raise Rejected("unreadable_slide", type(error).__name__) from None


def tissue_shares(slide: openslide.OpenSlide, tile: int) -> np.ndarray:
    """The share of tissue in each tile of the grid, rows x columns in [0, 1].

    Tissue is what is more saturated than Otsu's threshold on a small picture of the slide.
    """
    columns, rows = (side // tile for side in slide.dimensions)
    if not rows or not columns:
        raise Rejected("too_small", f"{slide.dimensions}, a tile has {tile}")
    try:
        width, height = (-(-side * MASK_CELL // tile) for side in slide.dimensions)
        small = slide.get_thumbnail((width, height)).convert("RGB")
    except Exception as error:
        raise Rejected("unreadable_slide", type(error).__name__) from None
    # The thumbnail keeps the slide's proportions, not to the pixel the size asked for.
    covered = (
        columns * tile * small.width // slide.dimensions[0],
        rows * tile * small.height // slide.dimensions[1],
    )
    small = small.crop((0, 0, *covered)).resize((columns * MASK_CELL, rows * MASK_CELL))
    saturation = rgb2hsv(np.asarray(small))[..., 1]
    if np.ptp(saturation) == 0:
        return np.zeros((rows, columns))
    tissue = saturation > threshold_otsu(saturation)
    return tissue.reshape(rows, MASK_CELL, columns, MASK_CELL).mean(axis=(1, 3))


def candidates(
    path: Path,
    outlines: Path,
    *,
    tile: int,
    tumour: list[str],
    tissue_share: float,
    class_share: float,
) -> pd.DataFrame:
    """Tiles of one slide that a class may take: x, y (pixels of level 0), class, um_per_px."""
    slide = open_slide(path)
    with slide:
        shares = tissue_shares(slide, tile)
        properties = dict(slide.properties)
    left, top = (float(properties.get(f"openslide.bounds-{axis}", 0)) for axis in "xy")
    region, unnamed = read_geojson(outlines, tumour, (left, top))
    rows, columns = np.nonzero(shares >= tissue_share)
    x, y = columns * tile, rows * tile
    boxes = shapely.box(x, y, x + tile, y + tile)
    shapely.prepare(region)
    inside_share = shapely.area(shapely.intersection(boxes, region)) / tile**2
    named = np.where(inside_share >= class_share, "tumour", "")
    # What an outline of another class covers is nobody's: it may be healthy or not.
    covered = shapely.area(shapely.intersection(boxes, unnamed)) / tile**2
    norm = (inside_share <= 1 - class_share) & (covered <= 1 - class_share)
    named = np.where(norm, "norm", named)
    mpp = properties.get(openslide.PROPERTY_NAME_MPP_X)
    found = pd.DataFrame({"x": x, "y": y, "class": named, "um_per_px": float(mpp) if mpp else None})
    return found[found["class"] != ""]


def choose(found: pd.DataFrame, per_class: int, seed: int) -> pd.DataFrame:
    """`per_class` tiles of each class, as even over the slides as they allow.

    Each slide's tiles are put in a keyed order; first all firsts are taken, then all seconds.
    `found` has the columns record_id, parent, class.
    """
    found = found.assign(draw=draw(seed, "choose tiles", found["record_id"]))
    found = found.sort_values(["draw", "record_id"])
    found["turn"] = found.groupby(["parent", "class"]).cumcount()
    chosen = []
    for name in CLASSES:
        of_class = found[found["class"] == name]
        if len(of_class) < per_class:
            there = found.groupby(["parent", "class"]).size().unstack(fill_value=0)
            raise UserError(
                f"tiles_per_class is {per_class}, but the slides hold {len(of_class)} tiles of "
                f"{name}. What there is, by slide:\n{there.to_string()}"
            )
        chosen.append(of_class.sort_values(["turn", "draw", "record_id"]).head(per_class))
    return pd.concat(chosen).drop(columns=["draw", "turn"])


def index(
    table: pd.DataFrame,
    root: Path,
    *,
    key: bytes,
    source: str,
    seed: int,
    tile: int,
    tiles_per_class: int,
    tumour: list[str],
    tissue_share: float,
    class_share: float,
    patients: str = "",
) -> Indexed:
    """Records of the chosen tiles. `table` has the columns slide, patient and outlines."""
    parts: list[pd.DataFrame] = []
    table, paths, rejects = first_of_each(table, "slide", root, key=key, source=source)
    for row in table.to_dict("records"):
        parent = opaque(key, source, row["slide"])
        path = root / row["slide"]
        paths.append({"record_id": parent, "path": str(path)})
        try:
            if not row["patient"]:
                raise Rejected("no_patient", "patients keep the two parts apart")
            found = candidates(
                inside(root, row["slide"]),
                inside(root, row["outlines"]),
                tile=tile,
                tumour=tumour,
                tissue_share=tissue_share,
                class_share=class_share,
            )
        except Rejected as r:
            rejects.append((parent, "index", r.reason, r.detail))
            continue
        places = zip(found["x"], found["y"], strict=True)
        found["record_id"] = [opaque(key, source, row["slide"], f"{x},{y}") for x, y in places]
        found["parent"] = parent
        found["patient"] = opaque(key, patients or source, "patient", row["patient"])
        found["path"] = str(path)
        parts.append(found)
    if not parts:
        raise UserError(f"sources.{source}: not one of its {len(table)} slides can be read")
    chosen = choose(pd.concat(parts, ignore_index=True), tiles_per_class, seed)
    chosen = chosen.assign(source=source, rows=tile, columns=tile, level=0)
    paths += chosen[["record_id", "path"]].to_dict("records")
    return chosen.drop(columns="path").to_dict("records"), paths, rejects


def read_tiles(path: Path, positions: pd.DataFrame, tile: int) -> np.ndarray:
    """The tiles of one slide at `positions` (x, y of level 0), uint8 n x tile x tile x 3."""
    slide = open_slide(path)
    with slide:
        places = zip(positions["x"], positions["y"], strict=True)
        try:
            regions = [slide.read_region((int(x), int(y)), 0, (tile, tile)) for x, y in places]
        except Exception as error:
            raise Rejected("unreadable_slide", type(error).__name__) from None
        return np.stack([_on_white(region) for region in regions])


def _on_white(region) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Regions without scanned pixels are transparent: they are glass."""
    rgba = np.asarray(region)
    return np.where(rgba[..., 3:] == 0, 255, rgba[..., :3]).astype(np.uint8)
