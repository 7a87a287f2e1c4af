"""Headers of DICOM films: fields, character sets, the pass over an archive, ages and sexes."""

import itertools
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.dicom_files import (
    SYNTAXES,
    film,
    header_settings,
    ramp,
    read_header,
    reason,
    save,
)
from pydicom import uid

from pgdose.errors import UserError
from pgdose.tables import person_fields
from pgdose.tables.keyed import SourceIds
from pgdose.xray import dicom_file, films, headers

KEY = b"k" * 32
FIELDS = {
    *("record_id", "source", "reason", "detail", "patient", "link", "instance", "age", "sex"),
    *("view", "body_part", "rows", "columns", "bits_stored", "photometric", "transfer_syntax"),
    *("mm_per_px", "mojibake", "table_link", "turned", "stored", "says_modality"),
    "impossible_age",
}

Write = Callable[..., Path]


def read_headers(
    files: Iterable[tuple[str, Path]],
    key: bytes = KEY,
    source: str = "xray",
    patients: str = "",
    **settings: Any,
) -> Iterator[dict]:
    ids = SourceIds(key, source, patients)
    return headers.read_headers(files, ids, header_settings(**settings))


# --- headers ----------------------------------------------------------------------------------


def test_header_of_a_good_film(write: Write) -> None:
    path = write(
        ViewPosition="pa", PixelSpacing=[0.2, 0.3], BodyPartExamined="Chest", SOPInstanceUID="1.2.3"
    )
    assert read_header(path) == {
        "patient": "ID-4711",
        "link": "A-99",
        "instance": "1.2.3",
        "age": 45.0,
        "sex": "F",
        "view": "PA",
        "body_part": "CHEST",
        "rows": 80,
        "columns": 100,
        "bits_stored": 12,
        "photometric": "MONOCHROME2",
        "transfer_syntax": str(uid.ExplicitVRLittleEndian),
        "mm_per_px": 0.2,
        "mojibake": False,
        "table_link": None,
        "turned": False,
        "stored": None,
        "says_modality": True,
        "impossible_age": False,
    }


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: uid.UID(syntax).keyword)
def test_every_transfer_syntax_has_the_same_header(tmp_path: Path, syntax: str) -> None:
    bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
    ds = film(ramp(bits), bits, SOPInstanceUID="1.2.3")
    found = read_header(save(ds, tmp_path / "film.dcm", syntax))
    assert (found["patient"], found["rows"], found["columns"]) == ("ID-4711", 80, 100)
    assert found["transfer_syntax"] == syntax


@pytest.mark.parametrize(
    ("pixel", "imager", "mm"),
    [
        ([0.2, 0.2], [0.15, 0.15], 0.2),
        (None, [0.15, 0.15], 0.15),
        ([0, 0], [0.15, 0.15], 0.15),
        ([-1, -1], None, None),
        ([25.4, 25.4], None, None),
        ([10, 10], None, 10.0),
        (None, None, None),
    ],
)
def test_spacing_is_the_first_that_can_be(
    write: Write, pixel: list | None, imager: list | None, mm: float | None
) -> None:
    path = write(PixelSpacing=pixel, ImagerPixelSpacing=imager)
    assert read_header(path)["mm_per_px"] == mm


def test_a_spacing_that_is_no_number_is_none(write: Write) -> None:
    path = write(PixelSpacing=["0.77777", "0.77777"])
    path.write_bytes(path.read_bytes().replace(b"0.77777", b"unknown"))
    assert read_header(path)["mm_per_px"] is None


RGB = np.zeros((80, 100, 3), np.uint8)
BAD_FILMS: dict[str, list[dict[str, Any]]] = {
    "not_grey": [
        {"stored": RGB, "bits": 8, "PhotometricInterpretation": "RGB"},  # without 3 samples
        {"PhotometricInterpretation": None},
        {"SamplesPerPixel": 3},
        {"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_PARTIAL_420"},
        {"SamplesPerPixel": 4, "PhotometricInterpretation": "RGB"},
    ],
    "multi_frame": [{"NumberOfFrames": 3}],
    "no_patient": [{"PatientID": None}, {"PatientID": ""}, {"PatientID": "   "}],
    "no_image": [{"Rows": None}, {"Columns": 0}],
    "absurd_size": [{"Rows": 60_000, "Columns": 60_000}, {"Rows": 65535, "Columns": 65535}],
    "not_16_bit": [{"BitsAllocated": 32}, {"BitsAllocated": 1}, {"BitsAllocated": None}],
    "bad_bits": [
        {"BitsStored": 17},
        {"BitsStored": 0},
        {"HighBit": 10},
        {"HighBit": 16},
        {"PixelRepresentation": 7},
    ],
    "unreadable_header": [{"BitsStored": None}, {"PixelData": None}],
    "other_modality": [{"Modality": "CT"}, {"Modality": "MG"}],
}


@pytest.mark.parametrize(
    ("expected", "attributes"),
    [(code, attributes) for code in BAD_FILMS for attributes in BAD_FILMS[code]],
)
def test_films_that_cannot_be_used_are_rejected_by_their_header(
    write: Write, expected: str, attributes: dict[str, Any]
) -> None:
    assert reason(read_header, write(**attributes)) == expected


@pytest.mark.parametrize("frames", ["", "1", "0", None])
def test_one_frame_is_a_film_however_it_is_said(write: Write, frames: str | None) -> None:
    path = write(NumberOfFrames=frames)
    assert read_header(path)["rows"] == 80
    assert films.read_film(path).pixels.shape == (80, 100)


@pytest.mark.parametrize("content", ["<html><body>403</body></html>" * 20, "no film\n", ""])
def test_a_file_of_another_kind_is_no_dicom(tmp_path: Path, content: str) -> None:
    path = tmp_path / "IVANOV.dcm"
    path.write_text(content)
    assert reason(read_header, path) == "not_dicom"
    assert reason(films.read_film, path) == "not_dicom"


def test_files_that_cannot_be_opened_are_rejected(tmp_path: Path, write: Write) -> None:
    assert reason(read_header, tmp_path / "gone.dcm") == "file_missing"
    assert reason(films.read_film, tmp_path / "gone.dcm") == "file_missing"
    assert reason(read_header, tmp_path) == "unreadable_header"
    if os.geteuid():  # the superuser may read all
        path = write()
        path.chmod(0)
        assert reason(read_header, path) == "no_permission"


def test_a_header_with_values_that_cannot_be_is_rejected(write: Write) -> None:
    path = write()
    content = path.read_bytes()
    rows = b"\x28\x00\x10\x00US\x02\x00"  # the element Rows, explicit little endian
    assert content.count(rows) == 1
    path.write_bytes(content.replace(rows, b"\x28\x00\x10\x00SH\x02\x00"))  # a text
    assert reason(read_header, path) == "unreadable_header"


def test_no_more_of_a_deflated_file_is_inflated_than_a_film_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = film(ImageComments="0" * 9_000_000)  # before the patient's and the picture's attributes
    ds.IdentifyingComments = "0" * 10_000
    path = save(ds, tmp_path / "film.dcm", uid.DeflatedExplicitVRLittleEndian)
    assert path.stat().st_size < 100_000
    assert reason(read_header, path) == "unreadable_header"
    assert films.read_film(path).pixels.shape == (80, 100)
    monkeypatch.setattr(dicom_file, "LARGEST_FILE", 2_000_000)
    assert reason(films.read_film, path) == "absurd_size"


def deflated(path: Path, data_set: bytes, uid_length: int) -> Path:
    """A deflated file, with a long UID before the element that says so."""
    elements = [(2, b"1" * uid_length), (3, b"1.2"), (0x10, uid.DeflatedExplicitVRLittleEndian)]
    meta = b""
    for number, value in elements:
        text = bytes(value, "ascii") if isinstance(value, str) else value
        text += b"\0" * (len(text) % 2)
        meta += struct.pack("<HH2sH", 2, number, b"UI", len(text)) + text
    start = b"\0" * 128 + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta
    path.write_bytes(start + zlib.compress(data_set, 9, wbits=-15))
    return path


@pytest.mark.parametrize("uid_length", [20, 1500])
def test_a_deflated_file_is_known_by_its_transfer_syntax_wherever_that_stands(
    uid_length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = 2**22
    zeros = struct.pack("<HH2sHI", 9, 0x1001, b"OB", 0, 2**24) + bytes(2**24)
    path = deflated(tmp_path / "a.dcm", zeros, uid_length)
    monkeypatch.setattr(dicom_file, "LARGEST_FILE", largest)
    monkeypatch.setattr(zlib, "decompress", None)  # pydicom's, which has no limit
    assert reason(read_header, path) == "unreadable_header"
    assert reason(films.read_film, path) == "absurd_size"


@pytest.mark.parametrize("group", [0x0002, 0x0009])
def test_no_element_of_a_sparse_file_is_read_that_is_larger_than_a_header(
    group: int, tmp_path: Path, write: Write
) -> None:
    path = write()
    start = path.read_bytes()[:144]
    large = 3 * 10**9
    with path.open("wb") as file:
        file.write(start + struct.pack("<HH2sHI", group, 0x1001, b"OB", 0, large))
        file.truncate(large + 1000)
    assert path.stat().st_blocks * 512 < 10**6
    assert reason(read_header, path) == "absurd_size"
    assert reason(films.read_film, path) == "absurd_size"


def test_the_elements_of_a_file_are_counted(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.setattr(dicom_file, "MOST_READS", 20)
    assert reason(read_header, path) == "absurd_size"


def test_a_file_that_breaks_off_in_a_long_element_is_read_as_far_as_it_goes(write: Write) -> None:
    path = write()
    with path.open("ab") as file:
        file.write(struct.pack("<HH2sHI", 0x7FE1, 0x1001, b"OB", 0, 3 * 10**9))
    assert films.read_film(path).pixels.shape == (80, 100)


# --- character sets ---------------------------------------------------------------------------


def recoded(path: Path, text: str, codec: str) -> Path:
    """Puts the bytes of `text` where a placeholder of as many bytes stands."""
    new = text.encode(codec)
    old = b"#" * len(new)
    content = path.read_bytes()
    head = content[: content.index(b"\xe0\x7f\x10\x00")]
    assert head.count(old) == 1
    path.write_bytes(head.replace(old, new) + content[len(head) :])
    return path


def named(write: Write, text: str, codec: str, declared: str | None, keyword: str) -> Path:
    """A film with the bytes of `text` in `codec`, that declares the character set `declared`."""
    holder = {keyword: "#" * len(text.encode(codec))}
    return recoded(write(**holder, SpecificCharacterSet=declared), text, codec)


@pytest.mark.parametrize("declared", ["ISO_IR 100", None, "ISO_IR 144", "ISO_IR 192", "NO SUCH"])
@pytest.mark.parametrize("keyword", ["PatientID", "AccessionNumber"])
def test_an_encoding_overrides_the_declared_set(
    write: Write, declared: str | None, keyword: str
) -> None:
    path = named(write, "Иванов-17", "cp1251", declared, keyword)
    found = read_header(path, encoding="cp1251")
    assert found["patient" if keyword == "PatientID" else "link"] == "Иванов-17"
    assert not found["mojibake"]


def test_one_patient_of_two_stations_is_one(write: Write) -> None:
    """One declares nothing, one Latin-1, one UTF-8 and writes it."""
    stations = [("cp1251", None), ("cp1251", "ISO_IR 100"), ("utf-8", "ISO_IR 192")]
    paths = [
        named(write, "Иванова Ё", codec, declared, "PatientID") for codec, declared in stations
    ]
    rows = read_headers(enumerate_files(paths), encoding="cp1251")
    assert len({row["patient"] for row in rows}) == 1


def enumerate_files(paths: list[Path]) -> list[tuple[str, Path]]:
    return [(str(i), path) for i, path in enumerate(paths)]


@pytest.mark.parametrize(
    ("codec", "declared"),
    [("iso8859_5", "ISO_IR 144"), ("utf-8", "ISO_IR 192"), ("latin-1", "ISO_IR 100")],
)
def test_without_an_encoding_the_declared_set_counts(
    write: Write, codec: str, declared: str
) -> None:
    text = "Müller 17" if codec == "latin-1" else "Иванов 17"
    found = read_header(named(write, text, codec, declared, "PatientID"))
    assert found["patient"] == text
    assert not found["mojibake"]


@pytest.mark.parametrize("word", ["Ж", "М"])
def test_a_sex_in_cyrillic_is_read_with_its_encoding(write: Write, word: str) -> None:
    path = recoded(write(PatientSex="#"), word, "cp1251")
    assert read_header(path, encoding="cp1251")["sex"] == {"Ж": "F", "М": "M"}[word]


WRONG = [
    *itertools.product(["ИВАНОВ^ИВАН", "Петрова Анна", "Кузнецов"], ["cp1251", "koi8-r", "utf-8"]),
    ("ГУ РНПЦ пульмонологии, г. Минск", "cp1251"),
    ("Пятніцкі Ў", "cp1251"),
    ("Müller^Jürgen", "utf-8"),
]
RIGHT = [
    *("Müller^Jürgen", "Lefèvre^Hélène", "Krüger Röntgenabteilung", "Ångström^Åsa", "Ñandú Ávila"),
    *("Göteborg Östra", "São João", "Œuvre", "IVANOV^IVAN", "Ö^Ä", "Größe", "ÉLÉONORE^AÏDA", "É"),
]


@pytest.mark.parametrize(("text", "codec"), WRONG)
@pytest.mark.parametrize("declared", ["ISO_IR 100", None])
@pytest.mark.parametrize("keyword", ["PatientName", "InstitutionName"])
def test_a_wrongly_declared_set_is_noticed(
    write: Write, text: str, codec: str, declared: str | None, keyword: str
) -> None:
    assert read_header(named(write, text, codec, declared, keyword))["mojibake"]


@pytest.mark.parametrize("text", RIGHT)
@pytest.mark.parametrize("keyword", ["PatientName", "InstitutionName"])
def test_western_names_are_not_taken_for_cyrillic(write: Write, text: str, keyword: str) -> None:
    codec = "cp1252" if "Œ" in text else "latin-1"
    assert not read_header(named(write, text, codec, "ISO_IR 100", keyword))["mojibake"]


def test_polish_names_in_latin_2_bytes_are_not_taken_for_cyrillic(write: Write) -> None:
    for text in (
        "Wiśniewski^Łukasz",
        "Żółkiewska^Małgorzata",
        "Gdańsk Główny",
        "Brzęczyszczykiewicz",
    ):
        path = named(write, text, "iso8859_2", "ISO_IR 100", "PatientName")
        assert not read_header(path)["mojibake"]


def test_an_encoding_that_is_none_is_a_mistake(write: Write) -> None:
    for encoding in ("cp12511", "base64"):
        with pytest.raises(UserError, match=r"sources\.xray\.encoding"):
            read_headers([], tag="StudyID", encoding=encoding)


# --- the pass over the headers ----------------------------------------------------------------


def pass_over(root: Path, **named: Any) -> list[dict]:
    return list(read_headers(enumerate_files(sorted(root.rglob("*.dcm"))), **named))


def test_the_pass_keeps_and_rejects_all_that_it_finds(write: Write) -> None:
    root = write().parents[1]
    write(PatientID="ID-2")
    for bad_films in BAD_FILMS.values():
        write(**bad_films[0])
    (root / "IVANOV" / "page.dcm").write_text("<html>")
    rows = pass_over(root)
    assert [row["record_id"] for row in rows] == [str(i) for i in range(len(rows))]
    rejected = [row["reason"] for row in rows if row["reason"]]
    assert sorted(rejected) == sorted([*BAD_FILMS, "not_dicom"])
    kept = [row for row in rows if not row["reason"]]
    assert len(kept) == 2
    assert all(set(row) == FIELDS for row in kept)
    assert [row["link"] for row in kept] == ["A-99", "A-99"]
    for field in ("patient", "instance"):
        assert len({row[field] for row in kept}) == 2


def test_the_pass_reads_a_file_when_its_row_is_asked_for(write: Write, tmp_path: Path) -> None:
    paths = iter([("a", write()), ("b", tmp_path / "gone.dcm")])
    rows = read_headers(paths, tag="StudyInstanceUID")
    first = next(rows)
    assert (first["record_id"], first["reason"], first["link"]) == ("a", None, None)
    assert next(paths)[0] == "b"  # not taken yet


def test_rows_give_nobody_away(write: Write) -> None:
    root = write(SOPInstanceUID="1.2.826.77").parents[1]
    for bad_films in BAD_FILMS.values():
        for attributes in bad_films:
            write(**attributes)
    write().write_text("IVANOV IVAN")
    write(PhotometricInterpretation="IVANOV")
    rows = pass_over(root)
    for row in rows:
        row.pop("link", None)
    for secret in ("IVANOV", "4711", "A-99", "826.77", str(root), "archive", ".dcm"):
        assert secret not in repr(rows)


def test_patients_go_by_key_and_name_space(write: Write) -> None:
    root = write().parents[1]

    def patient(**named: Any) -> str:
        return pass_over(root, **named)[0]["patient"]

    assert patient() == patient()
    assert patient(key=b"other") != patient()
    assert patient(source="xray2") != patient()
    assert patient(source="xray2", patients="xray") == patient()


def test_a_film_without_instance_has_none(write: Write) -> None:
    path = write(SOPInstanceUID="9.9.9.9")
    path.write_bytes(path.read_bytes().replace(b"9.9.9.9", b"\0" * 7))
    rows = read_headers([("a", path)])
    assert next(rows)["instance"] is None


def test_a_tag_that_is_none_is_a_mistake() -> None:
    with pytest.raises(UserError, match="NoSuchTag"):
        read_headers([], tag="NoSuchTag")


# --- ages and sexes ---------------------------------------------------------------------------

AGES: list[tuple[str | None, tuple[str, ...], float | None]] = [
    *((text, (), 45.0) for text in ("045Y", "45", "Y045", " 045y ", "45 Y", "45.0", "y45")),
    ("45,5", (), 45.5),
    ("45.5Y", (), 45.5),
    ("018M", (), 1.5),
    ("18 m", (), 1.5),
    ("052W", (), 52 * 7 / 365.25),
    ("030D", (), 30 / 365.25),
    ("000Y", (), 0.0),
    ("120Y", (), 120.0),
    ("", ("19700301", "20100302"), 40.0),
    (None, ("19700301", "20100302"), 40.0),
    ("unknown", ("19700301", "20100302"), 40.0),
    ("", ("1970.03.01", "2010.03.02"), 40.0),
    ("", ("19700301", "", "20100302"), 40.0),
    ("", ("19700301", "19690301", "20100302"), 40.0),  # born after the first date
    ("050Y", ("19700301", "20100302"), 50.0),
    ("999Y", ("19700301", "20100302"), 40.0),
    ("", ("19700301", ""), None),
    ("", ("", "20100302"), None),
    ("", ("19701399", "20100302"), None),
    ("", ("19700301",), None),
    *((text, (), None) for text in ("", None, "about 45", "nan", "Y", "45X", "4 5 Y 6")),
]
IMPOSSIBLE: list[tuple[str, tuple[str, ...]]] = [
    ("121Y", ()),
    ("999Y", ()),
    ("-05Y", ()),
    ("", ("20110301", "20100302")),
    ("", ("18700301", "20100302")),
    ("999Y", ("20110301", "20100302")),
    ("999Y", ("", "20100302")),
]


@pytest.mark.parametrize(("text", "dates", "age"), AGES)
def test_ages_as_archives_spell_them(
    text: str | None, dates: tuple[str, ...], age: float | None
) -> None:
    found = person_fields.parse_age(text, *dates)
    assert found == (None if age is None else pytest.approx(age, abs=0.01))


@pytest.mark.parametrize(("text", "dates"), IMPOSSIBLE)
def test_impossible_ages_are_none(text: str, dates: tuple[str, ...]) -> None:
    assert person_fields.read_ages(text, *dates)
    assert person_fields.parse_age(text, *dates) is None


def test_a_film_with_an_impossible_age_has_none(write: Write) -> None:
    for age, impossible in (("999Y", True), ("", False), ("045Y", False)):
        header = read_header(write(PatientAge=age))
        assert header["impossible_age"] is impossible
        assert header["age"] == (45 if age == "045Y" else None)


@pytest.mark.parametrize("keyword", ["StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"])
def test_any_date_of_the_examination_serves(write: Write, keyword: str) -> None:
    path = write(PatientAge=None, PatientBirthDate="19700301", **{keyword: "20100302"})
    assert read_header(path)["age"] == pytest.approx(40, abs=0.01)


def test_a_year_is_full_on_the_birthday_and_not_before() -> None:
    for year, years in itertools.product(range(1960, 1992), (17, 20, 21, 36, 50)):
        before = person_fields.parse_age("", f"{year}0615", f"{year + years}0614")
        birthday = person_fields.parse_age("", f"{year}0615", f"{year + years}0615")
        assert before is not None and birthday is not None
        assert (before // 1, birthday // 1) == (years - 1, years)


def test_who_is_born_on_a_leap_day_has_birthdays() -> None:
    assert person_fields.parse_age("", "20000229", "20010301") == pytest.approx(1, abs=0.01)
    assert person_fields.parse_age("", "20000229", "20040229") == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize(
    ("text", "sex"),
    [
        *((word, "F") for word in ("F", "female", "Ж", "ж", "W", " f ", "жен")),
        *((word, "M") for word in ("M", " Male ", "М", "м", "муж")),
        *((word, None) for word in ("O", "other", "", None, "?")),
    ],
)
def test_sexes_as_archives_spell_them(text: str | None, sex: str | None) -> None:
    assert person_fields.parse_sex(text) == sex
