"""Microscope fields: records by table or layout, and tiles by place."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import tifffile
from helpers.image_tables import index_field_rows
from helpers.rejections import reason
from PIL import Image

from pgdose.errors import UserError
from pgdose.histology.fields import read_field_tiles
from pgdose.images.codecs import read_image
from pgdose.tables.rejects import Reject
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.layouts import table_from_layout
from pgdose.user_tables.reader import read_columns

REAL = Path(__file__).parents[4] / "shared" / "real"


needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")


def field_table(*names: str, patient: str = "P1", kind: str = "ovary_norm") -> pd.DataFrame:
    return pd.DataFrame({"file": list(names), "patient": patient, "class": kind})


class Cut(NamedTuple):
    """The tiles of some fields."""

    records: list[dict]
    paths: list[dict]
    rejects: list[Reject]
    margin_share: float


def cut(table: pd.DataFrame, root: Path, **keys: Any) -> Cut:
    tiles, margin_share = index_field_rows(table, root, **keys)
    return Cut(tiles.records, tiles.paths, tiles.rejects, margin_share)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field of 2048 x 1536 in which no two tiles are alike."""
    x, y = np.meshgrid(np.arange(2048), np.arange(1536))
    pixels = np.stack([x % 251, y % 241, (x // 8 + y // 6) % 256], axis=-1).astype(np.uint8)
    path = tmp_path_factory.mktemp("fields") / "field.png"
    Image.fromarray(pixels).save(path, compress_level=1)
    return path


def test_a_field_gives_48_tiles_row_by_row(field: Path) -> None:
    records, paths, rejects, dropped = cut(field_table(field.name), field.parent)
    places = [(r["x"], r["y"]) for r in records]
    assert places == [(x, y) for y in range(0, 1536, 256) for x in range(0, 2048, 256)]
    assert len(places) == 48 and rejects == [] and dropped == 0
    assert len({r["record_id"] for r in records}) == 48
    assert len({r["parent"] for r in records} | {r["patient"] for r in records}) == 2
    assert {(r["level"], r["rows"], r["columns"]) for r in records} == {(0, 256, 256)}
    assert {p["record_id"] for p in paths} == {
        *(r["record_id"] for r in records),
        records[0]["parent"],
    }


def test_tiles_are_the_pixels_of_their_place_in_the_order_asked_for(field: Path) -> None:
    records = pd.DataFrame(cut(field_table(field.name), field.parent).records)
    records = records.sample(frac=1, random_state=0)
    read = list(read_field_tiles(field, records, 256, bits=16))
    assert len(read) == 48
    with Image.open(field) as whole:
        for x, y, tile in zip(records["x"], records["y"], read, strict=True):
            assert tile.dtype == np.uint8 and tile.base is not None  # a view
            assert np.array_equal(tile, np.asarray(whole.crop((x, y, x + 256, y + 256))))


def test_a_field_that_cannot_be_read_fails_at_the_call_and_not_at_the_first_tile(
    field: Path, tmp_path: Path
) -> None:
    whole = pd.DataFrame({"x": [1792], "y": [1280]})
    (tmp_path / "cut.png").write_bytes(field.read_bytes()[:50_000])
    assert cut(field_table("cut.png"), tmp_path).rejects == []  # the header is in order
    assert (
        reason(read_field_tiles, tmp_path / "cut.png", whole, 256, bits=16) == "unreadable_pixels"
    )
    assert reason(read_field_tiles, field, whole + 1, 256, bits=16) == "other_size"
    assert len(list(read_field_tiles(os.fsencode(field), whole, 256, bits=16))) == 1


@pytest.fixture
def odd_sizes(tmp_path: Path) -> pd.DataFrame:
    sizes = [(512, 512), (512, 256), (1024, 700), (1024, 700), (511, 767), (255, 900)]
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(tmp_path / f"secret{number}.png")
    return field_table(*(f"secret{number}.png" for number in range(len(sizes))))


def test_fields_that_are_no_whole_number_of_tiles_are_a_mistake(
    odd_sizes: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        cut(odd_sizes, tmp_path)
    assert str(caught.value) == (
        "sources.fields: 4 of 6 fields are not a whole number of 256-pixel tiles: "
        "1024x700 (2), 511x767 (1), 255x900 (1); set 'margin: drop' to cut off the rest"
    )


def test_margins_are_dropped_where_the_study_says_so(
    odd_sizes: pd.DataFrame, tmp_path: Path
) -> None:
    records, _, rejects, dropped = cut(odd_sizes, tmp_path, margin="drop")
    assert [r[2] for r in rejects] == ["too_small"]
    tiles = pd.DataFrame(records).groupby("parent", sort=False)[["x", "y"]]
    assert tiles.size().tolist() == [4, 2, 8, 8, 2]
    assert [(r["x"], r["y"]) for r in records[-2:]] == [(0, 0), (0, 256)]
    pixels = 512 * 512 + 512 * 256 + 2 * 1024 * 700 + 511 * 767
    assert dropped == pytest.approx(1 - 24 * 256 * 256 / pixels)


def test_a_field_under_one_tile_is_an_odd_size_or_rejected(field: Path, tmp_path: Path) -> None:
    (tmp_path / field.name).write_bytes(field.read_bytes())
    Image.new("RGB", (2048, 255)).save(tmp_path / "small.png")
    both = field_table(field.name, "small.png")
    with pytest.raises(UserError, match=r"1 of 2 .* 2048x255 \(1\)"):
        cut(both, tmp_path)
    assert [r[2] for r in cut(both, tmp_path, margin="drop").rejects] == ["too_small"]


def test_only_some_of_many_odd_sizes_are_named(tmp_path: Path) -> None:
    for number in range(1, 8):
        Image.new("L", (256 + number, 256)).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"^sources.fields: 7 of 7 .* and 2 other sizes; set"):
        cut(field_table(*(f"{number}.png" for number in range(1, 8))), tmp_path)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"file": "gone.png"}, "file_missing"),
        ({"file": "x" * 300}, "file_missing"),
        ({"file": "../field.png"}, "outside_root"),
        ({"file": "text.tif"}, "not_an_image"),
        ({"patient": ""}, "incomplete_row"),
        ({"class": ""}, "incomplete_row"),
    ],
)
@pytest.mark.parametrize("margin", ["error", "drop"])
def test_fields_that_cannot_be_used_are_rejected_and_the_rest_goes_on(
    field: Path, tmp_path: Path, row: dict[str, str], expected: str, margin: str
) -> None:
    Image.new("RGB", (2048, 255)).save(tmp_path / "small.png")
    (tmp_path / "text.tif").write_text("no picture")
    (tmp_path / "field.png").symlink_to(tmp_path / "copy.png")
    (tmp_path / "copy.png").write_bytes(field.read_bytes())
    bad = field_table("field.png").assign(**row)
    both = pd.concat([bad, field_table("copy.png")])
    records, _, rejects, _ = cut(both, tmp_path, margin=margin)
    assert [r[2] for r in rejects] == [expected]
    assert len(records) == 48
    for secret in (str(tmp_path), ".png", ".tif", "gone", "P1"):
        assert secret not in repr(records) + repr(rejects)


def test_a_field_named_twice_is_cut_once(field: Path) -> None:
    records, paths, rejects, _ = cut(field_table(field.name, field.name), field.parent)
    assert len({r["record_id"] for r in records}) == len(records) == 48
    assert len({p["record_id"] for p in paths}) == len(paths)
    assert rejects == []


@pytest.mark.parametrize(
    ("layout", "file", "expected"),
    [
        ("{class}/{patient}/*.tif", "norm/P1/a.tif", ("P1", "norm")),
        ("{class}/{patient}/*.tif", "norm/P1/.tif", ("P1", "norm")),
        ("{class}/{patient}/*.tif", "norm/P1/a.TIF", (None, None)),
        ("{class}/{patient}/*.tif", "norm/P1/a_tif", (None, None)),
        ("{class}/{patient}/*.tif", "norm/P1/b/a.tif", (None, None)),
        ("{class}/{patient}/*.tif", "norm/a.tif", (None, None)),
        ("{class}/{patient}_*", "norm/P1_x_2.png", ("P1", "norm")),
        ("{class}/*-{patient}.tif", "ADI/ADI-TCGA-AA.tif", ("TCGA-AA", "ADI")),
        ("{patient}/{class} (x).png", "P1/norm (x).png", ("P1", "norm")),
        ("{patient}{class}.png", "abc.png", ("a", "bc")),
        ("*/{class}/{patient}.*", "2019/norm/P1.tar.gz", ("P1", "norm")),
        ("{class}/{patient}.tif", "norm/.tif", (None, None)),
    ],
)
def test_a_layout_says_patient_and_class(
    tmp_path: Path, layout: str, file: str, expected: tuple[str | None, str | None]
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    (row,) = table_from_layout(tmp_path, layout).to_dict("records")
    assert (row["file"], row["patient"], row["class"]) == (file, *expected)


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (256, 256)).save(path)
    return path


def test_what_is_found_by_a_layout_is_kept_or_rejected(tmp_path: Path) -> None:
    for name in ("norm/P2/a.png", "norm/P1/b.png", "tumour/P1/c.png", "tumour/d.png"):
        picture(tmp_path / name)
    for name in (".DS_Store", "norm/Thumbs.db", "norm/P1/.hidden", "norm/P1/empty.png"):
        (tmp_path / name).touch()
    result = table_from_layout(tmp_path, "{class}/{patient}/*.png")
    assert result["file"].tolist() == [
        ".DS_Store",
        "norm/Thumbs.db",
        "norm/P1/.hidden",
        "norm/P1/b.png",
        "norm/P1/empty.png",
        "norm/P2/a.png",
        "tumour/d.png",
        "tumour/P1/c.png",
    ]
    records, _, rejects, _ = cut(result, tmp_path)
    assert [r["class"] for r in records] == ["norm", "norm", "tumour"]
    assert records[0]["patient"] == records[2]["patient"] != records[1]["patient"]
    assert [r[2] for r in rejects] == [*["not_in_layout"] * 3, "not_an_image", "not_in_layout"]


def test_a_file_has_the_same_ids_by_layout_and_by_table(tmp_path: Path) -> None:
    picture(tmp_path / "norm" / "Пётр" / "é.png")
    by_layout = cut(table_from_layout(tmp_path, "{class}/{patient}/*"), tmp_path)
    table = field_table("norm/Пётр/é.png", patient="Пётр", kind="norm")
    assert by_layout == cut(table, tmp_path)


def test_names_that_are_not_utf_8_are_read(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/norm/\xcf1"
    Path(os.fsdecode(folder)).mkdir(parents=True)
    good = picture(tmp_path / "good.png")
    for name in (b"\xe4.png", b"\xe5.png"):
        os.link(good, folder + b"/" + name)
    result = table_from_layout(tmp_path, "{class}/{patient}/*.png")
    records, paths, rejects, _ = cut(result, tmp_path)
    assert len({r["record_id"] for r in records}) == 2
    assert len({r["patient"] for r in records}) == 1
    assert [r[2] for r in rejects] == ["not_in_layout"]
    assert {os.fsencode(p["path"])[-6:] for p in paths} == {b"/\xe4.png", b"/\xe5.png", b"od.png"}
    assert cut(result, tmp_path) == cut(result.iloc[::-1].iloc[::-1], tmp_path)
    for path in {p["path"] for p in paths}:
        assert (
            len(list(read_field_tiles(path, pd.DataFrame({"x": [0], "y": [0]}), 256, bits=16))) == 1
        )


def test_a_layout_that_matches_nothing_is_a_mistake(tmp_path: Path) -> None:
    picture(tmp_path / "norm" / "a.png")
    with pytest.raises(UserError, match=r"none of its 1 fields .* \(not_in_layout 1\)"):
        cut(table_from_layout(tmp_path, "{class}/{patient}/*.png"), tmp_path)


@needs_real
def test_real_tiles_are_fields_by_layout_and_by_table() -> None:
    root = REAL / "tiles"
    columns: dict[str, Any] = {"file": "image", "patient": "case", "class": "label"}
    by_table = cut(read_columns(UserTable(root / "records.csv", "f", columns)), root, tile=224)
    by_layout = cut(table_from_layout(root, "{class}/*-{patient}.tif"), root, tile=224)
    assert [r[2] for r in by_layout.rejects] == ["not_in_layout"]  # the table itself
    assert by_table.rejects == [] and len(by_table.records) == 108
    by_id = {r["record_id"]: r for r in by_table.records}
    assert by_id == {r["record_id"]: r for r in by_layout.records}
    for entry in [p for p in by_table.paths if p["record_id"] in by_id][::9]:
        (tile,) = read_field_tiles(entry["path"], pd.DataFrame({"x": [0], "y": [0]}), 224, bits=16)
        with Image.open(entry["path"]) as whole:
            assert np.array_equal(tile, np.asarray(whole)) and tile.std() > 5


def test_bits_are_passed_on_to_the_tiles(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 2**12, (48, 80, 3), dtype=np.uint16)
    values[0, 0] = 2**12 - 1
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, values, photometric="rgb", metadata=None)
    (tile,) = read_field_tiles(path, pd.DataFrame({"x": [4], "y": [2]}), 32, bits=12)
    assert np.array_equal(tile, read_image(path, 3, bits=12)[2:34, 4:36])


def test_the_depth_of_a_field_and_its_pages_are_recorded(tmp_path: Path) -> None:
    deep = np.full((64, 64, 3), 40_000, np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:  # with a thumbnail before it
        writer.write(deep[:16, :16], photometric="rgb", metadata=None)
        writer.write(deep, photometric="rgb", metadata=None)
    Image.new("RGB", (64, 64), "white").save(tmp_path / "b.png")
    tifffile.imwrite(tmp_path / "c.tif", np.stack([deep, deep]), photometric="rgb")
    notes: list[str] = []
    tiles, _ = index_field_rows(field_table("a.tif", "b.png", "c.tif"), tmp_path, notes, tile=32)
    assert [r["bits_stored"] for r in tiles.records] == [16] * 4 + [8] * 4
    assert [r.reason for r in tiles.rejects] == ["several_pages"]
    assert "1 files have several pages; the largest is read" in notes
    (tile,) = read_field_tiles(tmp_path / "a.tif", pd.DataFrame({"x": [32], "y": [32]}), 32, 16)
    assert (tile == round(255 * 40_000 / 65_535)).all()


def test_words_of_folders_in_any_language_become_classes(tmp_path: Path) -> None:
    """Capitals, spaces and composed accents are one spelling; other words are counted."""
    words = [
        "Рак лёгкого",
        "РАК",
        "норма\u00a0",
        "Nécrose",
        "Nécrose".replace("é", "e\u0301"),
        "другое",
    ]
    rows = []
    for n, word in enumerate(words):
        Image.new("RGB", (75, 75)).save(tmp_path / f"{n}.png")
        rows.append({"file": f"{n}.png", "patient": f"P{n}", "class": word})
    classes = {"tumour": ["рак*"], "norm": ["Норма"], "necrosis": ["nécrose"]}
    index = cut(pd.DataFrame(rows), tmp_path, tile=75, classes=classes)
    assert [r["class"] for r in index.records] == ["tumour"] * 2 + ["norm"] + ["necrosis"] * 2
    ((_, _, reason, detail),) = index.rejects
    assert reason == "unmapped_class" and "pgdose words" in detail and "другое" not in detail
    index = cut(pd.DataFrame(rows), tmp_path, tile=75, classes={"tumour": ["РАК"]})
    assert [r["class"] for r in index.records] == ["tumour"] and len(index.rejects) == 5
