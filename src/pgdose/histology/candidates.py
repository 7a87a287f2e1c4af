"""The candidates of a shard of slides: tiles that a class may take, and the facts of each slide."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from pgdose.errors import Rejected
from pgdose.histology.settings import SurveySettings
from pgdose.histology.slides.folders import slide_file
from pgdose.histology.slides.identity import slide_digest
from pgdose.histology.slides.reading import open_reader
from pgdose.histology.slides.slide_table import SlideFolders
from pgdose.histology.survey import SlideSurvey, survey_row
from pgdose.tables.keyed import SourceIds, draw
from pgdose.tables.private_paths import stat_file
from pgdose.tables.slide_schemas import CANDIDATES

log = logging.getLogger(__name__)


class ShardCandidates(NamedTuple):
    """What surveying a shard of slides gives."""

    candidates: pd.DataFrame  # of CANDIDATES
    slides: pd.DataFrame  # of SLIDES: the facts of each slide, or why it was rejected
    slide_files: list[dict]  # of PATHS: each slide's file before anything was read of it
    seconds: pd.DataFrame  # record_id, seconds


def survey_shard(
    slides: Iterable[Mapping[str, Any]],
    folders: SlideFolders,
    settings: SurveySettings,
    seed: int,
    ids: SourceIds,
) -> ShardCandidates:
    """Survey each slide; one that cannot be used is rejected, and the others go on.

    `slides`: rows of `slide_table.SlideList`; `seed`: the study's.
    """
    candidates, facts, slide_files, seconds = [], [], [], []
    for row in slides:
        start = time.perf_counter()
        record_id = row["record_id"]
        slide_files.append({"record_id": record_id, **stat_file(row["path"])._asdict()})
        slide = {"record_id": record_id, "patient": row["patient_id"]}
        slide["content"] = _content(row, folders, ids)
        try:
            survey = survey_row(row, folders, settings)
            candidates.append(candidate_tiles(survey, record_id, seed))
            slide |= survey.facts
        except Rejected as r:
            log.info("%s: %s, %s", record_id, r.reason, r.detail)
            slide |= {"reason": r.reason, "detail": r.detail}
        facts.append(slide)
        seconds.append((record_id, round(time.perf_counter() - start, 3)))
    return ShardCandidates(
        pd.concat(candidates) if candidates else pd.DataFrame(columns=CANDIDATES.names),
        pd.DataFrame(facts),
        slide_files,
        pd.DataFrame(seconds, columns=["record_id", "seconds"]),
    )


def _content(row: Mapping[str, Any], folders: SlideFolders, ids: SourceIds) -> str | None:
    """The keyed digest of a slide's content; None if it cannot be opened."""
    try:
        with open_reader(slide_file(folders.slides, row["slide"])) as reader:
            return ids.slide(slide_digest(reader))
    except Rejected:
        return None


def candidate_tiles(survey: SlideSurvey, parent: str, seed: int) -> pd.DataFrame:
    """The candidates of the slide `parent`, with the keyed `draw` that orders them."""
    places = zip(survey.tiles["x"], survey.tiles["y"], strict=True)
    numbers = draw(seed, "choose tiles", (f"{parent} {x},{y}" for x, y in places))
    return survey.tiles.assign(parent=parent, draw=numbers)
