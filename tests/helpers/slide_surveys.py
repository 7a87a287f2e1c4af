"""A small slide of pink tissue on glass, its survey under a study's settings, and its tiles."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import mapping

from helpers.workflow import PROJECT
from pgdose.histology.settings import SurveySettings
from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.histology.survey import SlideSurvey, survey_slide
from pgdose.study.sources import Slides

KEY = b"k" * 32


PINK, GLASS, WHITE, BLACK = (210, 120, 170), (242, 241, 243), (255, 255, 255), (0, 0, 0)


GREEN, BLUE, RED, MARKER = (40, 140, 80), (30, 70, 170), (200, 25, 35), (45, 45, 50)


def settings(**options: Any) -> SurveySettings:
    """A source of slides as the rules hand it over; tiles of 128."""
    required = {"kind": "slides", "root": "r", "table": "t", "tiles_per_class": 4, "tile": 128}
    return cast(SurveySettings, Slides.model_validate(required | options).to_dict())


def tissue_image(side: int = 1024) -> np.ndarray:
    """Pink tissue on the right half and the lower left quarter, else glass."""
    half = side // 2
    found = np.full((side, side, 3), GLASS, np.uint8)
    found[:, half:] = found[half:, :half] = PINK
    return found


def write_outlines(path: Path, *outlines: tuple[Any, str]) -> Path:
    features = [
        {"type": "Feature", "geometry": mapping(shape),
         "properties": {"objectType": "annotation", "classification": {"name": name}}}
        for shape, name in outlines
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def classes_of(found: SlideSurvey) -> dict[tuple[int, int], str]:
    tiles = found.tiles
    return {(x, y): c for x, y, c in zip(tiles["x"], tiles["y"], tiles["class"], strict=True)}


def survey(
    path: Path, outlines: Path | None, word: str = "", table_mpp: str = "", **options: Any
) -> SlideSurvey:
    return survey_slide(path, outlines, word, table_mpp, settings(**options))


def read_all(path: Path, places: pd.DataFrame, tile: int, threads: int = 1) -> list[np.ndarray]:
    got: dict[int, np.ndarray] = {}
    assert read_slide_tiles(path, places, tile, got.__setitem__, threads) == {}
    return [got[i] for i in range(len(places))]


def places_at(*corners: tuple[int, int], extent: float = 256.0) -> pd.DataFrame:
    return pd.DataFrame(corners, columns=["x", "y"]).assign(level=0, extent=extent)


REAL_SLIDES = PROJECT.parent / "shared" / "real" / "slides"


needs_real = pytest.mark.skipif(
    not REAL_SLIDES.is_dir(), reason="the real slides are not beside pgdose"
)
