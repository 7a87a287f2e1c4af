"""Whether a film is lateral, told by the image alone."""

import numpy as np
import pytest
from helpers.chest_films import EMPTY, NIH, Film, real, real_film

from pgdose.study.sources import FilmScreen
from pgdose.xray.chest_fit import ChestFit

LEAST_LATERAL = FilmScreen().lateral_score


def test_lateral_films_are_told_from_frontal_ones(
    films: list[Film], laterals: list[np.ndarray]
) -> None:
    assert np.mean([ChestFit(image).lateral_score() >= LEAST_LATERAL for image in laterals]) >= 0.95
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in laterals[:6]]
    assert all(ChestFit(image).lateral_score() >= LEAST_LATERAL for image in mirrored)
    assert all(ChestFit(image).lateral_score() < LEAST_LATERAL for image, _ in films)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", EMPTY)
def test_what_is_no_chest_is_not_lateral(what: str) -> None:
    assert ChestFit(EMPTY[what]).lateral_score() < LEAST_LATERAL


@real
def test_real_frontal_films_are_not_lateral() -> None:
    images = [real_film(path) for path in sorted(NIH.iterdir())[::12]]
    assert np.mean([ChestFit(image).lateral_score() >= LEAST_LATERAL for image in images]) <= 0.02
