"""One look at the pixels: what is usable and why not, and where the aorta is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pgdose import images, records, screen
from pgdose.errors import Rejected
from pgdose.phantom.chest import draw_chest
from pgdose.records import generator
from pgdose.thorax import aorta_window

REAL = Path(__file__).parents[2] / "shared" / "real"


def picture(side: int = 128, seed: int = 0) -> np.ndarray:
    """An image that passes: smooth greys with some texture."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(40, 200, side)
    return (slope[:, None] + rng.uniform(-20, 20, (side, side))).astype(np.uint8)


def saturated(share: float, seed: int = 0) -> np.ndarray:
    """`share` of the rows are white, the rest pass."""
    image = picture(200, seed)
    image[: round(200 * share)] = 255
    return image


def blank(spread: float) -> np.ndarray:
    """Two halves whose standard deviation is `spread`."""
    image = np.full((128, 128), 100, np.uint8)
    image[64:] += round(2 * spread)
    return image


def reason(image: np.ndarray, view: str | None = None) -> str | None:
    try:
        screen.check(image, view)
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("view", ["PA", "AP", None])
def test_a_frontal_film_passes(view: str | None) -> None:
    assert reason(picture(), view) is None


@pytest.mark.parametrize("view", screen.LATERAL)
def test_a_lateral_film_is_rejected(view: str) -> None:
    assert reason(picture(), view) == "lateral"


def test_an_image_is_tiny_below_64_pixels() -> None:
    assert reason(picture(128)[:63]) == "tiny"
    assert reason(picture(128)[:, :63]) == "tiny"
    assert reason(picture(128)[:64]) is None


def test_an_image_is_blank_below_a_spread_of_four_greys() -> None:
    assert reason(blank(3)) == "blank"
    assert reason(blank(5)) is None


def test_noise_alone_is_blank() -> None:
    noise = np.random.default_rng(0).normal(128, 8, (1024, 1024)).astype(np.uint8)
    assert reason(noise) == "blank"


def test_an_image_is_saturated_when_most_pixels_are_black_or_white() -> None:
    assert reason(saturated(0.7)) == "saturated"
    assert reason(saturated(0.5)) is None
    both = saturated(0.4)
    both[-80:] = 0
    assert reason(both) == "saturated"


def test_pixel_hash_is_equal_for_equal_pixels_alone() -> None:
    image = picture()
    other = image.copy()
    other[3, 4] += 1
    assert screen.pixel_hash(image) == screen.pixel_hash(image.copy())
    assert screen.pixel_hash(image) != screen.pixel_hash(other)
    assert screen.pixel_hash(image[:, :64]) != screen.pixel_hash(image[:, :64].reshape(64, 128))


Write = Callable[[dict[str, np.ndarray]], tuple[pd.DataFrame, pd.Series]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes images as files; gives the table of records and their paths."""

    def write_images(named: dict[str, np.ndarray]) -> tuple[pd.DataFrame, pd.Series]:
        for name, image in named.items():
            Image.fromarray(image).save(tmp_path / f"{name}.png")
        paths = pd.Series({name: str(tmp_path / f"{name}.png") for name in named})
        return pd.DataFrame({"record_id": list(named), "view": None}), paths

    return write_images


def look(table: pd.DataFrame, paths: pd.Series, **named: Any) -> pd.DataFrame:
    settings = {"kind": "table", "modality": "xray", "aorta": False} | named
    return screen.screen(table, paths, **settings)


def test_every_image_is_found_usable_or_not_and_why(write: Write, tmp_path: Path) -> None:
    table, paths = write(
        {"good": picture(), "tiny": picture(32), "blank": blank(1), "white": saturated(0.9)}
        | {"side": picture(128, 1), "cut": picture(128, 2), "gone": picture(128, 3)}
    )
    table.loc[table["record_id"] == "side", "view"] = "LL"
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:2000])
    (tmp_path / "gone.png").unlink()
    found = look(table, paths).set_index("record_id")
    assert found["usable"].to_dict() == {name: name == "good" for name in table["record_id"]}
    assert found["reason"].dropna().to_dict() == {
        "tiny": "tiny",
        "blank": "blank",
        "white": "saturated",
        "side": "lateral",
        "cut": "unreadable_pixels",
        "gone": "file_missing",
    }
    assert found["pixel_hash"].notna().to_dict() == found["usable"].to_dict()
    assert str(tmp_path) not in found.to_csv()


def test_a_view_means_nothing_outside_of_x_rays(write: Write) -> None:
    table, paths = write({"good": picture()})
    table["view"] = "LL"
    assert look(table, paths, modality="histology")["usable"].all()


def test_histology_is_read_in_colour(write: Write) -> None:
    colour = np.stack([picture(), picture()[::-1], picture()], axis=-1)
    paths = write({"tile": colour})[1]
    read = screen.read(paths["tile"], "table", "histology")
    assert np.array_equal(read, colour)
    assert screen.read(paths["tile"], "table", "xray").ndim == 2


def test_the_screen_of_no_records_is_a_legal_shard(tmp_path: Path) -> None:
    empty = pd.DataFrame({"record_id": [], "view": []})
    found = look(empty, pd.Series(dtype=str))
    records.write_table(found, tmp_path / "0.parquet", records.SCREEN)
    assert list(records.read_table(tmp_path / "0.parquet")) == records.SCREEN.names


def test_kept_and_rejected_are_all_that_was_found(write: Write) -> None:
    same = picture(128, 5)
    table, paths = write(
        {"a": picture(), "b": same, "c": same, "d": same.copy(), "e": blank(1), "f": blank(1)}
    )
    screened = look(table, paths)
    at_index = records.rejects([("g", "index", "not_dicom", "")])
    rejected = screen.rejects(at_index, screened)
    kept = set(table["record_id"]) - set(rejected["record_id"])
    assert kept == {"a", "b"}
    assert rejected["record_id"].is_unique
    assert len(kept) + len(rejected) == len(table) + len(at_index)
    assert rejected.set_index("record_id")["reason"].to_dict() == {
        "c": "duplicate_pixels",
        "d": "duplicate_pixels",
        "e": "blank",
        "f": "blank",
        "g": "not_dicom",
    }
    assert set(rejected.loc[rejected["stage"] == "index", "record_id"]) == {"g"}


def test_which_of_equal_images_is_kept_does_not_go_by_order(write: Write) -> None:
    same = picture()
    table, paths = write({"a": same, "b": same})
    nothing = records.rejects([])
    for order in ([0, 1], [1, 0]):
        rejected = screen.rejects(nothing, look(table.iloc[order], paths))
        assert rejected["record_id"].to_list() == ["b"]


# --- where the aorta is -----------------------------------------------------------------------


def chest(number: int) -> tuple[np.ndarray, dict[str, Any]]:
    rng = generator(11, "chest", str(number))
    findings = frozenset({"aorta"}) if number % 2 else frozenset[str]()
    film, truth = draw_chest(
        rng, 300, 280, age=30 + 2.5 * number, sex="FM"[number % 2], findings=findings
    )
    return np.rint(film * 255).astype(np.uint8), truth


@pytest.fixture(scope="module")
def chests() -> list[tuple[np.ndarray, dict[str, Any]]]:
    return [chest(number) for number in range(20)]


def holds(window: tuple[float, ...], x: float, y: float) -> bool:
    return abs(x - window[0]) < window[2] / 2 and abs(y - window[1]) < window[2] / 2


def test_the_window_holds_the_aorta_wherever_it_is_sure(
    chests: list[tuple[np.ndarray, dict[str, Any]]],
) -> None:
    windows = [aorta_window(image) for image, _ in chests]
    sure = [w[3] >= images.LEAST_CONFIDENCE for w in windows]
    assert sum(sure) >= 15
    for window, (_, truth), known in zip(windows, chests, sure, strict=True):
        assert 0 <= window[3] <= 1
        assert not known or holds(window, truth["aorta_x"], truth["aorta_y"])


def test_the_window_is_a_region_and_not_the_whole_film(
    chests: list[tuple[np.ndarray, dict[str, Any]]],
) -> None:
    for image, truth in chests[:5]:
        x, y, side, _ = aorta_window(image)
        assert 0.5 < side / truth["aorta_side"] < 2
        assert side < 0.6 * min(image.shape)
        assert 0 < x < image.shape[1] and 0 < y < image.shape[0]


def test_the_window_follows_the_size_of_the_film(
    chests: list[tuple[np.ndarray, dict[str, Any]]],
) -> None:
    image, _ = chests[0]
    double = np.asarray(Image.fromarray(image).resize((560, 600)))
    small, large = aorta_window(image), aorta_window(double)
    assert np.allclose(np.array(large[:3]), 2 * np.array(small[:3]), rtol=0.05)


def lungs(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Dark boxes (top, bottom, left, right) on a bright film of 128 x 128."""
    film = np.full((128, 128), 200, np.uint8)
    for top, bottom, left, right in boxes:
        film[top:bottom, left:right] = 40
    return film


def test_two_equal_lungs_are_certain() -> None:
    x, y, side, confidence = aorta_window(lungs((30, 100, 20, 55), (30, 100, 73, 108)))
    assert confidence > 0.95
    assert 50 < x < 78 and 30 < y < 80 and 20 < side < 80


@pytest.mark.parametrize(
    "boxes",
    [
        [],
        [(30, 100, 20, 55)],
        [(20, 60, 45, 85), (70, 110, 45, 85)],  # one above the other
        [(30, 100, 20, 55), (60, 64, 90, 94)],  # the other is too small
        [(30, 100, 0, 50), (30, 100, 78, 128)],  # both run into the edge
    ],
)
def test_without_two_lungs_side_by_side_there_is_no_confidence(
    boxes: list[tuple[int, int, int, int]],
) -> None:
    assert aorta_window(lungs(*boxes)) == (64, 64, 64, 0.0)


def test_unequal_lungs_are_less_certain() -> None:
    equal = aorta_window(lungs((30, 100, 20, 55), (30, 100, 73, 108)))[3]
    unequal = aorta_window(lungs((30, 100, 20, 55), (30, 70, 73, 108)))[3]
    assert 0 < unequal < 0.5 < equal


def test_the_screen_looks_for_the_aorta_only_when_asked(
    write: Write, chests: list[tuple[np.ndarray, dict[str, Any]]]
) -> None:
    table, paths = write({"a": chests[0][0]})
    places = ["aorta_x", "aorta_y", "aorta_side", "aorta_confidence"]
    assert look(table, paths)[places].isna().all(axis=None)
    assert tuple(look(table, paths, aorta=True)[places].iloc[0]) == aorta_window(chests[0][0])


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")
def test_real_films_pass_the_screen() -> None:
    found = sorted((REAL / "nih" / "images").glob("*.png"))[:12]
    table = pd.DataFrame({"record_id": [p.stem for p in found], "view": "PA"})
    paths = pd.Series({p.stem: str(p) for p in found})
    screened = look(table, paths, aorta=True)
    assert screened["usable"].all()
    assert (screened["aorta_confidence"] >= images.LEAST_CONFIDENCE).sum() >= 6
