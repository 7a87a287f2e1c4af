"""How each kind of source becomes records and pixels: real files in, records or rejects out."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import dicom_files
from helpers.image_tables import KEY, index_rows
from PIL import Image

from pgdose.analysis import agreement
from pgdose.cohort import exclusions
from pgdose.errors import Rejected, UserError
from pgdose.histology.slides import slide_table
from pgdose.images import codecs
from pgdose.preflight import check_inputs
from pgdose.study.parsing import parse
from pgdose.study.sources import Slides
from pgdose.study.study import Study
from pgdose.study.table_files import TableFile
from pgdose.tables import source_files, source_index
from pgdose.tables.keyed import SourceIds, opaque
from pgdose.tables.private_paths import stat_file
from pgdose.user_tables import csv_rows, layouts, parquet_rows, reader
from pgdose.user_tables.formats import TableFormat, UserTable, find_columns, read_header
from pgdose.xray import hand_drawn_boxes
from pgdose.xray.source_images import ImageSettings, read_source_image

REAL = Path(__file__).parents[4] / "shared" / "real"
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


def table(path: Path, field: str = "f", **columns: Any) -> UserTable:
    return UserTable(path, field, columns)


def read(path: Path, **columns: Any) -> dict[str, list]:
    return reader.read_columns(table(path, **columns)).drop(columns="line").to_dict("list")


def found(path: Path, **columns: Any) -> dict[str, int]:
    made = table(path, "sources.nih", **columns)
    return find_columns(made, read_header(made))[0]


def test_a_missing_column_is_named_with_its_field_table_and_columns(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "Image Index,Patient ID\n")
    with pytest.raises(UserError) as caught:
        found(path, image="image")
    message = str(caught.value)
    assert message.startswith("sources.nih.columns.image: ")
    for part in ("'image'", "records.csv", "Image Index", "Patient ID"):
        assert part in message
    assert str(tmp_path) not in message


def test_the_first_of_several_names_that_is_there_counts(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "sex,gender\n")
    assert found(path, sex=["Sexe", "gender", "sex"]) == {"sex": 1}
    with pytest.raises(UserError, match="'Sexe' or 'SEXE'"):
        found(path, sex=["Sexe", "SEXE"])


def test_a_column_that_is_not_wanted_is_not_looked_for(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "image\n")
    assert found(path, image="image", age=None) == {"image": 0}


def test_an_empty_table_has_no_columns(tmp_path: Path) -> None:
    assert read_header(table(write_csv(tmp_path / "records.csv", ""))).names == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    text = "image,patient,возраст\n a.png , 007 ,\nb.png,NA,45\n"
    path = write_csv(tmp_path / "records.csv", text, encoding)
    assert read(path, image="image", patient="patient", age="возраст") == {
        "image": ["a.png", "b.png"],
        "patient": ["007", "NA"],
        "age": ["", "45"],
    }


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"file": ["a.png", "b.png"], "id": [7, 8], "years": [45.0, None], "words": [["x", "y"], []]}
    )
    frame.to_parquet(tmp_path / "records.parquet")
    columns: dict[str, Any] = {"image": "file", "patient": "id", "age": ["age", "years"]}
    assert read(tmp_path / "records.parquet", **columns, label="words") == {
        "image": ["a.png", "b.png"],
        "patient": ["7", "8"],
        "age": ["45", ""],
        "label": ['["x", "y"]', "[]"],
    }


BOMBS = {
    "a cell": ["x" * (parquet_rows.LONGEST_CELL + 1)] * 3000,
    f"{reader.CHUNK_ROWS} rows": ["x" * parquet_rows.LONGEST_CELL] * 3000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_cells_of_parquet_are_measured_before_they_are_unpacked(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = BOMBS[what]
    column = pa.array([0] * len(texts)), pa.array(texts[:1])
    pq.write_table(pa.table({"a": pa.DictionaryArray.from_arrays(*column)}), path)
    before = pa.total_allocated_bytes()
    with pytest.raises(UserError, match=f"^f.table: a.parquet has {what} .*export it again"):
        read(path, image="a")
    assert path.stat().st_size < 2**20 and pa.total_allocated_bytes() - before < 2**27


@pytest.mark.parametrize(
    ("module", "limit", "most", "what"),
    [
        (parquet_rows, "MOST_ROWS", 999, "over 999 rows"),
        (parquet_rows, "LARGEST_GROUP", 10, "a row group of over 10 bytes"),
        (reader, "LARGEST_TABLE", 1000, "columns of over 1000 bytes"),
    ],
)
def test_a_parquet_table_of_absurd_size_is_refused(
    module: Any, limit: str, most: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": ["x"] * 1000}).to_parquet(path)
    assert len(read(path, image="a")["image"]) == 1000
    monkeypatch.setattr(module, limit, most)
    if limit != "LARGEST_TABLE":
        monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    with pytest.raises(UserError, match=f"^f.table: a.parquet has {what}"):
        read(path, image="a")


def test_a_csv_table_with_an_endless_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "a.csv", "image\n" + "x" * 10**6 + "\nb.png")
    assert len(read(path, image="image")["image"]) == 2
    monkeypatch.setattr(csv_rows, "LONGEST_LINE", 10**6 - 1)
    with pytest.raises(UserError, match=r"^f.table: a.csv has a line of over 999999 bytes"):
        read(path, image="image")
    with (tmp_path / "b.csv").open("wb") as file:
        file.truncate(10**10)  # a few kilobytes on disk
    with pytest.raises(UserError, match=r"^f.table: b.csv cannot be read: it holds zero bytes"):
        read_header(table(tmp_path / "b.csv"))


def test_no_table_of_a_person_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"record_id,reason,x,y,side,finding\n"))
    by_hand = UserTable(path, "f", {"id": "record_id"})
    readers: list[Callable[[], object]] = [
        lambda: exclusions.read_exclusions(path, "G"),
        lambda: hand_drawn_boxes.read_boxes(path, "G"),
        lambda: agreement.hand_states(by_hand, ["finding"]),
        lambda: read(path, image="record_id"),
    ]
    for act in readers:
        with pytest.raises(UserError, match=r"packed \(gzip\)"):
            act()


def test_two_meanings_may_share_a_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "image\na.png\n")
    assert read(path, image="image", patient="image") == {"image": ["a.png"], "patient": ["a.png"]}


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


def index(images: pd.DataFrame, root: Path, **keys: Any) -> source_index.SourceIndex:
    return index_rows(images, root, **keys)


def test_a_row_of_a_table_becomes_a_record(pictures: Path) -> None:
    (record,), (path,), rejects, _ = index(rows("a.png"), pictures)
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
    made = rows(name, "b.png", patient=[patient, "P2"])
    records, paths, rejects, _ = index(made, pictures)
    assert len(records) == 1
    assert [(r[1], r[2]) for r in rejects] == [("index", expected)]
    assert rejects[0][0] in [path["record_id"] for path in paths]
    assert name == "" or name not in rejects[0][3]


def test_a_link_that_leads_out_of_the_root_is_not_followed(pictures: Path) -> None:
    (pictures / "link.png").symlink_to(pictures.parent / "outside.png")
    assert index(rows("link.png", "b.png"), pictures)[2][0][2] == "outside_root"


def test_a_table_of_which_no_file_is_there_is_refused(pictures: Path) -> None:
    with pytest.raises(UserError, match=r"^sources\.nih\.root: .*'gone\.png'.*'a\.png'"):
        index(rows("gone.png", "lost.png"), pictures)


def test_an_image_named_twice_is_one_record(pictures: Path) -> None:
    notes: list[str] = []
    made = rows("a.png", "b.png", "./a.png", "A.PNG")
    records, paths, rejects, repeated = index_rows(made, pictures, notes)
    assert len({r["record_id"] for r in records}) == len(records) == len(paths) == 2
    assert rejects == [] and repeated.empty
    assert "2 rows say the same as an earlier row; left out" in notes


def test_rows_of_one_image_that_disagree_are_listed(pictures: Path) -> None:
    made = rows("a.png", "b.png", "a.png", age=["40", "50", "41"])
    with pytest.raises(UserError, match=r"^sources\.nih\.several: 1 images .*\(on age\)"):
        index(made, pictures)
    records, _, rejects, repeated = index(made, pictures, columns={"age": "age"}, several="last")
    assert sorted(r["age"] for r in records) == [41, 50] and rejects == []
    assert repeated[["n_rows", "differ", "several"]].to_numpy().tolist() == [[2, "age", "last"]]
    _, _, rejects, _ = index(made, pictures, several="union")
    assert [r[2] for r in rejects] == ["conflicting_rows"]


def test_patients_that_nobody_knows_are_one_for_each_image(pictures: Path) -> None:
    records, _, _, _ = index(rows("a.png", "b.png"), pictures, patients="none")
    patients = [r["patient"] for r in records]
    assert len(set(patients)) == 2 and all(p.startswith("unknown-") for p in patients)


def test_images_of_one_original_share_an_unknown_patient(pictures: Path) -> None:
    for name in ("c.png", "d.png"):
        shutil.copy(pictures / "a.png", pictures / name)
    notes: list[str] = []
    made = rows("a.png", "b.png", "c.png", "d.png", original=["g1", "g1", "d.png", ""])
    keys = {"patients": "none", "columns": {"original": "original"}}
    records, _, rejects, _ = index_rows(made, pictures, notes, **keys)
    a, b, c, d = (r["patient"] for r in records)
    assert a == b and len({a, c, d}) == 3 and not rejects
    assert all(p.startswith("unknown-") for p in (a, c, d))
    assert "(2 originals), and 1 images without one" in " ".join(notes)
    twice = rows("a.png", "b.png", original=["g1", "G1"], line=[2, 3])
    with pytest.raises(UserError, match=r"original: 2 originals of .* lines 2 and 3"):
        index(twice, pictures, **keys)


def test_a_class_that_a_study_takes_and_no_row_has_is_refused(pictures: Path) -> None:
    made = rows("a.png", "b.png", **{"class": ["Norm", "No Finding"]})
    records, _, _, _ = index(made, pictures, words={"class": ["norm"]}, columns={"class": "class"})
    assert [r["class"] for r in records] == ["norm", None]
    with pytest.raises(UserError, match=r"'tumour', which a class .*'No Finding' \(1\)"):
        index(made, pictures, words={"class": ["tumour"]}, columns={"class": "class"})


def test_a_film_in_dicom_may_stand_in_a_table(pictures: Path) -> None:
    dicom_files.save(dicom_files.film(), pictures / "c.dcm")
    (record,), _, rejects, _ = index(rows("c.dcm"), pictures, modality="xray")
    assert (record["rows"], record["columns"], record["bits_stored"]) == (80, 100, 12)
    assert rejects == []
    seen = read_source_image(stat_file(pictures / "c.dcm"), ImageSettings("table", "xray"))
    assert seen.pixels.shape == (80, 100) and seen.applied == "percentile"


def test_films_of_a_table_are_checked_and_turned_as_those_of_an_archive(pictures: Path) -> None:
    orientation = {"PatientOrientation": ["F", "L"]}
    dicom_files.save(dicom_files.film(**orientation), pictures / "c.dcm")
    dicom_files.save(dicom_files.film(Modality="CT"), pictures / "d.dcm")
    bare = dicom_files.save(dicom_files.film(SOPClassUID="1.2.3"), pictures / "bare")
    bare.write_bytes(dicom_files.data_set_of(bare))
    made = rows("a.png", "bare", "c.dcm", "d.dcm", patient=["P1", "P2", "P3", "P4"])
    notes: list[str] = []
    records, _, rejects, _ = index(made, pictures, modality="xray", notes=notes)
    assert [(r["rows"], r["columns"], r.get("turned")) for r in records] == [
        *((90, 120, None), (80, 100, False), (100, 80, True))
    ]
    assert [(r.reason, r.detail[:2]) for r in rejects] == [("other_modality", "CT")]
    assert "1 of 2 films do not say their modality; kept" in notes
    assert "1 films are stored mirrored; turned" in notes
    keys = {"modality": "xray", "modalities": ["CT"], "orientation": "as_stored"}
    (*_, film), _, rejects, _ = index(rows("d.dcm"), pictures, **keys)
    assert film["rows"] == 80 and rejects == []
    keys |= {"modalities": ["CR"], "orientation": "reject"}
    _, _, rejects, _ = index(rows("c.dcm"), pictures, **keys)
    assert [r.reason for r in rejects] == ["not_upright"]


def test_an_archive_among_pictures_is_named_as_one(pictures: Path) -> None:
    (pictures / "films.png").write_bytes(b"PK\x03\x04" + b"x" * 600)
    _, _, rejects, _ = index(rows("films.png", "a.png"), pictures)
    assert [r.reason for r in rejects] == ["archive"]
    files = layouts.files_below(pictures)
    images = pd.DataFrame({"image": files}, dtype=object)
    (pictures / "p.jpg").write_bytes((pictures / "a.png").read_bytes())
    images = pd.concat([images, pd.DataFrame({"image": ["p.jpg"]})])
    _, _, rejects, _ = index(images, pictures, layout="{patient}.jpg", table=None)
    assert ("archive", "a ZIP archive; unpack it below the root") in {
        (r.reason, r.detail) for r in rejects
    }


def test_the_depth_of_a_picture_and_its_pages_are_recorded(pictures: Path) -> None:
    Image.fromarray(np.full((20, 30), 40_000, np.uint16)).save(pictures / "deep.png")
    large, small = Image.new("L", (40, 30)), Image.new("L", (10, 8))
    large.save(pictures / "pages.tif", save_all=True, append_images=[small])
    large.save(pictures / "stack.tif", save_all=True, append_images=[large])
    notes: list[str] = []
    names = ("a.png", "deep.png", "pages.tif", "stack.tif")
    records, _, rejects, _ = index(rows(*names), pictures, notes=notes, patients="none")
    assert [r["bits_stored"] for r in records] == [8, 16, 8]
    assert [r.reason for r in rejects] == ["several_pages"]
    assert "1 files have several pages; the largest is read" in notes


def test_folders_and_names_say_what_a_table_does_not(pictures: Path) -> None:
    for name in ("x/p1_1.png", "x/p1_2.png", "y/p2_1.png", "y/stray.txt"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).write_bytes((pictures / "a.png").read_bytes())
    images = pd.DataFrame({"image": layouts.files_below(pictures)}, dtype=object)
    records, _, rejects, _ = index(images, pictures, layout="{class}/{patient}_*.png", table=None)
    assert sorted(r["class"] for r in records) == ["x", "x", "y"]
    assert len({r["patient"] for r in records}) == 2
    assert {r[2] for r in rejects} == {"not_in_layout"} and len(rejects) == 4


LABELS = {"norm": "No Finding", "pneumonia": "Pneumonia", "focal": "Nodule"}


def labels_of(cell: str, root: Path, separator: str | None) -> tuple[int | None, ...]:
    others = [(separator or "!").join(LABELS.values())] if separator else list(LABELS.values())
    made = rows("a.png", *(["b.png"] * len(others)), label=[cell, *others])
    labels = {"column": "finding", "names": LABELS, "separator": separator}
    records, _, _, _ = index(made, root, labels=labels, several="first")
    record = records[0]
    return tuple(record[f"label_{name}"] for name in LABELS)


def test_labels_are_one_zero_or_unknown(pictures: Path) -> None:
    assert labels_of("Pneumonia|Nodule", pictures, "|") == (0, 1, 1)
    assert labels_of(" Pneumonia | Effusion", pictures, "|") == (0, 1, 0)
    assert labels_of("No Finding", pictures, "|") == (1, 0, 0)
    assert labels_of("", pictures, "|") == (None, None, None)


def test_labels_without_a_separator_are_the_whole_cell(pictures: Path) -> None:
    assert labels_of("Pneumonia", pictures, None) == (0, 1, 0)
    with pytest.raises(UserError, match="seem to hold several words"):
        labels_of("Pneumonia|Nodule", pictures, None)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_greys_are_stretched_whatever_they_use_of_16_bits(
    tmp_path: Path, suffix: str, bits: int
) -> None:
    values = np.linspace(0, 2**bits - 1, 4096).astype(np.uint16).reshape(64, 64)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    seen = codecs.read_image(path, 1, window="percentile")
    assert np.array_equal(seen, codecs.stretch(values))
    assert (seen.min(), seen.max()) == (0, 255)
    assert len(np.unique(seen)) > 200


def test_real_numbers_as_greys_are_rejected(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.float32)).save(tmp_path / "real.tif")
    assert reason(codecs.read_image, tmp_path / "real.tif", 1) == "not_8_or_16_bit"


def test_read_image_gives_the_channels_asked_for(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    assert np.array_equal(codecs.read_image(tmp_path / "colour.png", 3), colour)
    assert codecs.read_image(tmp_path / "colour.png", 1).shape == (10, 12)


def test_a_truncated_picture_fails_at_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    assert codecs.image_size(path) == (90, 90)
    assert reason(codecs.read_image, path, 1) == "unreadable_pixels"


def test_a_folder_that_is_none_is_named_with_its_field(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^sources\.x\.root: .* no such folder"):
        source_files.check_folder(tmp_path / "gone", "sources.x.root")


@needs_real
def test_real_table_of_chest_films_is_indexed() -> None:
    folder = REAL / "nih"
    names = {name: name for name in ("image", "patient", "age", "sex", "view")}
    made = UserTable(folder / "records.csv", "sources.films", {**names, "label": "finding"})
    some = reader.read_columns(made).groupby("label").head(10)
    root = folder / "images" if (folder / "images" / some["image"].iloc[0]).is_file() else folder
    labels = {"norm": "No Finding", "pneumonia": "Pneumonia"}
    records, paths, rejects, _ = index(
        some, root, labels={"column": "finding", "names": labels, "separator": "|"}
    )
    assert (len(records), len(paths), rejects) == (20, 20, [])
    assert sum(r["label_norm"] for r in records) == 10
    assert all(r["rows"] == r["columns"] == 512 and r["sex"] in "FM" for r in records)


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
    group = study.groups["G"].model_copy(update={"exclude": TableFile(table="gone.csv")})
    with pytest.raises(UserError) as caught:
        check_inputs(study.model_copy(update={"groups": {"G": group}}))
    message = str(caught.value)
    for line in ("sources.nih.root: there", "sources.nih.table: there", "groups.G.exclude: there"):
        assert line in message


def test_a_folder_of_outlines_that_is_not_there_is_named(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "slides.csv", "slide,patient,outlines\n")
    entry = {"kind": "slides", "root": str(tmp_path), "table": str(table), "tiles_per_class": 1}
    study = a_study(tmp_path, **COLUMNS)
    for outlines, fault in ((tmp_path, False), (tmp_path / "gone", True)):
        slides = Slides.model_validate({**entry, "outlines_root": str(outlines)})
        of_slides = study.model_copy(update={"sources": {"breast": slides}, "groups": {}})
        if not fault:
            check_inputs(of_slides)
            continue
        with pytest.raises(UserError, match=r"sources\.breast\.outlines_root: there is no folder"):
            check_inputs(of_slides)


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "records.csv", "image,kind\n")
    with pytest.raises(UserError, match=r"sources\.nih\.columns\.patient: no column 'patient'"):
        check_inputs(a_study(tmp_path, **COLUMNS))


@pytest.mark.parametrize(
    ("name", "content", "encoding", "words"),
    [
        ("utf-16 by name", b"id,text\n", "utf-16", "is not utf-16 text"),
        ("utf-32 by name", b"id,text\n", "utf-32", "is not utf-32 text"),
        ("a late letter", b"id\n" + b"a\n" * 9000 + b"\xff", None, "is not utf-8 text (line 9002)"),
        ("no line break", None, None, "it holds zero bytes"),
        ("a long cell", b"i" * 150_000 + b"\n", None, "its first row is no CSV"),
        ("an open quote", b'"id' + b"text\n" * 90_000, None, "its first row is no CSV"),
        ("many columns", b"id," * 90_000, None, "its first row has over 200000 characters"),
        ("no.parquet", b"id,text\n", None, "it is no Parquet file"),
        ("cut.parquet", b"PAR1" + b"\0" * 50 + b"PAR1", None, "it is no Parquet file"),
        ("no.xlsx", b"id,text\n", None, "it is no Excel file"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_stops_before_any_job(
    name: str, content: bytes | None, encoding: str | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(content or b"")
        if content is None:
            file.truncate(8 * 2**30)
    with pytest.raises(UserError) as caught:
        read_header(UserTable(path, "sources.nih", {"x": "x"}, TableFormat(None, encoding)))
    assert words in str(caught.value) and str(caught.value).startswith("sources.nih.")
    keys = {"encoding": encoding} if encoding else {}
    with pytest.raises(UserError, match=r"^The study's inputs are not in order"):
        check_inputs(a_study(tmp_path, table=str(path), **keys))


# --- what goes wrong quietly ------------------------------------------------------------------


def test_whole_numbers_of_parquet_stay_whole_beside_an_empty_cell(tmp_path: Path) -> None:
    """Otherwise 1 becomes 1.0, and no film has that accession number."""
    pd.DataFrame({"id": pd.array([1, None, 3], "Int64"), "text": ["a", "b", None]}).to_parquet(
        tmp_path / "reports.parquet"
    )
    assert read(tmp_path / "reports.parquet", id="id", text="text") == {
        "id": ["1", "", "3"],
        "text": ["a", "b", ""],
    }


def test_reports_in_cp1251_are_read_when_the_study_says_so(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "reports.csv", "id,text\n1,Норма\n", encoding="cp1251")
    columns = {"id": "id", "text": "text"}
    told = UserTable(path, "reports", columns, TableFormat(encoding="cp1251"))
    assert reader.read_columns(told)["text"].tolist() == ["Норма"]
    with pytest.raises(UserError, match=r"^sources\.xray\.reports\.encoding: .*set its encoding"):
        read_header(table(path, "sources.xray.reports", **columns))


def test_an_impossible_age_is_left_empty_and_counted(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("L", (9, 9)).save(tmp_path / f"{name}.png")
    rows = pd.DataFrame({"image": ["a.png", "b.png"], "patient": "p", "age": ["150", "50"]})
    notes: list[str] = []
    kept, _, rejected, _ = index(rows, tmp_path, notes=notes)
    assert [record["age"] for record in kept] == [None, 50]
    assert rejected == []
    assert "age: 1 cells understood, 0 empty, 1 not understood: '150' (1)" in notes


def test_a_folder_that_cannot_be_read_stops_the_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: str, onerror: Callable[[OSError], None]) -> list[Any]:
        onerror(PermissionError(13, "Permission denied"))
        return []

    monkeypatch.setattr(source_files.os, "walk", broken)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        list(source_files.list_files(tmp_path, key=KEY, source="films"))


def test_an_archive_is_listed_with_ids_by_place(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/1", "a"):
        (tmp_path / name).touch()
    found = list(source_files.list_files(tmp_path, key=KEY, source="xray"))
    assert [entry["path"] for entry in found] == [str(tmp_path / "a"), str(tmp_path / "b/1")]
    assert found[1]["record_id"] == opaque(KEY, "xray", "b/1")


def test_a_real_file_in_the_synthetic_hospital_gets_no_public_id(tmp_path: Path) -> None:
    root, truth = tmp_path / "xray", write_csv(tmp_path / "truth.csv", "file,age\na/1.dcm,3\n")
    (root / "a").mkdir(parents=True)
    (root / "a/1.dcm").touch()
    source_files.check_synthetic(root, truth, "sources.xray")
    (root / "a/Ivanova.dcm").touch()
    with pytest.raises(UserError) as caught:
        source_files.check_synthetic(root, truth, "sources.xray")
    assert str(caught.value).startswith("sources.xray.root: 1 files in this folder are not of")
    assert "Ivanova" not in str(caught.value)


def test_a_real_row_or_slide_in_the_synthetic_hospital_gets_no_public_id(tmp_path: Path) -> None:
    root, content = tmp_path / "slides", "slide,patient,outlines\na.svs,P1,outlines/asap/a.xml\n"
    truth, table = write_csv(tmp_path / "truth.csv", content), tmp_path / "slides.csv"
    (root / "outlines/asap").mkdir(parents=True)
    for name in ("a.svs", "outlines/asap/a.xml", "outlines/real.svs"):
        (root / name).touch()

    entry = {"kind": "slides", "root": "r", "table": "t.csv", "tiles_per_class": 1}
    settings = Slides.model_validate(entry).settings("candidates")

    def read(content: str) -> object:
        ids = SourceIds(KEY, "s", "s")
        return slide_table.read_slide_list(
            write_csv(table, content), settings, slide_table.slide_folders(root), ids, truth=truth
        )

    read(content)
    for row in ("b.svs,P2,", "outlines/real.svs,P2,", "a.svs,Ivanova,", "./a.svs,P1,"):
        with pytest.raises(UserError, match=r"^sources.s.table: 1 rows are not of the") as caught:
            read(f"{content}{row}\n")
        assert "Ivanova" not in str(caught.value)
    (root / "Ivanova.svs").touch()
    with pytest.raises(UserError, match=r"^sources.s.root: 1 files in this folder are not of"):
        read(content)
