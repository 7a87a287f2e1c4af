"""The survey of one slide: its grid, tissue and outlines, and the tiles that a class may take.

open -> grid -> outlines by class -> overview -> tissue -> coverage of each tile -> candidates
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openslide
import pandas as pd

from pgdose.errors import Rejected
from pgdose.histology.grid import Grid, plan_grid
from pgdose.histology.outlines.class_words import ADVICE
from pgdose.histology.outlines.reading import Outlines, read_outlines
from pgdose.histology.outlines.units import check_units
from pgdose.histology.regions import Bounds
from pgdose.histology.settings import SurveySettings
from pgdose.histology.slides.folders import slide_file
from pgdose.histology.slides.geometry import SlideGeometry, slide_geometry
from pgdose.histology.slides.opening import scanned_bounds
from pgdose.histology.slides.overview import read_overview
from pgdose.histology.slides.reading import SlideReader, open_reader
from pgdose.histology.slides.slide_table import SlideFolders
from pgdose.histology.tissue import CELLS_PER_TILE, Tissue, find_tissue
from pgdose.names import IGNORE
from pgdose.study.class_patterns import ClassWords, with_names
from pgdose.tables.source_files import inside

ROUNDING = 1e-9  # shares that differ by less are equal
LEAST_ON_TISSUE = 0.05  # of the outlined area; with less the outlines are another slide's


@dataclass(frozen=True)
class SlideSurvey:
    """What is known of a slide before any tile of it is read."""

    bounds: Bounds
    grid: Grid
    tissue: Tissue
    outlines: Outlines
    tiles: pd.DataFrame  # candidates: x, y (level 0), class, tissue_share, class_share
    facts: dict[str, Any]  # columns of the table of slides


def survey_row(
    row: Mapping[str, Any], folders: SlideFolders, settings: SurveySettings
) -> SlideSurvey:
    """Survey the slide of one row of the source's table (see `slide_table.list_slides`).

    Rejects no_patient, no_outlines, files that are missing or outside their folder, and what
    `slide_file` and `survey_slide` reject.
    """
    if not row["patient"]:
        raise Rejected(
            "no_patient",
            "the table has no patient for it; give one, because patients decide the split",
        )
    path = slide_file(folders.slides, row["slide"])
    if not row["outlines"] and not row["class"]:
        raise Rejected("no_outlines", "the table has neither outlines nor a class for it; give one")
    outline_file = inside(folders.outlines, row["outlines"]) if row["outlines"] else None
    return survey_slide(path, outline_file, row["class"], row["mpp"], settings)


def survey_slide(
    path: Path, outline_file: Path | None, word: str, table_mpp: str, settings: SurveySettings
) -> SlideSurvey:
    """Survey a slide and find its candidates: tiles with enough tissue and one clear class.

    `outline_file`: its outlines; `word`: the table's class of everything outside them,
    empty for the study's `rest`; `table_mpp`: the table's micrometres per pixel, or empty.
    Rejects a slide that cannot be used.
    """
    classes = with_names(settings["classes"])
    rest = _class_of(word, ClassWords(classes)) if word else settings["rest"]
    with open_reader(path, settings["colour"]) as reader:
        slide = reader.slide
        bounds = scanned_bounds(slide)
        grid = plan_grid(slide, settings, table_mpp)
        x, y = grid.corners(bounds)
        geometry = _geometry(slide, bounds, grid, settings["tile"])
        outlines = Outlines({})
        if outline_file:
            outlines = read_outlines(outline_file, classes, geometry, grid.extent, rest)
            if not outlines.regions and not word:  # all of it would be `rest`, tumour too
                raise _nothing_drawn(outlines.dropped)
        facts = _slide_facts(reader, settings["colour"])
        overview = read_overview(reader, bounds, grid.extent / CELLS_PER_TILE)
    tissue = find_tissue(overview, settings["tissue"])
    shares = tissue.region.coverage(x, y, grid.extent)
    tiles = pd.DataFrame({"x": x, "y": y, "tissue_share": shares})
    notes = (*outlines.notes, *check_units(outlines, tiles, grid.extent, geometry))
    _classify(tiles, outlines, rest, grid.extent)
    in_class = tiles["class_share"] >= settings["class_share"] - ROUNDING
    in_class &= tiles["class"] != IGNORE
    on_tissue = in_class & (tiles["tissue_share"] >= settings["tissue"]["share"] - ROUNDING)
    if overview.unreadable.any():
        on_tissue &= tissue.unreadable.coverage(x, y, grid.extent) < ROUNDING
    # A tile touched by ink would teach the network the ink.
    inked = on_tissue & (tissue.ink.coverage(x, y, grid.extent) >= ROUNDING)
    facts |= _survey_facts(grid, tissue, outlines) | {"notes": "; ".join(notes) or None}
    steps = {"in_class": in_class, "on_tissue": on_tissue, "inked": inked}
    facts |= {name: " ".join(sorted(set(tiles.loc[rows, "class"]))) for name, rows in steps.items()}
    return SlideSurvey(bounds, grid, tissue, outlines, tiles[on_tissue & ~inked], facts)


def _class_of(word: str, words: ClassWords) -> str:
    name = words.find(word)
    if name is None:
        raise Rejected(
            "unmapped_class", f"the table's class is in none of the study's classes; {ADVICE}"
        )
    return name


def _nothing_drawn(dropped: int) -> Rejected:
    shapes = f"none of its {dropped} shapes has an area (points, lines, detections)"
    return Rejected(
        "nothing_drawn",
        f"the outlines are empty{f', {shapes}' if dropped else ''}; draw areas, or give the "
        "slide's class in the table",
    )


def _geometry(slide: openslide.OpenSlide, bounds: Bounds, grid: Grid, tile: int) -> SlideGeometry:
    mpp = grid.um_per_px and grid.um_per_px * tile / grid.extent  # of level 0
    return slide_geometry(slide.dimensions, bounds, slide.properties, mpp)


def _classify(tiles: pd.DataFrame, outlines: Outlines, rest: str, extent: float) -> None:
    """Add `class`, the one that covers most of each tile, and `class_share`."""
    x, y = tiles["x"].to_numpy(), tiles["y"].to_numpy()
    shares = pd.DataFrame(
        {name: region.coverage(x, y, extent) for name, region in outlines.regions.items()},
        index=tiles.index,
    )
    outlined = shares.drop(columns=IGNORE, errors="ignore")
    on_tissue = outlined.mul(tiles["tissue_share"], axis=0).to_numpy().sum()
    if outlined.size and on_tissue < LEAST_ON_TISSUE * outlined.to_numpy().sum():
        raise Rejected(
            "outlines_on_glass",
            "the outlines enclose almost no tissue; give this slide's own outlines",
        )
    outside = 1 - shares.sum(axis=1)
    shares[rest] = outside + shares[rest] if rest in shares else outside
    tiles["class"] = shares.idxmax(axis=1)
    tiles["class_share"] = shares.max(axis=1)


def _slide_facts(reader: SlideReader, colour: str) -> dict[str, Any]:
    slide = reader.slide
    columns, rows = slide.dimensions
    facts = {"levels": slide.level_count, "columns": columns, "rows": rows}
    return facts | {"colour": colour if reader.has_profile else "as_stored"}


def _survey_facts(grid: Grid, tissue: Tissue, outlines: Outlines) -> dict[str, Any]:
    return {
        "level": grid.level,
        "extent": grid.extent,
        "um_per_px": grid.um_per_px,
        "scale_from": grid.scale_from,
        "threshold": tissue.threshold,
        "tissue_share": tissue.share,
        "ink_share": float(tissue.ink.cell_shares.mean()),
        "unreadable_share": float(tissue.unreadable.cell_shares.mean()),
        "dark": tissue.is_dark,
        "drawn": " ".join(outlines.regions),
        "mended": outlines.mended,
        "dropped": outlines.dropped,
    }
