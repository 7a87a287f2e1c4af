"""Selecting the tiles of a source of slides: as many of each class, spread evenly over patients."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import pandas as pd

from pgdose.errors import UserError
from pgdose.histology.slides.copies import reject_copies
from pgdose.histology.slides.notes import survey_notes
from pgdose.histology.slides.slide_table import SlideList
from pgdose.histology.tile_placement import place_tiles
from pgdose.tables.keyed import SourceIds
from pgdose.tables.private_paths import SourceFile
from pgdose.tables.rejects import Reject, with_rejects

log = logging.getLogger(__name__)


class SelectionSettings(TypedDict):
    """Of a source of slides; other keys are ignored."""

    tiles_per_class: int
    tile_classes: list[str]  # the classes that tiles are taken from
    tile: int  # pixels of a side
    shards: int
    several: str  # what rows of one slide are that differ
    colour: str  # as_stored or srgb


def select_tiles(
    candidates: pd.DataFrame,
    slides: pd.DataFrame,
    per_class: int,
    classes: Sequence[str],
    source: str,
) -> pd.DataFrame:
    """`per_class` candidates of each class, as evenly over patients and their slides as possible.

    The tiles of a slide come in the order of their `draw`. Each patient takes a tile from each of
    their slides in turn, and each class takes one from each patient in turn. `candidates`: of all
    slides (parent, class, draw); `slides`: record_id, patient, reason. Raises UserError for a class
    with too few.
    """
    patients = slides.set_index("record_id")["patient"]
    selected = []
    for name in classes:
        tiles = candidates.loc[candidates["class"] == name, ["parent", "draw"]]
        tiles = tiles.astype({"parent": "str"})
        if len(tiles) < per_class:
            raise UserError(
                f"sources.{source}.tiles_per_class: {per_class}, but the slides have only "
                f"{len(tiles)} tiles of {name}; use fewer, or add slides. Candidates of each "
                f"slide:\n{_count_candidates(candidates, slides, classes)}"
            )
        tiles = tiles.assign(patient=tiles["parent"].map(patients)).sort_values(["draw", "parent"])
        for group in ("parent", "patient"):
            tiles["turn"] = tiles.groupby(group).cumcount()
            tiles = tiles.sort_values(["turn", "draw", "parent"])
        selected.append(candidates.loc[tiles.index[:per_class]])
    return pd.concat(selected).astype({"parent": "str", "class": "str"})


def _count_candidates(
    candidates: pd.DataFrame, slides: pd.DataFrame, classes: Sequence[str]
) -> str:
    """A table for a message: each slide's candidates of each class, or why it was rejected."""
    slides = slides.set_index("record_id")
    counts = {
        name: candidates.loc[candidates["class"] == name, "parent"].astype("str").value_counts()
        for name in classes
    }
    table = pd.DataFrame(counts).reindex(index=slides.index, columns=list(classes))
    return table.fillna(0).astype(int).assign(rejected=slides["reason"].fillna("")).to_string()


def tile_records(
    tiles: pd.DataFrame,
    slides: pd.DataFrame,
    slide_list: pd.DataFrame,
    ids: SourceIds,
    tile: int,
) -> pd.DataFrame:
    """Records of selected candidates, with the `path` of their slide.

    `slides`: the facts of each slide; `slide_list`: `SlideList.slides`; `tile`: side in pixels.
    """
    names = slide_list.set_index("record_id")[["slide", "path"]]
    facts = slides.set_index("record_id").join(names)
    columns = ["patient", "level", "extent", "um_per_px", "scale_from", "colour", "slide", "path"]
    tiles = tiles.join(facts[columns], on="parent")
    places = zip(tiles["slide"], tiles["x"], tiles["y"], strict=True)
    record_ids = [ids.part(name, f"{x},{y}") for name, x, y in places]
    return tiles.assign(record_id=record_ids, source=ids.source, rows=tile, columns=tile)


class TileIndex(NamedTuple):
    """The selected tiles of a source of slides."""

    records: pd.DataFrame  # one a tile, with its store and row
    paths: list[dict]  # {record_id, path} of slides and tiles
    rejects: list[Reject]  # slides, and rows that repeat one


def index_tiles(
    candidates: pd.DataFrame,
    slides: pd.DataFrame,
    slide_list: SlideList,
    settings: SelectionSettings,
    ids: SourceIds,
) -> TileIndex:
    """Select the tiles of a source and place them in stores.

    Raises UserError if no slide can be used, a class has too few tiles, or rows of one slide under
    several names disagree (see `reject_copies`).
    """
    source = ids.source
    copies = reject_copies(slides, slide_list, settings["several"], ids, slide_list.notes)
    slides = with_rejects(slides, copies)
    rejected = slides.loc[slides["reason"].notna(), "record_id"]
    candidates = candidates[~candidates["parent"].isin(rejected)]
    slide_list.notes.extend(survey_notes(slides, settings["colour"]))
    rejected_slides = slides[slides["reason"].notna()]
    for reason, count in rejected_slides["reason"].value_counts().items():
        log.info("%s: %s %d", source, reason, count)
    if len(rejected_slides) == len(slides):
        reasons = ", ".join(f"{r} {n}" for r, n in rejected_slides["reason"].value_counts().items())
        raise UserError(
            f"sources.{source}: none of its {len(slides)} slides can be used ({reasons}); "
            "correct its table or its files"
        )
    tiles = select_tiles(
        candidates, slides, settings["tiles_per_class"], settings["tile_classes"], source
    )
    tile = settings["tile"]
    records = tile_records(tiles, slides, slide_list.slides, ids, tile)
    paths = slide_list.paths + records[["record_id", "path"]].to_dict("records")
    rejects = list(slide_list.rejects)
    for row in rejected_slides[["record_id", "reason", "detail"]].to_dict("records"):
        rejects.append(Reject(row["record_id"], "index", row["reason"], row["detail"]))
    return TileIndex(place_tiles(records, source, settings["shards"]), paths, rejects)


def keep_file_stamps(paths: Iterable[dict], files: Iterable[SourceFile]) -> list[dict]:
    """Rows {record_id, path}, with the `size` and `modified` that `files` have for the path.

    The stamps are from before the survey, so that a slide that has changed since is noticed.
    """
    stamps = {file.path: file._asdict() for file in files}
    return [row | stamps.get(Path(row["path"]), {}) for row in paths]
