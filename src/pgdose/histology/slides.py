"""Whole slides: candidate tiles of each, an even choice among all, then reading what was chosen."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
import tifffile
from PIL import Image

from pgdose.errors import Rejected, UserError
from pgdose.histology.outlines import Outlines
from pgdose.histology.outlines import read as read_outlines
from pgdose.histology.tissue import CELLS, Overview, Tissue, find_tissue, overview, rgb
from pgdose.tables.keyed import draw, opaque
from pgdose.tables.rejects import Reject
from pgdose.tables.source_files import inside
from pgdose.tables.source_index import first_of_each

IGNORE = "ignore"
COARSEST = 1 / 0.9  # of the wanted micrometres to a pixel; a coarser slide is not enlarged
LARGEST_TILE = 2**15  # pixels; the side of what a file is stored in
LARGEST = 2**37  # pixels of level 0: four whole glasses at 0.25 um; more is not believed
MOST = 20_000_000  # tiles of a grid; a header that promises more is not believed
EXACT = 1e-9  # shares that differ by less are equal
ON_TISSUE = 0.05  # the least part of what is outlined that must be tissue


def open_slide(path: Path) -> openslide.OpenSlide:
    """Raises Rejected for what OpenSlide cannot open, or would not survive."""
    if not path.is_file():
        raise Rejected("unreadable_slide", "no file is there")
    _check_tiff(path)
    try:
        slide = openslide.OpenSlide(path)
    except Exception as error:
        raise Rejected("unreadable_slide", type(error).__name__) from None
    sides = np.ravel(slide.level_dimensions)
    if sides.min() < 1 or not np.isfinite(slide.level_downsamples).all():
        raise Rejected("unreadable_slide", "a level without pixels")
    width, height = slide.dimensions
    if width * height > LARGEST:
        raise Rejected("absurd_size", f"{width}x{height}")
    return slide


def _check_tiff(path: Path) -> None:
    """Tiles that are larger than their file: OpenSlide would end the process for want of memory."""
    size, longest, side = path.stat().st_size, 0, 0
    try:
        with tifffile.TiffFile(path) as file:
            for page in file.pages:
                longest = max(longest, *page.databytecounts)
                if page.keyframe is not None:
                    side = max(side, page.keyframe.tilewidth, page.keyframe.tilelength)
    except Exception:
        return  # no TIFF, or one that OpenSlide may know better
    if longest > size or side > LARGEST_TILE:
        raise Rejected("unreadable_slide", "a part is larger than the file")


def bounds_of(slide: openslide.OpenSlide) -> tuple[int, int, int, int]:
    """x, y, width and height of what was scanned, in pixels of level 0."""
    whole = dict(zip(("x", "y", "width", "height"), (0, 0, *slide.dimensions), strict=True))
    told = {name: slide.properties.get(f"openslide.bounds-{name}") for name in whole}
    x, y, width, height = (int(told[name] or value) for name, value in whole.items())
    return x, y, width, height


# --- the grid of a slide ----------------------------------------------------------------------


@dataclass(frozen=True)
class Grid:
    """Where the tiles of a slide may lie, and how they are read."""

    level: int  # that tiles are read from
    extent: float  # of a tile, pixels of level 0
    step: int  # from one tile to the next, pixels of level 0
    um_per_px: float | None  # of a tile
    scale_from: str | None  # what told it: table, mpp or objective

    def corners(self, bounds: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """x and y of all tiles that lie wholly in the bounds, row by row."""
        left, top, width, height = bounds
        across, down = ((side - _whole(self.extent)) // self.step + 1 for side in (width, height))
        if across < 1 or down < 1:
            raise Rejected("too_small", f"{width}x{height}, a tile has {_whole(self.extent)}")
        if across * down > MOST:
            raise Rejected("absurd_size", f"{width}x{height}")
        y, x = np.mgrid[:down, :across]
        return left + x.ravel() * self.step, top + y.ravel() * self.step


def _whole(pixels: float) -> int:
    """Rounded up, but not for what floating point adds."""
    return ceil(pixels - 1e-6)


def micrometres(properties: Mapping[str, str], given: str) -> tuple[float | None, str | None]:
    """Micrometres to a pixel of level 0 and what told them; the table's word counts first."""
    if given:
        try:
            return _positive(given), "table"
        except ValueError:
            raise Rejected("wrong_mpp", "the table's mpp is no number of micrometres") from None
    with contextlib.suppress(KeyError, ValueError):  # one that tells nonsense tells nothing
        across, down = (_positive(properties[f"openslide.mpp-{axis}"]) for axis in "xy")
        return (across + down) / 2, "mpp"
    with contextlib.suppress(KeyError, ValueError):  # 20x is 0.5 on every common scanner
        return 10 / _positive(properties["openslide.objective-power"]), "objective"
    return None, None


def _positive(text: str) -> float:
    value = float(text.replace(",", "."))
    if not 1e-3 < value < 1e3:
        raise ValueError
    return value


def plan(slide: openslide.OpenSlide, settings: Mapping[str, Any], given: str) -> Grid:
    """The grid of a slide under the study's `tile`, `level` or `mpp`, and `overlap`."""
    mpp, origin = micrometres(slide.properties, given)
    if settings["mpp"] is None:
        level = settings["level"] or 0
        if level >= slide.level_count:
            raise Rejected("no_level", f"its levels are 0 to {slide.level_count - 1}")
        scale = slide.level_downsamples[level]
        um_per_px = mpp and mpp * scale
    else:
        if mpp is None:
            raise Rejected("no_scale", "neither mpp nor objective, and no mpp in the table")
        scale = settings["mpp"] / mpp
        if scale * COARSEST < 1:
            raise Rejected("too_coarse", f"a pixel is {mpp:.3f} um")
        level = slide.get_best_level_for_downsample(scale * 1.01)
        um_per_px = settings["mpp"]
    extent = settings["tile"] * scale
    step = _whole(extent * (1 - settings["overlap"]))
    return Grid(level, extent, step, um_per_px, origin)


# --- candidates of a slide --------------------------------------------------------------------


@dataclass(frozen=True)
class Survey:
    """All that is known of a slide before any tile of it is read."""

    bounds: tuple[int, int, int, int]  # x, y, width, height, pixels of level 0
    grid: Grid
    tissue: Tissue
    outlines: Outlines
    tiles: pd.DataFrame  # x, y (pixels of level 0), class, tissue_share, class_share
    state: dict[str, Any]


def survey(
    path: Path, outlines: Path | None, word: str, given: str, settings: Mapping[str, Any]
) -> Survey:
    """The tiles of one slide that a class may take, and why.

    `outlines`: the file of its outlines; `word`: the table's class of what lies outside them;
    `given`: the table's micrometres to a pixel. `settings`: the study's, of the source.
    """
    words = {name: [name, *of] for name, of in settings["classes"].items()}
    rest = _class_of(word, words) if word else settings["rest"]
    with open_slide(path) as slide:
        bounds = bounds_of(slide)
        grid = plan(slide, settings, given)
        x, y = grid.corners(bounds)
        drawn = Outlines({}, 0, 0)
        if outlines:
            drawn = read_outlines(outlines, words, slide.dimensions, bounds, grid.extent)
            if not drawn.areas and not word:  # all of it would be `rest`, tumour too
                raise Rejected("nothing_drawn", "say in the table what class such a slide is of")
        small = _small(slide, bounds, grid.extent / CELLS)
        state: dict[str, Any] = {"levels": slide.level_count}
        state["columns"], state["rows"] = slide.dimensions
    tissue = find_tissue(small, settings["tissue"])
    tiles = pd.DataFrame({"x": x, "y": y, "tissue_share": tissue.cells.shares(x, y, grid.extent)})
    _classify(tiles, drawn, rest, grid.extent)
    fits = tiles["tissue_share"] >= settings["tissue"]["share"] - EXACT
    fits &= tissue.ink.shares(x, y, grid.extent) < EXACT  # a tile that ink touches would teach ink
    fits &= tiles["class_share"] >= settings["class_share"] - EXACT
    fits &= tiles["class"] != IGNORE
    state |= {
        "level": grid.level,
        "extent": grid.extent,
        "um_per_px": grid.um_per_px,
        "scale_from": grid.scale_from,
        "threshold": tissue.threshold,
        "tissue_share": tissue.share,
        "ink_share": float(tissue.ink.covered.mean()),
        "drawn": " ".join(drawn.areas),
        "mended": drawn.mended,
        "dropped": drawn.dropped,
    }
    return Survey(bounds, grid, tissue, drawn, tiles[fits], state)


def picture(path: Path, side: int) -> Overview:
    """What lies in the bounds of a slide, `side` pixels along its longer side."""
    with open_slide(path) as slide:
        bounds = bounds_of(slide)
        return _small(slide, bounds, max(bounds[2:]) / side)


def _small(slide: openslide.OpenSlide, bounds: tuple[int, int, int, int], cell: float) -> Overview:
    try:
        return overview(slide, bounds, cell)
    except openslide.OpenSlideError as error:
        raise Rejected("unreadable_slide", type(error).__name__) from None


def _class_of(word: str, words: Mapping[str, Iterable[str]]) -> str:
    for name, known in words.items():
        if word.strip().casefold() in {w.strip().casefold() for w in known}:
            return name
    raise Rejected("unmapped_class", "the table's class is in none of the study's classes")


def _classify(tiles: pd.DataFrame, drawn: Outlines, rest: str, extent: float) -> None:
    """Add `class`, the one that covers the most of each tile, and `class_share`."""
    shares = pd.DataFrame(
        {
            name: area.shares(tiles["x"].to_numpy(), tiles["y"].to_numpy(), extent)
            for name, area in drawn.areas.items()
        },
        index=tiles.index,
    )
    outlined = shares.drop(columns=IGNORE, errors="ignore")
    on_tissue = outlined.mul(tiles["tissue_share"], axis=0).to_numpy().sum()
    if outlined.size and on_tissue < ON_TISSUE * outlined.to_numpy().sum():
        raise Rejected("outlines_on_glass", "what they enclose is not tissue")
    left = 1 - shares.sum(axis=1)
    shares[rest] = left + shares[rest] if rest in shares else left
    tiles["class"] = shares.idxmax(axis=1)
    tiles["class_share"] = shares.max(axis=1)


# --- all slides -------------------------------------------------------------------------------


def listed(
    table: pd.DataFrame, root: Path, *, key: bytes, source: str, patients: str
) -> tuple[pd.DataFrame, list[dict], list[Reject]]:
    """The slides that a table names, sorted by record_id; paths; rejects of repeated rows.

    `table` has the columns slide and patient, and maybe outlines, class and mpp, as text. The
    slides have them too, and record_id, path and patient_id.
    """
    table, paths, rejects = first_of_each(table, "slide", root, key=key, source=source)
    columns = ["slide", "patient", "outlines", "class", "mpp"]
    table = table.reindex(columns=columns, fill_value="")
    table = table.assign(
        record_id=[opaque(key, source, name) for name in table["slide"]],
        patient_id=[opaque(key, patients, "patient", name) for name in table["patient"]],
        path=[str(root / name) for name in table["slide"]],
    )
    paths += table[["record_id", "path"]].to_dict("records")
    return table.sort_values("record_id"), paths, rejects


def look(row: Mapping[str, Any], root: Path, settings: Mapping[str, Any]) -> Survey:
    """The survey of one listed slide."""
    if not row["patient"]:
        raise Rejected("no_patient", "patients keep the two parts apart")
    path = inside(root, row["slide"])
    if not row["outlines"] and not row["class"]:
        raise Rejected("no_outlines", "the table names neither outlines nor a class")
    outlines = inside(root, row["outlines"]) if row["outlines"] else None
    return survey(path, outlines, row["class"], row["mpp"], settings)


def candidates(found: Survey, parent: str, seed: int) -> pd.DataFrame:
    """The tiles of the slide `parent` with the keyed numbers that choosing takes."""
    places = zip(found.tiles["x"], found.tiles["y"], strict=True)
    numbers = draw(seed, "choose tiles", (f"{parent} {x},{y}" for x, y in places))
    return found.tiles.assign(parent=parent, draw=numbers)


def choose(
    found: pd.DataFrame, states: pd.DataFrame, per_class: int, classes: Sequence[str], source: str
) -> pd.DataFrame:
    """`per_class` tiles of each class, as even over patients, and over their slides, as can be.

    Each slide's tiles come in the order of their `draw`. A patient deals them out in turn from
    each of his slides, and the class takes one in turn from each patient. `found` are the
    candidates of all slides (parent, class, draw), `states` the slides (record_id, patient,
    reason). Raises UserError where a class has too few.
    """
    patients = states.set_index("record_id")["patient"]
    chosen = []
    for name in classes:
        own = found.loc[found["class"] == name, ["parent", "draw"]].astype({"parent": "str"})
        if len(own) < per_class:
            raise UserError(
                f"sources.{source}.tiles_per_class: {per_class}, but the slides hold {len(own)} "
                f"tiles of {name}. What there is, by slide:\n{_there(found, states, classes)}"
            )
        own = own.assign(patient=own["parent"].map(patients)).sort_values(["draw", "parent"])
        for of in ("parent", "patient"):
            own["turn"] = own.groupby(of).cumcount()
            own = own.sort_values(["turn", "draw", "parent"])
        chosen.append(found.loc[own.index[:per_class]])
    return pd.concat(chosen).astype({"parent": "str", "class": "str"})


def _there(found: pd.DataFrame, states: pd.DataFrame, classes: Sequence[str]) -> str:
    """How many candidates of each class each slide has, or why it was rejected."""
    slides = states.set_index("record_id")
    counts = {
        name: found.loc[found["class"] == name, "parent"].astype("str").value_counts()
        for name in classes
    }
    table = pd.DataFrame(counts).reindex(index=slides.index, columns=list(classes))
    return table.fillna(0).astype(int).assign(rejected=slides["reason"].fillna("")).to_string()


def as_records(
    chosen: pd.DataFrame,
    states: pd.DataFrame,
    listed: pd.DataFrame,
    *,
    key: bytes,
    source: str,
    tile: int,
) -> pd.DataFrame:
    """Records of chosen candidates, with their `path`; `listed` are the slides of the source."""
    slides = states.set_index("record_id").join(listed.set_index("record_id")[["slide", "path"]])
    shared = ["patient", "level", "extent", "um_per_px", "scale_from", "slide", "path"]
    chosen = chosen.join(slides[shared], on="parent")
    places = zip(chosen["slide"], chosen["x"], chosen["y"], strict=True)
    ids = [opaque(key, source, name, f"{x},{y}") for name, x, y in places]
    return chosen.assign(record_id=ids, source=source, rows=tile, columns=tile)


# --- reading ----------------------------------------------------------------------------------


class _Reader:
    """A slide that reads on after an error, which ends an OpenSlide handle for good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.slide = open_slide(path)
        self.downsamples = self.slide.level_downsamples

    def region(self, corner: tuple[int, int], level: int, side: int) -> Image.Image:
        try:
            return self.slide.read_region(corner, level, (side, side))
        except openslide.OpenSlideError:
            fresh = open_slide(self.path)
            region = fresh.read_region(corner, level, (side, side))
            self.slide = fresh
            return region

    def tile(self, x: int, y: int, level: int, extent: float, side: int) -> np.ndarray:
        if level >= len(self.downsamples):
            raise Rejected("unreadable_tile", "its level is gone")
        wide = extent / self.downsamples[level]
        if abs(wide - side) < 0.5:
            return rgb(self.region((x, y), level, side))
        region = Image.fromarray(rgb(self.region((x, y), level, ceil(wide))))
        way = Image.Resampling.BOX if wide > side else Image.Resampling.BILINEAR
        return np.asarray(region.resize((side, side), way, box=(0, 0, wide, wide)))


def read_tiles(
    path: Path,
    positions: pd.DataFrame,
    tile: int,
    put: Callable[[int, np.ndarray], object],
    threads: int = 1,
) -> dict[int, Rejected]:
    """Call `put(i, pixels)` for each of the positions (x, y, level, extent) of one slide.

    Pixels are RGB, uint8 tile x tile x 3. `put` is called from `threads` threads. Returned are the
    numbers of the tiles that could not be read, and why.
    """
    slide = _Reader(path)
    failed: dict[int, Rejected] = {}

    def one(place: tuple[int, Any]) -> None:
        number, at = place
        try:
            put(number, slide.tile(int(at.x), int(at.y), int(at.level), float(at.extent), tile))
        except (openslide.OpenSlideError, Rejected) as error:
            failed[number] = Rejected("unreadable_tile", type(error).__name__)

    places = enumerate(positions.itertuples(index=False))
    if threads == 1:  # a thread beside this one has slower memory
        for place in places:
            one(place)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, places))  # so that an error in `put` is raised here
    return failed
