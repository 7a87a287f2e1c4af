"""How each kind of source becomes records and pixels: real files in, records or rejects out."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pgdose.analysis import agreement
from pgdose.cohort import usability
from pgdose.errors import Rejected, UserError
from pgdose.histology import slide_table
from pgdose.images import codecs
from pgdose.imagetable.index import TableLabels, index_images
from pgdose.preflight import check_inputs
from pgdose.study.parsing import parse
from pgdose.study.study import Study
from pgdose.tables import source_files, source_index, user_tables
from pgdose.tables.keyed import SourceIds, opaque
from pgdose.tables.user_columns import column_names, find_columns
from pgdose.xray import hand_drawn_boxes

REAL = Path(__file__).parents[4] / "shared" / "real"
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
    assert column_names(write_csv(tmp_path / "records.csv", ""), "sources.films") == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv_is_read_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    text = "image,patient,возраст\n a.png , 007 ,\nb.png,NA,45\n"
    path = write_csv(tmp_path / "records.csv", text, encoding)
    wanted: dict[str, Any] = {"image": "image", "patient": "patient", "age": "возраст"}
    read = user_tables.read_columns(path, wanted, "f")
    assert read.to_dict("list") == {
        "image": ["a.png", "b.png"],
        "patient": ["007", "NA"],
        "age": ["", "45"],
    }


def test_parquet_is_read_like_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame({"file": ["a.png", "b.png"], "id": [7, 8], "years": [45.0, None]})
    frame.to_parquet(tmp_path / "records.parquet")
    wanted: dict[str, Any] = {"image": "file", "patient": "id", "age": ["age", "years"]}
    read = user_tables.read_columns(tmp_path / "records.parquet", wanted, "f")
    assert read.to_dict("list") == {
        "image": ["a.png", "b.png"],
        "patient": ["7", "8"],
        "age": ["45", ""],
    }


BOMBS = {
    "a cell": ["x" * (user_tables.LONGEST_CELL + 1)] * 3000,
    f"{user_tables.CHUNK_ROWS} rows": ["x" * user_tables.LONGEST_CELL] * 3000,
}


@pytest.mark.parametrize("what", BOMBS)
def test_cells_of_parquet_are_measured_before_they_are_unpacked(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = BOMBS[what]
    column = pa.array([0] * len(texts)), pa.array(texts[:1])
    pq.write_table(pa.table({"a": pa.DictionaryArray.from_arrays(*column)}), path)
    before = pa.total_allocated_bytes()
    with pytest.raises(UserError, match=f"^f: a.parquet has {what} .*export it again"):
        user_tables.read_columns(path, {"image": "a"}, "f")
    assert path.stat().st_size < 2**20 and pa.total_allocated_bytes() - before < 2**27


@pytest.mark.parametrize(
    ("limit", "most", "what"),
    [
        ("MOST_ROWS", 999, "over 999 rows"),
        ("LARGEST_GROUP", 10, "a row group of over 10 bytes"),
        ("LARGEST_TABLE", 1000, "columns of over 1000 bytes"),
    ],
)
def test_a_parquet_table_of_absurd_size_is_refused(
    limit: str, most: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": ["x"] * 1000}).to_parquet(path)
    assert len(user_tables.read_columns(path, {"image": "a"}, "f")) == 1000
    monkeypatch.setattr(user_tables, limit, most)
    if limit != "LARGEST_TABLE":
        monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    with pytest.raises(UserError, match=f"^f: a.parquet has {what}"):
        user_tables.read_columns(path, {"image": "a"}, "f")


def test_a_csv_table_with_an_endless_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(tmp_path / "a.csv", "image\n" + "x" * 3 * 10**6 + "\nb.png")
    assert len(user_tables.read_columns(path, {"image": "image"}, "f")) == 2
    monkeypatch.setattr(user_tables, "LONGEST_LINE", 3 * 10**6 - 1)
    monkeypatch.setattr(pd, "read_csv", None)
    with pytest.raises(UserError, match=r"^f: a.csv has a line of over 2999999 bytes"):
        user_tables.read_columns(path, {"image": "image"}, "f")
    with (tmp_path / "b.csv").open("wb") as file:
        file.truncate(10**10)  # a few kilobytes on disk
    with pytest.raises(UserError, match=r"^f: b.csv cannot be read: its first row"):
        column_names(tmp_path / "b.csv", "f")


def test_no_table_of_a_person_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"record_id,reason,x,y,side,finding\n"))
    readers: list[Callable[[], object]] = [
        lambda: usability.read_exclusions(path, "G"),
        lambda: hand_drawn_boxes.read_boxes(path),
        lambda: agreement.read_hand_labels(path, "record_id", ["finding"], "f"),
        lambda: list(user_tables._csv_chunks(path, ["x"], "utf-8", "f")),
    ]
    for read in readers:
        with pytest.raises((UserError, UnicodeDecodeError)):
            read()


def test_two_meanings_may_share_a_column(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "records.csv", "image\na.png\n")
    read = user_tables.read_columns(path, {"image": "image", "patient": "image"}, "f")
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


def index(images: pd.DataFrame, root: Path, **named: Any) -> source_index.SourceIndex:
    return index_images(images, root, SourceIds(KEY, "nih"), **named)


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
    (record,), _, _ = index(rows("a.png", label=cell), root, labels=TableLabels(LABELS, separator))
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
    seen = codecs.read_image(path, 1)
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
    names = column_names(folder / "records.csv", "sources.films")
    wanted: dict[str, Any] = {name: name for name in ("image", "patient", "age", "sex", "view")}
    read = user_tables.read_columns(folder / "records.csv", {**wanted, "label": "finding"}, "f")
    assert {"image", "finding"} <= set(names)
    root = folder / "images" if (folder / "images" / read["image"][0]).is_file() else folder
    some = read.groupby("label").head(10)
    labels = {"norm": "No Finding", "pneumonia": "Pneumonia"}
    records, paths, rejects = index(some, root, labels=TableLabels(labels, "|"))
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


@pytest.mark.parametrize(
    ("name", "content", "encoding", "words"),
    [
        ("utf-16 by name", b"id,text\n", "utf-16", "is not utf-16 text"),
        ("utf-32 by name", b"id,text\n", "utf-32", "is not utf-32 text"),
        ("a late letter", b"id,text\n" + b"a,b\n" * 9000 + b"\xff", "utf-8", "is not utf-8 text"),
        ("no line break", None, "utf-8", "its first row is no CSV"),
        ("a long cell", b"i" * 150_000 + b"\n", "utf-8", "its first row is no CSV"),
        ("an open quote", b'"id' + b"text\n" * 90_000, "utf-8", "its first row is no CSV"),
        ("many columns", b"id," * 90_000, "utf-8", "its first row has over 200000 characters"),
        ("no.parquet", b"id,text\n", "utf-8", "it is no Parquet file"),
        ("cut.parquet", b"PAR1" + b"\0" * 50 + b"PAR1", "utf-8", "it is no Parquet file"),
    ],
)
def test_a_table_that_is_none_stops_before_any_job(
    name: str, content: bytes | None, encoding: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(content or b"")
        if content is None:
            file.truncate(8 * 2**30)
    with pytest.raises(UserError) as caught:
        column_names(path, "sources.x.table", encoding)
    assert words in str(caught.value) and str(caught.value).startswith("sources.x.table: ")
    with pytest.raises(UserError, match=r"^The study's inputs are not in order"):
        check_inputs(a_study(tmp_path, table=str(path)))


# --- what goes wrong quietly ------------------------------------------------------------------


def test_whole_numbers_of_parquet_stay_whole_beside_an_empty_cell(tmp_path: Path) -> None:
    """Otherwise 1 becomes 1.0, and no film has that accession number."""
    pd.DataFrame({"id": pd.array([1, None, 3], "Int64"), "text": ["a", "b", None]}).to_parquet(
        tmp_path / "reports.parquet"
    )
    read = user_tables.read_columns(
        tmp_path / "reports.parquet", {"id": "id", "text": "text"}, "reports"
    )
    assert read["id"].tolist() == ["1", "", "3"]
    assert read["text"].tolist() == ["a", "b", ""]


def test_reports_in_cp1251_are_read_when_the_study_says_so(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "reports.csv", "id,text\n1,Норма\n", encoding="cp1251")
    columns = {"id": "id", "text": "text"}
    assert user_tables.read_columns(path, columns, "reports", "cp1251")["text"].tolist() == [
        "Норма"
    ]
    with pytest.raises(UserError, match="is not utf-8 text; save it as UTF-8, or set its encoding"):
        user_tables.read_columns(path, columns, "sources.xray.reports")


def test_an_impossible_age_rejects_its_image_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("L", (9, 9)).save(tmp_path / f"{name}.png")
    rows = pd.DataFrame({"image": ["a.png", "b.png"], "patient": "p", "age": ["150", "50"]})
    kept, _, rejected = index_images(rows, tmp_path, SourceIds(KEY, "films"))
    assert [record["age"] for record in kept] == [50]
    assert [reason for _, _, reason, _ in rejected] == ["impossible_age"]


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

    def read(content: str) -> object:
        columns = {"slide": "slide", "patient": "patient", "outlines": "outlines"}
        return slide_table.read_slide_list(
            write_csv(table, content),
            dict(columns),
            root,
            key=KEY,
            source="s",
            patients="s",
            truth=truth,
        )

    read(content)
    for row in ("b.svs,P2,", "outlines/real.svs,P2,", "a.svs,Ivanova,", "./a.svs,P1,"):
        with pytest.raises(UserError, match=r"^sources.s.table: 1 rows are not of the") as caught:
            read(f"{content}{row}\n")
        assert "Ivanova" not in str(caught.value)
    (root / "Ivanova.svs").touch()
    with pytest.raises(UserError, match=r"^sources.s.root: 1 files in this folder are not of"):
        read(content)
