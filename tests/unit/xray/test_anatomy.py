"""Where the aorta is on a film, whether a film is lateral, and windows drawn by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.workflow import PROJECT
from PIL import Image

from pgdose.errors import UserError
from pgdose.study.groups import Image as GroupImage
from pgdose.study.sources import FilmScreen
from pgdose.xray.anatomy import SIDE, SIDE_MM, AortaWindow, aorta_window, find_thorax, looks_lateral
from pgdose.xray.aorta_boxes import read_boxes
from pgdose_phantom.chest import FINDINGS, draw_chest

LEAST_CONFIDENCE = GroupImage().least_confidence
LEAST_LATERAL = FilmScreen().lateral_score
NIH = PROJECT.parent / "shared" / "real" / "nih" / "images"
SIZES = ((288, 260), (260, 288), (350, 310), (332, 350))
Film = tuple[np.ndarray, dict]


def film(number: int, lateral: bool = False) -> Film:
    """A film of the hospital, uint8, and its truth; every second one has a finding."""
    finding = FINDINGS[number // 2 % len(FINDINGS)]
    tone, truth = draw_chest(
        np.random.default_rng(number),
        SIZES[number % len(SIZES)],
        age=20 + number * 7 % 60,
        sex="FM"[number // 3 % 2],
        findings=frozenset({finding}) if number % 2 and not lateral else frozenset(),
        lateral=lateral,
    )
    return np.rint(tone * 255).astype(np.uint8), truth


@pytest.fixture(scope="module")
def films() -> list[Film]:
    return [film(number) for number in range(48)]


@pytest.fixture(scope="module")
def laterals() -> list[np.ndarray]:
    return [film(number, lateral=True)[0] for number in range(16)]


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


# --- the aorta's window -----------------------------------------------------------------------


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
    assert aorta_window(image, spacing).side == pytest.approx(SIDE * find_thorax(image).width)


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


EMPTY = {
    "black": np.zeros((300, 200), np.uint8),
    "white": np.full((64, 64), 255, np.uint8),
    "one pixel": np.zeros((1, 1), np.uint8),
    "a strip": np.full((1000, 3), 7, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8),
    "a ramp": np.tile(np.arange(256, dtype=np.uint8), (200, 1)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", EMPTY)
def test_what_is_no_chest_is_not_trusted_nor_lateral(what: str) -> None:
    window = aorta_window(EMPTY[what])
    assert window.confidence == 0 and window.side > 0
    assert np.isfinite(window).all()
    assert looks_lateral(EMPTY[what]) < LEAST_LATERAL


# --- lateral films ----------------------------------------------------------------------------


def test_lateral_films_are_told_from_frontal_ones(
    films: list[Film], laterals: list[np.ndarray]
) -> None:
    assert np.mean([looks_lateral(image) >= LEAST_LATERAL for image in laterals]) >= 0.95
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in laterals[:6]]
    assert all(looks_lateral(image) >= LEAST_LATERAL for image in mirrored)
    assert all(looks_lateral(image) < LEAST_LATERAL for image, _ in films)


def test_no_window_on_a_lateral_film_is_trusted(laterals: list[np.ndarray]) -> None:
    assert max(aorta_window(image).confidence for image in laterals) < LEAST_CONFIDENCE


# --- real films -------------------------------------------------------------------------------

real = pytest.mark.skipif(not NIH.is_dir(), reason="the real NIH films are not here")
# White or missing lungs, a bent spine, and the last one upside down.
HOPELESS = "2237_000 2827_001 3005_002 1951_010 1986_005 1986_006 10544_000 2545_001 3490_011"


def real_film(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


@real
def test_real_frontal_films_are_trusted_and_not_lateral() -> None:
    images = [real_film(path) for path in sorted(NIH.iterdir())[::12]]
    assert np.mean([looks_lateral(image) >= LEAST_LATERAL for image in images]) <= 0.02
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


# --- windows by hand --------------------------------------------------------------------------


def boxes(folder: Path, *lines: str) -> Path:
    path = folder / "boxes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_boxes_are_read(tmp_path: Path) -> None:
    path = boxes(tmp_path, "side,record_id,y,who,x", "120,07,30.5,me,40", "1e2,b, 2 ,,-1")
    expected = pd.DataFrame(
        {"x": [40.0, -1.0], "y": [30.5, 2.0], "side": [120.0, 100.0]},
        index=pd.Index(["07", "b"], name="record_id"),
    )
    pd.testing.assert_frame_equal(read_boxes(path), expected, check_index_type=False)


def test_no_boxes_are_a_legal_file(tmp_path: Path) -> None:
    assert read_boxes(boxes(tmp_path, "record_id,x,y,side")).empty


HEAD = "record_id,x,y,side"
WRONG = {
    "a column missing": (["record_id,x,y", "a,1,2"], "no column 'side'"),
    "no number": ([HEAD, "a,1,2,3", "b,1,left,3"], "y in row 3: write a number, in pixels"),
    "nothing": ([HEAD, "b,,2,3"], "x in row 2: write a number, in pixels"),
    "infinite": ([HEAD, "b,inf,2,3"], "x in row 2: write a number, in pixels"),
    "no side": ([HEAD, "a,1,2,0"], "side in row 2: write a number above 0"),
    "negative": ([HEAD, "a,1,2,-3"], "side in row 2: write a number above 0, in pixels"),
    "twice": (
        [HEAD, "a,1,2,3", "a,1,2,3"],
        "record_id of row 3 stands there twice; keep one",
    ),
    "ragged": ([HEAD, "a,1,2,3,4,5,6", "a,1"], "x in row 3: write a number, in pixels"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_boxes_are_named(tmp_path: Path, case: str) -> None:
    lines, message = WRONG[case]
    with pytest.raises(UserError, match=message):
        read_boxes(boxes(tmp_path, *lines))


def test_nothing_of_a_person_s_boxes_is_quoted(tmp_path: Path) -> None:
    """The message goes into a log beside the results."""
    for lines in (
        [HEAD, "Ivanov Petr,1,Petrova,3"],
        ["Ivanov Petr,1,2,3"],
        [HEAD, *["Ivanov,1,2,3"] * 2],
    ):
        with pytest.raises(UserError) as caught:
            read_boxes(boxes(tmp_path, *lines))
        assert not any(word in str(caught.value) for word in ("Ivanov", "Petr", str(tmp_path)))


def test_boxes_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a readable CSV"):
        read_boxes(tmp_path / "none.csv")
