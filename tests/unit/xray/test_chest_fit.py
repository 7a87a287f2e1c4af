"""Whether a film is lateral, told by the image alone."""

import numpy as np
import pytest
from helpers.chest_films import EMPTY, NIH, Film, real, real_film
from helpers.opaque_lungs import with_opaque_lung

from pgdose.study.sources import FilmScreen
from pgdose.xray.chest_fit import ChestFit

LEAST_LATERAL = 0.5  # of the studies of the synthetic hospital
RECOMMENDED = 0.85  # for real films, see docs/explanation/xray.md


def share(images: list[np.ndarray], least: float) -> float:
    """Of images that look lateral."""
    return float(np.mean([ChestFit(image).lateral_score() >= least for image in images]))


def test_films_are_not_judged_by_their_image_unless_asked_for() -> None:
    assert FilmScreen().lateral_score is None


def test_lateral_films_are_told_from_frontal_ones(
    films: list[Film], laterals: list[np.ndarray]
) -> None:
    assert share(laterals, LEAST_LATERAL) >= 0.9
    assert share(laterals, RECOMMENDED) >= 0.5
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in laterals[:6]]
    assert share(mirrored, LEAST_LATERAL) == 1
    assert share([image for image, _ in films], LEAST_LATERAL) == 0


def test_a_frontal_film_with_an_opaque_lung_is_not_lateral(films: list[Film]) -> None:
    painted = [with_opaque_lung(image, side) for image, _ in films[:24] for side in (-1, 1)]
    assert share(painted, LEAST_LATERAL) <= 0.03
    assert share(painted, RECOMMENDED) == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", EMPTY)
def test_what_is_no_chest_is_not_lateral(what: str) -> None:
    assert ChestFit(EMPTY[what]).lateral_score() < LEAST_LATERAL


@real
def test_real_frontal_films_are_not_lateral() -> None:
    images = [real_film(path) for path in sorted(NIH.iterdir())[::12]]
    assert share(images, LEAST_LATERAL) <= 0.02
    assert share(images, RECOMMENDED) == 0


@real
def test_real_frontal_films_with_an_opaque_lung_are_not_lateral() -> None:
    images = [real_film(path) for path in sorted(NIH.iterdir())[::24]]
    painted = [with_opaque_lung(image, side, 60) for image in images for side in (-1, 1)]
    assert share(painted, LEAST_LATERAL) <= 0.05
    assert share(painted, RECOMMENDED) == 0
