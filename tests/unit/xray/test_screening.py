"""One look at the pixels: what is usable and why not, and where the aorta is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.dicom_files import film, save
from PIL import Image, ImageDraw, ImageFont

from pgdose.errors import Rejected
from pgdose.images import codecs
from pgdose.study.classes import Image as GroupImage
from pgdose.study.sources import FilmScreen
from pgdose.tables import parquet, person_fields, rejects
from pgdose.tables.keyed import generator
from pgdose.tables.private_paths import SourceFile, stat_file
from pgdose.tables.screening_schemas import SCREEN
from pgdose.xray import screening, source_rejects
from pgdose.xray.aorta_window import aorta_window
from pgdose.xray.source_images import ImageSettings, read_source_image
from pgdose_phantom.chest import draw_chest

LIMITS = FilmScreen().to_dict()
REAL = Path(__file__).parents[4] / "shared" / "real"


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


def reason(image: np.ndarray, **limits: float) -> str | None:
    try:
        screening.check_image(image, LIMITS | limits)
    except Rejected as rejected:
        return rejected.reason
    return None


def header_reason(**header: Any) -> str | None:
    try:
        screening.check_header({"view": None, "body_part": None} | header, LIMITS)
    except Rejected as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize("view", ["PA", "AP", None, np.nan])
@pytest.mark.parametrize("part", ["CHEST", "PORT CHEST", "THORAX", None, np.nan])
def test_a_frontal_chest_passes(view: str | None, part: str | None) -> None:
    assert header_reason(view=view, body_part=part) is None


@pytest.mark.parametrize("view", person_fields.LATERAL)
def test_a_lateral_film_is_rejected(view: str) -> None:
    assert header_reason(view=view) == "lateral"


def test_another_part_of_the_body_is_rejected() -> None:
    assert header_reason(body_part="HAND") == "not_chest"


def test_the_thresholds_are_the_study_s() -> None:
    assert reason(picture(), smallest=129) == "tiny"
    assert reason(picture(), least_spread=100) == "blank"
    assert reason(saturated(0.5)) is None
    assert reason(saturated(0.5), most_at_ends=0.4) == "saturated"


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


Write = Callable[[dict[str, np.ndarray]], tuple[pd.DataFrame, dict[str, SourceFile]]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes images as files; gives the table of records and their paths."""

    def write_images(named: dict[str, np.ndarray]) -> tuple[pd.DataFrame, dict[str, SourceFile]]:
        for name, image in named.items():
            Image.fromarray(image).save(tmp_path / f"{name}.png")
        paths = {name: stat_file(tmp_path / f"{name}.png") for name in named}
        return described(list(named)), paths

    return write_images


def described(ids: list[str]) -> pd.DataFrame:
    columns = {"view": None, "body_part": None, "mm_per_px": None}
    return pd.DataFrame({"record_id": ids} | columns)


def look(table: pd.DataFrame, paths: dict[str, SourceFile], **named: Any) -> pd.DataFrame:
    settings = {"kind": "table", "modality": "xray", "limits": LIMITS} | named
    aorta = settings.pop("aorta", False)
    settings["images"] = ImageSettings(settings.pop("kind"), settings.pop("modality"))
    return screening.screen(table.assign(aorta=aorta).to_dict("records"), paths, **settings)


def discard(index: pd.DataFrame, screened: pd.DataFrame, **instances: str) -> pd.DataFrame:
    return source_rejects.reject_all(index, screened, pd.Series(instances, dtype="str"))


def test_every_image_is_found_usable_or_not_and_why(write: Write, tmp_path: Path) -> None:
    table, paths = write(
        {"good": picture(), "tiny": picture(32), "blank": blank(0), "white": saturated(0.9)}
        | {"side": picture(128, 1), "cut": picture(128, 2), "gone": picture(128, 3)}
        | {"other": picture(128, 4), "later": picture(128, 5)}
    )
    table.loc[table["record_id"] == "side", "view"] = "LL"
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:2000])
    paths["cut"] = stat_file(tmp_path / "cut.png")
    Image.fromarray(picture(128, 6)).save(tmp_path / "other.png")
    os.utime(tmp_path / "other.png", ns=(0, paths["later"].modified))
    os.utime(tmp_path / "later.png", ns=(0, paths["later"].modified + 1))
    (tmp_path / "gone.png").unlink()
    found = look(table, paths).set_index("record_id")
    assert found["usable"].to_dict() == {name: name == "good" for name in table["record_id"]}
    assert found["reason"].dropna().to_dict() == {
        "other": "file_changed",
        "later": "file_changed",
        "tiny": "tiny",
        "blank": "blank",
        "white": "saturated",
        "side": "lateral",
        "cut": "unreadable_pixels",
        "gone": "file_missing",
    }
    for name in ("pixel_hash", "perceptual_hash"):
        assert found[name].notna().to_dict() == found["usable"].to_dict()
    assert str(tmp_path) not in found.to_csv()


def with_text(seed: int = 0) -> np.ndarray:
    """A smooth image with a row of letters."""
    rows = np.linspace(60, 180, 300)[:, None] + 20 * np.sin(np.arange(300) / 40 + seed)[None]
    image = Image.fromarray(rows.astype(np.uint8))
    ImageDraw.Draw(image).text((30, 40), "IVANOV 12.05", 255, ImageFont.load_default(20))
    return np.asarray(image)


def test_images_with_text_are_counted(write: Write) -> None:
    table, paths = write({"text": with_text(), "plain": chest(), "blank": blank(0)})
    found = look(table, paths).set_index("record_id")
    assert found["usable"].to_dict() == {"text": True, "plain": True, "blank": False}
    assert found.loc["text", "text_regions"] == 1 and found.loc["plain", "text_regions"] == 0
    assert pd.isna(found.loc["blank", "text_regions"])  # rejected before it was searched
    assert found["says_burned_in"].isna().all()


def test_images_with_text_are_rejected_where_the_study_says_so(write: Write) -> None:
    table, paths = write({"text": with_text(), "plain": chest()})
    limits = LIMITS | {"burned_in_text": "reject"}
    found = look(table, paths, limits=limits).set_index("record_id")
    assert found["reason"].dropna().to_dict() == {"text": "burned_in_text"}
    assert found.loc["text", "detail"] == "by the image, rows of letters: 1"
    assert found.loc["text", "text_regions"] == 1  # counted all the same
    assert pd.isna(found.loc["text", "pixel_hash"])


def test_histology_is_not_searched_for_text(write: Write) -> None:
    table, paths = write({"text": np.stack([with_text()] * 3, axis=2)})
    assert look(table, paths, modality="histology")["text_regions"].isna().all()
    assert look(table, paths, modality="other")["text_regions"].tolist() == [1]


@pytest.mark.parametrize(
    ("says", "column", "reason"),
    [
        ("YES", True, "burned_in_text"),
        ("yes ", True, "burned_in_text"),
        ("NO", False, None),
        ("MAYBE", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_what_a_header_says_of_text_counts(
    says: str | None, column: bool | None, reason: str | None, tmp_path: Path
) -> None:
    attributes = {} if says is None else {"BurnedInAnnotation": says}
    stored = chest().astype(np.uint16) << 4
    path = save(film(stored, 12, **attributes), tmp_path / "a.dcm")
    table, paths = described(["a"]), {"a": stat_file(path)}
    for handling, expected in (("count", None), ("reject", reason)):
        limits = LIMITS | {"burned_in_text": handling}
        row = look(table, paths, kind="dicom_archive", limits=limits).loc[0]
        said = None if pd.isna(row["says_burned_in"]) else bool(row["says_burned_in"])
        assert said is column
        assert (None if row["usable"] else row["reason"]) == expected
    parquet.write_table(pd.DataFrame([row]), tmp_path / "0.parquet", SCREEN)


def test_a_view_means_nothing_outside_of_x_rays(write: Write) -> None:
    table, paths = write({"good": picture()})
    table["view"] = "LL"
    assert look(table, paths, modality="histology")["usable"].all()


def test_histology_is_read_in_colour(write: Write) -> None:
    colour = np.stack([picture(), picture()[::-1], picture()], axis=-1)
    paths = write({"tile": colour})[1]
    read = read_source_image(paths["tile"], ImageSettings("table", "histology"))
    assert np.array_equal(read.pixels, colour) and read.applied == "none"
    assert read_source_image(paths["tile"], ImageSettings("table", "xray")).pixels.ndim == 2


def test_the_screen_of_no_records_is_a_legal_shard(tmp_path: Path) -> None:
    found = look(described([]), {})
    parquet.write_table(found, tmp_path / "0.parquet", SCREEN)
    assert list(parquet.read_table(tmp_path / "0.parquet")) == SCREEN.names


def test_kept_and_rejected_are_all_that_was_found(write: Write) -> None:
    same = picture(128, 5)
    table, paths = write(
        {"a": picture(), "b": same, "c": same, "d": same.copy(), "e": blank(0), "f": blank(0)}
    )
    screened = look(table, paths)
    at_index = rejects.reject_table([rejects.Reject("g", "index", "not_dicom", "")])
    rejected = discard(at_index, screened)
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


def test_a_second_export_of_a_film_is_known_by_its_uid(write: Write) -> None:
    table, paths = write({"a": blank(0), "b": chest(), "c": chest()[::2]})
    rejected = discard(rejects.reject_table([]), look(table, paths), a="u", b="u", c="u")
    reasons = rejected.set_index("record_id")["reason"].to_dict()
    assert reasons == {"a": "blank", "c": "duplicate_uid"}  # b is the first that can be used


def test_which_of_equal_images_is_kept_does_not_go_by_order(write: Write) -> None:
    same = picture()
    table, paths = write({"a": same, "b": same})
    nothing = rejects.reject_table([])
    for order in ([0, 1], [1, 0]):
        rejected = discard(nothing, look(table.iloc[order], paths))
        assert rejected["record_id"].to_list() == ["b"]


# --- the chest ---------------------------------------------------------------------------------


def chest(lateral: bool = False) -> np.ndarray:
    film, _ = draw_chest(
        generator(11, "chest", "one"),
        (300, 280),
        age=50,
        sex="F",
        findings=frozenset(),
        lateral=lateral,
    )
    return np.rint(film * 255).astype(np.uint8)


@pytest.mark.parametrize("view", ["PA", None])
def test_a_lateral_is_known_by_the_image_where_its_view_lies(
    write: Write, view: str | None
) -> None:
    table, paths = write({"front": chest(), "side": chest(lateral=True)})
    limits = LIMITS | {"lateral_score": 0.5}
    found = look(table.assign(view=view), paths, limits=limits)
    assert found["reason"].fillna("").tolist() == ["", "lateral"]
    assert look(table, paths)["usable"].all()  # off unless asked for


def test_the_screen_looks_for_the_aorta_only_when_asked(
    write: Write,
) -> None:
    table, paths = write({"a": chest()})
    places = ["aorta_x", "aorta_y", "aorta_side", "aorta_confidence"]
    assert look(table, paths)[places].isna().all(axis=None)
    assert tuple(look(table, paths, aorta=True)[places].iloc[0]) == aorta_window(
        codecs.stretch(chest())
    )


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")
def test_real_films_pass_the_screen() -> None:
    found = sorted((REAL / "nih" / "images").glob("*.png"))[:12]
    table = described([p.stem for p in found])
    paths = {p.stem: stat_file(p) for p in found}
    screened = look(table, paths, aorta=True)
    assert screened["usable"].all()
    assert (screened["aorta_confidence"] >= GroupImage().least_confidence).sum() >= 6
