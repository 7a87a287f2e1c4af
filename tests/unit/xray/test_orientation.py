"""Films that are stored mirrored, on their side or upside down."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.dicom_files import SYNTAXES, film, read_header, reason, save
from pydicom import uid

from pgdose.errors import Rejected
from pgdose.study.sources import FilmScreen
from pgdose.tables.private_paths import stat_file
from pgdose.xray import films, screening
from pgdose.xray.film_notes import film_notes
from pgdose.xray.orientation import TURNS, Turn
from pgdose.xray.source_images import ImageSettings, read_source_image

Write = Callable[..., Path]


def upright() -> np.ndarray:
    """80 x 100: the patient's left, on the right, is brighter, and so are the feet, below."""
    y, x = np.mgrid[:80, :100]
    return (x * 30 + y * 12).astype(np.uint16)


def stored(rows: str, columns: str) -> np.ndarray:
    """The same film as it is stored if rows run to `rows` and columns to `columns`.

    By the meaning of the directions, pixel by pixel.
    """
    shape = (80, 100) if rows in "LR" else (100, 80)
    made = np.empty(shape, np.uint16)
    for i, j in itertools.product(range(shape[0]), range(shape[1])):
        place = {}
        for direction, step, size in ((rows, j, shape[1]), (columns, i, shape[0])):
            axis = "x" if direction in "LR" else "y"
            place[axis] = step if direction in "LF" else size - 1 - step
        made[i, j] = upright()[place["y"], place["x"]]
    return made


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    return films.read_film(save(film(upright()), tmp_path_factory.mktemp("f") / "a.dcm")).pixels


FRONTAL = [(a, b) for a, b in itertools.permutations("LRHF", 2) if {a, b} not in ({*"LR"}, {*"HF"})]


@pytest.mark.parametrize(("rows", "columns"), FRONTAL)
def test_a_frontal_film_is_turned_upright(
    write: Write, rows: str, columns: str, expected: np.ndarray
) -> None:
    path = write(stored(rows, columns), PatientOrientation=[rows, columns])
    assert np.array_equal(films.read_film(path).pixels, expected)
    header = read_header(path)
    assert (header["rows"], header["columns"]) == (80, 100)
    is_upright = (rows, columns) == ("L", "F")
    assert header["turned"] != is_upright
    turned = {"RH", "FR", "HL"}
    assert header["stored"] == (
        None if is_upright else "turned" if rows + columns in turned else "mirrored"
    )
    as_stored = films.read_film(path, orientation="as_stored").pixels
    assert np.array_equal(TURNS[rows + columns].apply(as_stored), expected)
    found = read_header(path, orientation="as_stored")
    assert (found["rows"], found["columns"]) == as_stored.shape and not found["turned"]
    if is_upright:
        assert read_header(path, orientation="reject")
    else:
        assert reason(read_header, path, orientation="reject") == "not_upright"


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: uid.UID(syntax).keyword)
def test_films_of_every_transfer_syntax_are_turned(tmp_path: Path, syntax: str) -> None:
    bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
    plain = None if bits == 12 else (upright() // 16).astype(np.uint8)
    path = save(film(plain, bits, PatientOrientation=["R", "F"]), tmp_path / "film.dcm", syntax)
    turned, as_it_is = (films.read_film(path, orientation=o).pixels for o in ("turn", "as_stored"))
    assert np.array_equal(turned, as_it_is[:, ::-1]) and not np.array_equal(turned, as_it_is)


@pytest.mark.parametrize(
    ("orientation", "like"),
    [
        (["RP", "FA"], "RF"),
        (["LAF", "FP"], "LF"),
        (["r", "f"], "RF"),
        (["RIGHT", "FOOT"], "RF"),
        (["A", "F"], "LF"),  # from the side: never mirrored
        (["P", "F"], "LF"),
        (["A", "H"], "RH"),
        (["P", "H"], "RH"),
        (["F", "A"], "FR"),
        (["A", "L"], "LF"),  # nothing says which way is up
    ],
)
def test_the_first_letters_decide(write: Write, orientation: list[str], like: str) -> None:
    path = write(upright(), PatientOrientation=orientation)
    plain = films.read_film(path, orientation="as_stored").pixels
    assert np.array_equal(films.read_film(path).pixels, TURNS[like].apply(plain))
    assert read_header(path)["stored"] == TURNS[like].stored


@pytest.mark.parametrize("orientation", [*("LR", "LL", "HF", "R", "RFA", "XF"), ["R", ""]])
def test_an_orientation_that_contradicts_itself_turns_nothing(
    write: Write, orientation: str | list[str]
) -> None:
    path = write(upright(), PatientOrientation=list(orientation))
    assert read_header(path)["stored"] == "unclear" and not read_header(path)["turned"]
    plain = films.read_film(path, orientation="as_stored").pixels
    assert np.array_equal(films.read_film(path).pixels, plain)
    assert reason(read_header, path, orientation="reject") == "not_upright"


@pytest.mark.parametrize(
    ("attributes", "turn"),
    [
        ({"ImageHorizontalFlip": "Y"}, Turn(0, True)),
        ({"ImageHorizontalFlip": "N"}, Turn()),
        ({"ImageRotation": 90}, Turn(1, False)),
        ({"ImageRotation": 180, "ImageHorizontalFlip": "Y"}, Turn(2, True)),
        ({"ImageRotation": 270, "ImageHorizontalFlip": "N"}, Turn(3, False)),
        ({"ImageRotation": 45}, Turn()),
        # Patient Orientation describes the stored pixels, and decides:
        ({"ImageHorizontalFlip": "Y", "PatientOrientation": ["L", "F"]}, Turn()),
        ({"ImageHorizontalFlip": "Y", "PatientOrientation": ["R", "F"]}, Turn(0, True)),
        ({"ImageHorizontalFlip": "Y", "PatientOrientation": ["L", "R"]}, Turn(0, True)),
        ({"ImageHorizontalFlip": "Y", "PatientOrientation": ["", ""]}, Turn(0, True)),
    ],
)
def test_how_a_film_must_be_shown(write: Write, attributes: dict[str, Any], turn: Turn) -> None:
    path = write(upright(), **attributes)
    plain = films.read_film(path, orientation="as_stored").pixels
    expected = np.rot90(plain, -turn.quarters)
    expected = np.fliplr(expected) if turn.mirrored else expected
    assert np.array_equal(films.read_film(path).pixels, expected)
    assert read_header(path)["turned"] == (turn != Turn())


def test_a_flip_of_the_detector_s_field_is_counted_and_turns_nothing(write: Write) -> None:
    """The stored pixels are flipped already, from the detector's view to the film's."""
    flipped = {"FieldOfViewHorizontalFlip": "YES", "FieldOfViewRotation": 0}
    path = write(upright(), **flipped)
    assert read_header(path)["stored"] == "detector_flip" and not read_header(path)["turned"]
    assert reason(read_header, path, orientation="reject") == "not_upright"
    for other in ({"PatientOrientation": ["L", "F"]}, {"FieldOfViewHorizontalFlip": "NO"}):
        assert read_header(write(upright(), **flipped | other), orientation="reject")


def test_an_animal_s_letters_mean_other_things(write: Write) -> None:
    animal = {"PatientOrientation": ["R", "F"], "AnatomicalOrientationType": "QUADRUPED"}
    assert read_header(write(upright(), **animal))["stored"] is None


def test_the_spacing_is_that_of_the_rows_of_the_upright_film(write: Write) -> None:
    for orientation, mm in ((["F", "L"], 0.3), (["R", "F"], 0.2)):
        path = write(upright(), PatientOrientation=orientation, PixelSpacing=[0.2, 0.3])
        assert read_header(path)["mm_per_px"] == mm


def test_the_screening_sees_the_upright_film(write: Write) -> None:
    """Equal films that are stored otherwise have the same pixels."""
    paths = {
        "upright": write(upright()),
        "mirrored": write(stored("R", "F"), PatientOrientation=["R", "F"]),
        "other": write(stored("R", "F")),
    }
    files = {name: stat_file(path) for name, path in paths.items()}
    settings = ImageSettings("dicom_archive", "xray")
    records = [
        {"record_id": name, "view": "PA", "body_part": None, "aorta": False} for name in files
    ]
    screened = screening.screen(
        records, files, images=settings, limits=FilmScreen().model_dump()
    ).set_index("record_id")
    assert screened["usable"].all()
    assert screened["pixel_hash"]["upright"] == screened["pixel_hash"]["mirrored"]
    assert screened["pixel_hash"]["upright"] != screened["pixel_hash"]["other"]
    as_stored = settings._replace(orientation="as_stored", kind="table")
    pixels = [read_source_image(files[name], as_stored).pixels for name in ("mirrored", "other")]
    assert np.array_equal(*pixels)


def test_films_that_are_turned_are_counted() -> None:
    ways = ["mirrored"] * 14 + ["turned", "unclear", "detector_flip", None]
    rows = [{"says_modality": way != "turned", "stored": way} for way in ways]
    modality, *others = film_notes(rows, "turn")
    assert modality == "1 of 18 films do not say their modality; kept"
    assert others[0] == "14 films are stored mirrored; turned"
    assert others[1] == "1 films are stored on their side or upside down; turned"
    assert "taken as stored" in others[2] and "taken as stored" in others[3]
    assert "as the study says" in film_notes(rows, "as_stored")[1]
    assert film_notes([{"says_modality": True, "stored": None}], "turn") == []


def test_why_a_film_is_rejected_is_told(write: Write) -> None:
    with pytest.raises(Rejected) as caught:
        read_header(write(PatientOrientation=["R", "F"]), orientation="reject")
    assert caught.value.detail == "it is stored mirrored"
