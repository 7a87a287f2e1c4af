"""How each kind of source becomes records and pixels: real files in, records or rejects out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image
from shapely.geometry import Polygon, box, mapping, shape

from pgdose.errors import Rejected, UserError
from pgdose.phantom.slides import write_slides
from pgdose.phantom.svs import write_svs
from pgdose.records import opaque
from pgdose.sources import fields, files, slides, table
from pgdose.sources.columns import find_columns, header
from pgdose.sources.outlines import read_geojson
from pgdose.sources.preflight import check_inputs
from pgdose.study import Study, parse

REAL = Path(__file__).parents[2] / "shared" / "real"
KEY = b"k" * 32

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")


def reason(act: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The reason code with which the input is rejected."""
    with pytest.raises(Rejected) as caught:
        act(*arguments, **named)
    return caught.value.reason


# --- columns and tables -----------------------------------------------------------------------


def write_csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_a_missing_column_is_named_with_its_field_table_and_columns(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "Image Index,Patient ID\n")
    with pytest.raises(UserError) as caught:
        find_columns(path, {"image": "image"}, "sources.nih.columns")
    message = str(caught.value)
    assert message.startswith("sources.nih.columns.image: ")
    for part in ("'image'", "records.csv", "Image Index", "Patient ID"):
        assert part in message
    assert str(tmp_path) not in message


def test_the_first_of_several_names_that_is_there_counts(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "sex,gender\n")
    assert find_columns(path, {"sex": ["Sex", "gender", "sex"]}, "f") == {"sex": "gender"}
    with pytest.raises(UserError, match="'Sex' or 'SEX'"):
        find_columns(path, {"sex": ["Sex", "SEX"]}, "f")


def test_a_column_that_is_not_wanted_is_not_looked_for(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "image\n")
    assert find_columns(path, {"image": "image", "age": None}, "f") == {"image": "image"}


def test_an_empty_table_has_no_columns(tmp_path: Path) -> None:
    assert header(write_csv(tmp_path / "records.csv", ""), "sources.films") == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    text = "image,patient,возраст\n a.png , 007 ,\nb.png,NA,45\n"
    path = write_csv(tmp_path / "records.csv", text, encoding)
    wanted: dict[str, Any] = {"image": "image", "patient": "patient", "age": "возраст"}
    read = table.read_columns(path, wanted, "f")
    assert read.to_dict("list") == {
        "image": ["a.png", "b.png"],
        "patient": ["007", "NA"],
        "age": ["", "45"],
    }


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a.png", "b.png"], "id": [7, 8], "years": [45.0, None]})
    frame.to_parquet(tmp_path / "records.parquet")
    wanted: dict[str, Any] = {"image": "file", "patient": "id", "age": ["age", "years"]}
    read = table.read_columns(tmp_path / "records.parquet", wanted, "f")
    assert read.to_dict("list") == {
        "image": ["a.png", "b.png"],
        "patient": ["7", "8"],
        "age": ["45", ""],
    }


def test_two_meanings_may_share_a_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "image\na.png\n")
    read = table.read_columns(path, {"image": "image", "patient": "image"}, "f")
    assert read.to_dict("list") == {"image": ["a.png"], "patient": ["a.png"]}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a.png, b.png (120 x 90) and a file outside of it."""
    root = tmp_path / "root"
    root.mkdir()
    for name in ("root/a.png", "root/b.png", "outside.png"):
        Image.new("L", (120, 90), 128).save(tmp_path / name)
    (root / "text.png").write_text("no picture")
    return root


def rows(*images: str, **columns: Any) -> pd.DataFrame:
    known = {"patient": "P1", "age": "45", "sex": "F", "view": "pa"} | columns
    return pd.DataFrame({"image": list(images), **known})


def index(images: pd.DataFrame, root: Path, **named: Any) -> table.Indexed:
    return table.index(images, root, key=KEY, source="nih", **named)


def test_a_row_of_a_table_becomes_a_record(pictures: Path) -> None:
    (record,), (path,), rejects = index(rows("a.png"), pictures)
    assert rejects == []
    assert (record["age"], record["sex"], record["view"]) == (45.0, "F", "PA")
    assert (record["rows"], record["columns"]) == (90, 120)
    assert path == {"record_id": record["record_id"], "path": str(pictures / "a.png")}
    assert "a.png" not in repr(record) and "P1" not in repr(record)


@pytest.mark.parametrize(
    ("name", "patient", "expected"),
    [
        ("gone.png", "P1", "file_missing"),
        ("", "P1", "file_missing"),
        ("../outside.png", "P1", "outside_root"),
        ("/etc/hostname", "P1", "outside_root"),
        ("text.png", "P1", "not_an_image"),
        ("a.png", "", "no_patient"),
    ],
)
def test_rows_that_cannot_be_used_are_rejected(
    pictures: Path, name: str, patient: str, expected: str
) -> None:
    records, paths, rejects = index(rows(name, patient=patient), pictures)
    assert records == []
    assert [(r[1], r[2]) for r in rejects] == [("index", expected)]
    assert rejects[0][0] == paths[0]["record_id"]
    assert name == "" or name not in rejects[0][3]


def test_a_link_that_leads_out_of_the_root_is_not_followed(pictures: Path) -> None:
    (pictures / "link.png").symlink_to(pictures.parent / "outside.png")
    assert index(rows("link.png"), pictures)[2][0][2] == "outside_root"


def test_an_image_named_twice_is_one_record_and_one_reject(pictures: Path) -> None:
    records, _, rejects = index(rows("a.png", "b.png", "a.png"), pictures)
    assert len(records) == 2
    assert len({r["record_id"] for r in records}) == 2
    assert [r[2] for r in rejects] == ["duplicate_row"]


def test_no_record_is_kept_and_rejected_at_once(pictures: Path) -> None:
    records, _, rejects = index(rows("a.png", "b.png", "a.png"), pictures)
    assert not {r["record_id"] for r in records} & {r[0] for r in rejects}


def test_a_record_has_one_file(pictures: Path) -> None:
    _, paths, _ = index(rows("a.png", "b.png", "a.png"), pictures)
    by_record = pd.DataFrame(paths).set_index("record_id")["path"]
    assert by_record.index.is_unique


LABELS = {"norm": "No Finding", "pneumonia": "Pneumonia", "focal": "Nodule"}


def labels_of(cell: str, root: Path, separator: str | None) -> tuple[int | None, ...]:
    (record,), _, _ = index(rows("a.png", label=cell), root, labels=LABELS, separator=separator)
    return tuple(record[f"label_{name}"] for name in LABELS)


def test_labels_are_one_zero_or_unknown(pictures: Path) -> None:
    assert labels_of("Pneumonia|Nodule", pictures, "|") == (0, 1, 1)
    assert labels_of(" Pneumonia | Effusion", pictures, "|") == (0, 1, 0)
    assert labels_of("No Finding", pictures, "|") == (1, 0, 0)
    assert labels_of("", pictures, "|") == (None, None, None)


def test_labels_without_a_separator_are_the_whole_cell(pictures: Path) -> None:
    assert labels_of("Pneumonia", pictures, None) == (0, 1, 0)
    assert labels_of("Pneumonia|Nodule", pictures, None) == (0, 0, 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_greys_are_stretched_whatever_they_use_of_16_bits(
    tmp_path: Path, suffix: str, bits: int
) -> None:
    values = np.linspace(0, 2**bits - 1, 4096).astype(np.uint16).reshape(64, 64)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    seen = files.read_image(path, 1)
    assert np.array_equal(seen, files.stretch(values))
    assert (seen.min(), seen.max()) == (0, 255)
    assert len(np.unique(seen)) > 200


def test_real_numbers_as_greys_are_rejected(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "real.tif")
    assert reason(files.read_image, tmp_path / "real.tif", 1) == "not_8_or_16_bit"


def test_read_image_gives_the_channels_asked_for(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    assert np.array_equal(files.read_image(tmp_path / "colour.png", 3), colour)
    assert files.read_image(tmp_path / "colour.png", 1).shape == (10, 12)


def test_a_truncated_picture_fails_at_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    assert files.image_size(path) == (90, 90)
    assert reason(files.read_image, path, 1) == "unreadable_pixels"


def test_a_picture_that_promises_too_much_is_not_opened(tmp_path: Path) -> None:
    Image.new("1", (40_000, 10_001)).save(tmp_path / "bomb.png")
    assert reason(files.image_size, tmp_path / "bomb.png") in ("absurd_size", "not_an_image")


def test_a_folder_that_is_none_is_named_with_its_field(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^sources\.x\.root: .* no such folder"):
        files.check_folder(tmp_path / "gone", "sources.x.root")


@needs_real
def test_real_table_of_chest_films_is_indexed() -> None:
    folder = REAL / "nih"
    names = header(folder / "records.csv", "sources.films")
    wanted: dict[str, Any] = {name: name for name in ("image", "patient", "age", "sex", "view")}
    read = table.read_columns(folder / "records.csv", {**wanted, "label": "finding"}, "f")
    assert {"image", "finding"} <= set(names)
    root = folder / "images" if (folder / "images" / read["image"][0]).is_file() else folder
    some = read.groupby("label").head(10)
    labels = {"norm": "No Finding", "pneumonia": "Pneumonia"}
    records, paths, rejects = index(some, root, labels=labels, separator="|")
    assert (len(records), len(paths), rejects) == (20, 20, [])
    assert sum(r["label_norm"] for r in records) == 10
    assert all(r["rows"] == r["columns"] == 512 and r["sex"] in "FM" for r in records)


# --- microscope fields ------------------------------------------------------------------------


def field_table(*names: str, patient: str = "P1", kind: str = "ovary_norm") -> pd.DataFrame:
    return pd.DataFrame({"file": list(names), "patient": patient, "class": kind})


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field of 2048 x 1536 in which no two tiles are alike."""
    x, y = np.meshgrid(np.arange(2048), np.arange(1536))
    pixels = np.stack([x % 251, y % 241, (x // 8 + y // 6) % 256], axis=-1).astype(np.uint8)
    path = tmp_path_factory.mktemp("fields") / "field.png"
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def cut(
    names: pd.DataFrame, root: Path
) -> tuple[list[dict], list[dict], list[tuple[str, str, str, str]]]:
    return fields.index(names, root, key=KEY, source="fields", tile=256)


def test_a_field_gives_48_tiles_row_by_row(field: Path) -> None:
    records, paths, rejects = cut(field_table(field.name), field.parent)
    places = [(r["x"], r["y"]) for r in records]
    assert places == [(x, y) for y in range(0, 1536, 256) for x in range(0, 2048, 256)]
    assert len(places) == 48 and rejects == []
    assert len({r["record_id"] for r in records}) == 48
    assert len({r["parent"] for r in records} | {r["patient"] for r in records}) == 2
    assert {p["record_id"] for p in paths} == {
        *(r["record_id"] for r in records),
        records[0]["parent"],
    }


def test_tiles_are_the_pixels_of_their_place(field: Path) -> None:
    records, _, _ = cut(field_table(field.name), field.parent)
    read = fields.read_tiles(field, pd.DataFrame(records), 256)
    assert read.shape == (48, 256, 256, 3) and read.dtype == np.uint8
    with Image.open(field) as whole:
        for record, tile in zip(records, read, strict=True):
            x, y = record["x"], record["y"]
            assert np.array_equal(tile, np.asarray(whole.crop((x, y, x + 256, y + 256))))


def test_a_margin_under_one_tile_is_dropped(tmp_path: Path) -> None:
    Image.new("RGB", (767, 511)).save(tmp_path / "field.png")
    records, _, _ = cut(field_table("field.png"), tmp_path)
    assert [(r["x"], r["y"]) for r in records] == [(0, 0), (256, 0)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"file": "small.png"}, "too_small"),
        ({"file": "gone.png"}, "file_missing"),
        ({"file": "../field.png"}, "outside_root"),
        ({"patient": ""}, "incomplete_row"),
        ({"class": ""}, "incomplete_row"),
    ],
)
def test_fields_that_cannot_be_used_are_rejected_and_the_rest_goes_on(
    field: Path, tmp_path: Path, row: dict[str, str], expected: str
) -> None:
    Image.new("RGB", (2048, 255)).save(tmp_path / "small.png")
    (tmp_path / "field.png").symlink_to(tmp_path / "copy.png")
    (tmp_path / "copy.png").write_bytes(field.read_bytes())
    bad = field_table("field.png").assign(**row)
    records, _, rejects = cut(pd.concat([bad, field_table("copy.png")]), tmp_path)
    assert [r[2] for r in rejects] == [expected]
    assert len(records) == 48


def test_a_field_named_twice_is_cut_once(field: Path) -> None:
    records, paths, rejects = cut(field_table(field.name, field.name), field.parent)
    assert len({r["record_id"] for r in records}) == len(records) == 48
    assert len({p["record_id"] for p in paths}) == len(paths)
    assert [r[2] for r in rejects] == ["duplicate_row"]


@needs_real
def test_real_tiles_are_read_as_fields() -> None:
    read = pd.read_csv(REAL / "tiles" / "records.csv")
    assert len(read) == 108
    found = sorted((REAL / "tiles").rglob("*.tif"))[::9]
    for path in found:
        tile = fields.read_tiles(path, pd.DataFrame({"x": [0], "y": [0]}), 224)
        assert tile.shape == (1, 224, 224, 3)


# --- slides and outlines ----------------------------------------------------------------------


def outline(region: Any, name: str = "Tumor") -> dict:
    properties = {"objectType": "annotation", "classification": {"name": name}}
    return {"type": "Feature", "geometry": mapping(region), "properties": properties}


def write_outlines(path: Path, *features: dict, bare: bool = False) -> Path:
    collection = {"type": "FeatureCollection", "features": list(features)}
    path.write_text(json.dumps(list(features) if bare else collection))
    return path


@pytest.mark.parametrize("bare", [True, False])
def test_outlines_of_the_classes_asked_for_are_joined(tmp_path: Path, bare: bool) -> None:
    path = write_outlines(
        tmp_path / "a.geojson",
        outline(box(0, 0, 10, 10)),
        outline(box(5, 0, 15, 10), "tumour"),
        outline(box(100, 100, 200, 200), "Necrosis"),
        {"type": "Feature", "geometry": mapping(box(0, 0, 999, 999)), "properties": {}},
        {"type": "Feature", "geometry": mapping(box(0, 0, 999, 999)), "properties": None},
        bare=bare,
    )
    tumour, others = read_geojson(path, ["Tumor", "tumour"])
    assert tumour.equals(box(0, 0, 15, 10))
    assert others.equals(box(100, 100, 200, 200))  # what has no class says nothing


def test_outlines_are_moved_to_where_the_slide_begins(tmp_path: Path) -> None:
    path = write_outlines(tmp_path / "a.geojson", outline(box(0, 0, 10, 10)))
    assert read_geojson(path, ["Tumor"], (100, 50))[0].equals(box(100, 50, 110, 60))


def test_an_outline_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    bow = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    path = write_outlines(tmp_path / "a.geojson", outline(bow))
    found, _ = read_geojson(path, ["Tumor"])
    assert found.is_valid and found.area == pytest.approx(50)


def test_no_outlines_are_no_region(tmp_path: Path) -> None:
    path = write_outlines(tmp_path / "a.geojson")
    assert all(region.is_empty for region in read_geojson(path, ["Tumor"]))


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"features": [{"properties": 3}]}'])
def test_outlines_that_cannot_be_read_are_rejected(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(content)
    assert reason(read_geojson, path, ["Tumor"]) == "unreadable_outlines"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """Three slides of the synthetic hospital and their table."""
    folder = tmp_path_factory.mktemp("slides")
    root, table_file = folder / "slides", folder / "slides.csv"
    write_slides(root, table_file, folder / "truth" / "s.csv", seed=3, slides=3, side=1024)
    return root, pd.read_csv(table_file, dtype=str)


SETTINGS: dict[str, Any] = {
    "tile": 128,
    "tumour": ["Tumor"],
    "tissue_share": 0.5,
    "class_share": 0.9,
}


def expected_class(x: int, y: int, region: Any, tile: int, share: float) -> str:
    """By sampling points, not by intersecting polygons."""
    steps = (np.arange(32) + 0.5) * tile / 32
    px, py = np.meshgrid(x + steps, y + steps)
    covered = shapely.contains_xy(region, px.ravel(), py.ravel()).mean()
    return "tumour" if covered >= share else "norm" if covered <= 1 - share else ""


def test_tiles_get_the_class_of_the_outline_they_lie_in(
    hospital: tuple[Path, pd.DataFrame],
) -> None:
    root, listed = hospital
    seen = set()
    for row in listed.to_dict("records"):
        found = slides.candidates(root / row["slide"], root / row["outlines"], **SETTINGS)
        features = json.loads((root / row["outlines"]).read_text())["features"]
        region = shapely.union_all([shape(f["geometry"]) for f in features])
        for x, y, name in zip(found["x"], found["y"], found["class"], strict=True):
            sharp = {expected_class(x, y, region, 128, share) for share in (0.88, 0.9, 0.92)}
            if len(sharp) == 1:  # not at the very border between two classes
                assert name == sharp.pop()
            seen.add(name)
        assert (found["um_per_px"] > 0).all()
        assert (found[["x", "y"]] % 128 == 0).all(axis=None)
    assert seen == {"tumour", "norm"}


def plain_slide(path: Path) -> Path:
    """1024 x 1024: pink tissue on the right half and the lower left quarter, else glass."""
    picture = np.full((1024, 1024, 3), 242, np.uint8)
    picture[:, 512:] = picture[512:, :512] = (210, 120, 170)
    write_svs(picture, path, mpp=0.5, power=20, downsamples=(1, 4))
    return path


def test_only_tiles_with_tissue_are_candidates(tmp_path: Path) -> None:
    path = plain_slide(tmp_path / "s.svs")
    outlines = write_outlines(tmp_path / "s.geojson", outline(box(512, 0, 1024, 512)))
    found = slides.candidates(path, outlines, **SETTINGS | {"tile": 256})
    got = {(x, y): name for x, y, name in zip(found["x"], found["y"], found["class"], strict=True)}
    quarter = [(0, 0), (256, 0), (0, 256), (256, 256)]
    expected = {(x + 512, y): "tumour" for x, y in quarter}
    expected |= {(x + 512, y + 512): "norm" for x, y in quarter}
    expected |= {(x, y + 512): "norm" for x, y in quarter}
    assert got == expected
    assert set(found["um_per_px"]) == {0.5}


def test_tiles_between_the_classes_are_left_out(tmp_path: Path) -> None:
    path = plain_slide(tmp_path / "s.svs")
    outlines = write_outlines(tmp_path / "s.geojson", outline(box(640, 0, 1024, 1024)))
    found = slides.candidates(path, outlines, **SETTINGS | {"tile": 256})
    assert set(found.loc[found["class"] == "tumour", "x"]) == {768}
    assert not (found["x"] == 512).any()


def test_a_slide_of_glass_alone_has_no_candidates(tmp_path: Path) -> None:
    glass = np.full((1024, 1024, 3), 242, np.uint8)
    write_svs(glass, tmp_path / "s.svs", mpp=0.5, power=20, downsamples=(1,))
    outlines = write_outlines(tmp_path / "s.geojson", outline(box(0, 0, 1024, 1024)))
    assert len(slides.candidates(tmp_path / "s.svs", outlines, **SETTINGS)) == 0


def test_a_slide_smaller_than_a_tile_is_rejected(tmp_path: Path) -> None:
    path = plain_slide(tmp_path / "s.svs")
    outlines = write_outlines(tmp_path / "s.geojson")
    assert reason(slides.candidates, path, outlines, **SETTINGS | {"tile": 1025}) == "too_small"


def test_tiles_of_a_slide_are_its_pixels(tmp_path: Path) -> None:
    path = plain_slide(tmp_path / "s.svs")
    places = pd.DataFrame({"x": [0, 512, 384], "y": [0, 512, 0]})
    read = slides.read_tiles(path, places, 256)
    assert read.shape == (3, 256, 256, 3) and read.dtype == np.uint8
    assert np.abs(read[0].astype(int) - 242).max() <= 3
    assert np.abs(read[1].astype(int) - (210, 120, 170)).max() <= 3
    assert read[2, :, :120, 1].min() > 230 and read[2, :, 136:, 1].max() < 130


def test_what_was_not_scanned_is_white(tmp_path: Path) -> None:
    path = plain_slide(tmp_path / "s.svs")
    read = slides.read_tiles(path, pd.DataFrame({"x": [896], "y": [896]}), 256)[0]
    assert (read[128:] == 255).all() and (read[:, 128:] == 255).all()
    assert (read[:128, :128, 1] < 130).all()


def found_tiles(per_slide: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Candidates: so many of tumour and of norm on each slide."""
    places = [
        (f"{slide} {name} {i}", slide, name)
        for slide, numbers in per_slide.items()
        for name, n in zip(slides.CLASSES, numbers, strict=True)
        for i in range(n)
    ]
    return pd.DataFrame(places, columns=["record_id", "parent", "class"])


def test_tiles_are_chosen_evenly_over_the_slides() -> None:
    found = found_tiles({"a": (50, 50), "b": (50, 50), "c": (3, 50)})
    chosen = slides.choose(found, 23, seed=1)
    counts = chosen.groupby(["class", "parent"]).size()
    assert counts["tumour"].to_dict() == {"a": 10, "b": 10, "c": 3}
    assert sorted(counts["norm"]) == [7, 8, 8]
    assert set(chosen["record_id"]) <= set(found["record_id"])
    assert chosen["record_id"].is_unique


def test_the_choice_of_tiles_is_keyed_and_does_not_go_by_order() -> None:
    found = found_tiles({"a": (50, 50), "b": (50, 50)})

    def chosen(table: pd.DataFrame, seed: int) -> set[str]:
        return set(slides.choose(table, 20, seed)["record_id"])

    first = chosen(found, 1)
    assert chosen(found.sample(frac=1, random_state=0), 1) == first
    assert chosen(found, 2) != first
    with_one_more_slide = chosen(pd.concat([found, found_tiles({"c": (1, 1)})]), 1)
    assert len(first - with_one_more_slide) == 2  # one of each class


def test_too_few_tiles_tell_what_there_is() -> None:
    with pytest.raises(UserError) as caught:
        slides.choose(found_tiles({"a": (5, 50), "b": (7, 40)}), 20, seed=1)
    message = str(caught.value)
    assert "tiles_per_class is 20" in message and "12 tiles of tumour" in message
    table_of = [line.split() for line in message.splitlines()]
    assert ["a", "50", "5"] in table_of and ["b", "40", "7"] in table_of


def index_slides(
    listed: pd.DataFrame, root: Path, per_class: int = 4
) -> tuple[list[dict], list[dict], list[tuple[str, str, str, str]]]:
    named = SETTINGS | {"tiles_per_class": per_class, "seed": 1, "source": "breast", "key": KEY}
    return slides.index(listed, root, **named)


def test_unreadable_slides_and_outlines_are_rejected_and_the_rest_goes_on(
    hospital: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    root, listed = hospital
    for file in root.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "text.svs").write_text("no slide")
    (tmp_path / "text.geojson").write_text("no outlines")
    good = listed.iloc[0].to_dict()
    bad = [
        {**good, "slide": "text.svs"},
        {**good, "slide": "gone.svs"},
        {**good, "slide": "../gone.svs"},
        {**listed.iloc[1].to_dict(), "outlines": "text.geojson"},
        {**listed.iloc[2].to_dict(), "patient": ""},
    ]
    records, paths, rejects = index_slides(pd.DataFrame([*bad, good]), tmp_path)
    assert [r[2] for r in rejects] == [
        "unreadable_slide",
        "file_missing",
        "outside_root",
        "unreadable_outlines",
        "no_patient",
    ]
    assert pd.DataFrame(records)["class"].value_counts().to_dict() == {"tumour": 4, "norm": 4}
    assert len({r["parent"] for r in records}) == 1
    assert {r["record_id"] for r in records} | {r["parent"] for r in records} <= {
        p["record_id"] for p in paths
    }
    for secret in (str(tmp_path), "text.", "gone", str(good["slide"])):
        assert secret not in repr(records) + repr(rejects)


def test_not_one_readable_slide_is_a_mistake(tmp_path: Path) -> None:
    listed = pd.DataFrame([{"slide": "a.svs", "patient": "P1", "outlines": "a.geojson"}])
    with pytest.raises(UserError, match=r"sources\.breast: not one of its 1 slides"):
        index_slides(listed, tmp_path)


def test_a_slide_named_twice_is_cut_once(hospital: tuple[Path, pd.DataFrame]) -> None:
    root, listed = hospital
    records, paths, rejects = index_slides(pd.concat([listed, listed.head(1)]), root)
    assert len({r["record_id"] for r in records}) == len(records) == 8
    assert len({p["record_id"] for p in paths}) == len(paths)
    assert [r[2] for r in rejects] == ["duplicate_row"]


@needs_real
@pytest.mark.parametrize(
    ("name", "micrometres"),
    [("cmu-1-small-region.svs", 0.499), ("tcga-cr-7395-01a-01-ts1.svs", None)],
)
def test_real_slides_are_indexed_and_read(
    tmp_path: Path, name: str, micrometres: float | None
) -> None:
    path = REAL / "slides" / name
    with slides.open_slide(path) as slide:
        width, height = slide.dimensions
    half = write_outlines(tmp_path / "o.geojson", outline(box(0, 0, width / 2, height)))
    found = slides.candidates(path, half, **SETTINGS | {"tile": 256})
    assert set(found["class"]) == {"tumour", "norm"}
    assert (found.loc[found["class"] == "tumour", "x"] < width / 2).all()
    assert (found.loc[found["class"] == "norm", "x"] > width / 2 - 256).all()
    if micrometres is None:
        assert found["um_per_px"].isna().all()
    else:
        assert np.allclose(found["um_per_px"].astype(float), micrometres)
    read = slides.read_tiles(path, found.head(2), 256)
    assert read.shape == (2, 256, 256, 3) and read.std() > 5


# --- before any job ---------------------------------------------------------------------------


def a_study(root: Path, **source: Any) -> Study:
    known = {"kind": "table", "root": str(root), "table": str(root / "records.csv"), **source}
    return parse(
        {
            "study": "s",
            "sources": {"nih": known},
            "groups": {
                "G": {
                    "title": "t",
                    "classes": {
                        "A": {"source": "nih", "where": {"class": "a"}, "count": "all"},
                        "B": {"source": "nih", "where": {"class": "b"}, "count": "all"},
                    },
                    "exclude": source.pop("exclude", None),
                }
            },
            "attacks": {"paper": {"lr": 1.0, "epsilon": [0.1]}},
        }
    )


COLUMNS = {"columns": {"class": "kind"}}


def test_inputs_in_order_pass(tmp_path: Path) -> None:
    write_csv(tmp_path / "records.csv", "image,patient,kind\n")
    check_inputs(a_study(tmp_path, **COLUMNS))


def test_inputs_that_are_not_there_are_all_named_at_once(tmp_path: Path) -> None:
    study = a_study(tmp_path / "gone", **COLUMNS)
    group = study.groups["G"].model_copy(update={"exclude": "gone.csv"})
    with pytest.raises(UserError) as caught:
        check_inputs(study.model_copy(update={"groups": {"G": group}}))
    message = str(caught.value)
    for line in ("sources.nih.root: there", "sources.nih.table: there", "groups.G.exclude: there"):
        assert line in message


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "records.csv", "image,kind\n")
    with pytest.raises(UserError, match=r"sources\.nih\.columns\.patient: no column 'patient'"):
        check_inputs(a_study(tmp_path, **COLUMNS))


# --- what goes wrong quietly ------------------------------------------------------------------


def test_whole_numbers_of_parquet_stay_whole_beside_an_empty_cell(tmp_path: Path) -> None:
    """Otherwise 1 becomes 1.0, and no film has that accession number."""
    pd.DataFrame({"id": pd.array([1, None, 3], "Int64"), "text": ["a", "b", None]}).to_parquet(
        tmp_path / "reports.parquet"
    )
    read = table.read_columns(tmp_path / "reports.parquet", {"id": "id", "text": "text"}, "reports")
    assert read["id"].tolist() == ["1", "", "3"]
    assert read["text"].tolist() == ["a", "b", ""]


def test_reports_in_cp1251_are_read_when_the_study_says_so(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "reports.csv", "id,text\n1,Норма\n", encoding="cp1251")
    columns = {"id": "id", "text": "text"}
    assert table.read_columns(path, columns, "reports", "cp1251")["text"].tolist() == ["Норма"]
    with pytest.raises(UserError, match="is not utf-8; save it as UTF-8, or name its encoding"):
        table.read_columns(path, columns, "sources.xray.reports")


def test_an_impossible_age_rejects_its_image_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("L", (9, 9)).save(tmp_path / f"{name}.png")
    rows = pd.DataFrame({"image": ["a.png", "b.png"], "patient": "p", "age": ["150", "50"]})
    kept, _, rejected = table.index(rows, tmp_path, key=KEY, source="films")
    assert [record["age"] for record in kept] == [50]
    assert [reason for _, _, reason, _ in rejected] == ["impossible_age"]


def test_a_folder_that_cannot_be_read_stops_the_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: str, onerror: Callable[[OSError], None]) -> list[Any]:
        onerror(PermissionError(13, "Permission denied"))
        return []

    monkeypatch.setattr(files.os, "walk", broken)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        list(files.list_files(tmp_path, key=KEY, source="films"))


def test_an_archive_is_listed_with_ids_by_place(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/1", "a"):
        (tmp_path / name).touch()
    found = list(files.list_files(tmp_path, key=KEY, source="xray"))
    assert [entry["path"] for entry in found] == [str(tmp_path / "a"), str(tmp_path / "b/1")]
    assert found[1]["record_id"] == opaque(KEY, "xray", "b/1")
