"""The window of the aorta on chest films, and where it is not to be trusted."""

import numpy as np
import pytest
from helpers.chest_films import EMPTY, NIH, Film, real, real_film

from pgdose.study.classes import Image as GroupImage
from pgdose.xray.aorta_window import SIDE, SIDE_MM, AortaWindow, aorta_window
from pgdose.xray.chest_fit import ChestFit

LEAST_CONFIDENCE = GroupImage().least_confidence


def overlap(window: AortaWindow, truth: dict) -> float:
    """Intersection over union of a window and the true one."""
    side, others = window.side, truth["aorta_side"]
    shared = 1.0
    for mine, other in ((window.x, truth["aorta_x"]), (window.y, truth["aorta_y"])):
        ends = min(mine + side / 2, other + others / 2), max(mine - side / 2, other - others / 2)
        shared *= max(0.0, ends[0] - ends[1])
    return shared / (side**2 + others**2 - shared)


def holds(window: AortaWindow, truth: dict) -> bool:
    off = max(abs(window.x - truth["aorta_x"]), abs(window.y - truth["aorta_y"]))
    return off < window.side / 2


@pytest.mark.parametrize("spacing", [True, False])
def test_the_window_is_where_the_aorta_is(films: list[Film], spacing: bool) -> None:
    windows = [aorta_window(image, t["mm_per_px"] if spacing else None) for image, t in films]
    sure = [
        (window, truth)
        for window, (_, truth) in zip(windows, films, strict=True)
        if window.confidence >= LEAST_CONFIDENCE
    ]
    assert len(sure) >= 0.9 * len(films)
    assert np.mean([holds(*pair) for pair in sure]) >= 0.98
    assert np.median([overlap(*pair) for pair in sure]) >= 0.75


def test_a_known_spacing_makes_the_window_a_length(films: list[Film]) -> None:
    for image, truth in films[:6]:
        assert aorta_window(image, truth["mm_per_px"]).side == SIDE_MM / truth["mm_per_px"]


@pytest.mark.parametrize("spacing", [None, np.nan, 0.0, -0.1, 1e-4, 25.4, np.inf])
def test_without_a_plausible_spacing_the_window_goes_by_the_thorax(
    films: list[Film], spacing: float | None
) -> None:
    image, _ = films[0]
    assert aorta_window(image, spacing).side == pytest.approx(SIDE * ChestFit(image).thorax().width)


def test_the_window_grows_with_the_film(films: list[Film]) -> None:
    image, _ = films[2]
    small, large = aorta_window(image), aorta_window(np.kron(image, np.ones((3, 3), np.uint8)))
    assert large[:3] == pytest.approx(np.multiply(3, small[:3]), rel=0.03)
    assert large.confidence == pytest.approx(small.confidence, abs=0.05)


def test_exposure_moves_no_window(films: list[Film]) -> None:
    image, _ = films[3]
    dark = np.rint(200 * (image / 255) ** 1.8).astype(np.uint8)
    window, darker = aorta_window(image), aorta_window(dark)
    assert darker[:3] == pytest.approx(window[:3], abs=0.06 * window.side)


def test_collimation_and_a_margin_move_no_window(films: list[Film]) -> None:
    image, truth = films[4]
    framed = np.pad(np.pad(image, 20, constant_values=0), ((0, 0), (70, 10)), constant_values=255)
    window = aorta_window(framed)
    moved = {**truth, "aorta_x": truth["aorta_x"] + 90, "aorta_y": truth["aorta_y"] + 20}
    assert overlap(window, moved) > 0.6 and window.confidence >= LEAST_CONFIDENCE


def white_lung(image: np.ndarray) -> np.ndarray:
    half = image.shape[1] // 2
    return np.hstack([np.full_like(image[:, :half], 190), image[:, half:]])


SPOILED = {
    "upside down": lambda image: image[::-1, ::-1],
    "lying": np.rot90,
    "negative": lambda image: 255 - image,
    "one lung white": white_lung,
    "one lung": lambda image: image[:, : image.shape[1] // 2],
    "abdomen": lambda image: image[int(0.6 * len(image)) :],
    "neck": lambda image: image[: int(0.35 * len(image))],
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_film_is_not_trusted(films: list[Film], how: str) -> None:
    spoil = SPOILED[how]
    sure = [
        aorta_window(np.ascontiguousarray(spoil(image))).confidence >= LEAST_CONFIDENCE
        for image, _ in films[:12]
    ]
    assert sum(sure) <= 1


def test_a_film_that_ends_within_the_aorta_is_not_trusted(films: list[Film]) -> None:
    cut = [image[int(truth["aorta_y"]) :] for image, truth in films[:12]]
    assert sum(aorta_window(image).confidence >= LEAST_CONFIDENCE for image in cut) <= 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", EMPTY)
def test_what_is_no_chest_is_not_trusted(what: str) -> None:
    window = aorta_window(EMPTY[what])
    assert window.confidence == 0 and window.side > 0
    assert np.isfinite(window).all()


def test_no_window_on_a_lateral_film_is_trusted(laterals: list[np.ndarray]) -> None:
    assert max(aorta_window(image).confidence for image in laterals) < LEAST_CONFIDENCE


# White or missing lungs, a bent spine, and the last one upside down.
HOPELESS = "2237_000 2827_001 3005_002 1951_010 1986_005 1986_006 10544_000 2545_001 3490_011"


@real
def test_real_frontal_films_are_trusted() -> None:
    images = [real_film(path) for path in sorted(NIH.iterdir())[::12]]
    windows = [aorta_window(image) for image in images]
    assert np.mean([window.confidence >= LEAST_CONFIDENCE for window in windows]) >= 0.9


@real
def test_real_films_upside_down_are_not_trusted() -> None:
    images = [real_film(path)[::-1, ::-1] for path in sorted(NIH.iterdir())[::12]]
    sure = [aorta_window(image).confidence >= LEAST_CONFIDENCE for image in images]
    assert np.mean(sure) <= 0.1


@real
@pytest.mark.parametrize("name", HOPELESS.split())
def test_real_films_without_two_lungs_are_not_trusted(name: str) -> None:
    window = aorta_window(real_film(NIH / f"{name:0>12}.png"))
    assert window.confidence < LEAST_CONFIDENCE
