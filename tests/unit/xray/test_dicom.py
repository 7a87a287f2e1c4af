"""DICOM films: headers, character sets, ages and sexes, and pixels in every transfer syntax."""

import base64
import itertools
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import gdcm  # type: ignore[import-untyped]
import numpy as np
import pydicom
import pytest
from helpers.dicom_files import (
    BY_GDCM,
    BY_PYDICOM,
    HTJ2K,
    HTJ2K_STREAM,
    LOSSY,
    NATIVE,
    SYNTAXES,
    enclose,
    film,
    header_settings,
    ramp,
    read_header,
    save,
)
from helpers.workflow import PROJECT
from PIL import Image
from pydicom import uid

from pgdose.errors import Rejected, UserError
from pgdose.images import codecs
from pgdose.tables import person_fields
from pgdose.tables.keyed import SourceIds
from pgdose.xray import decode, dicom_file, films, headers
from pgdose.xray.character_sets import decode_text
from pgdose.xray.dicom_file import read_dicom
from pgdose.xray.reject_reasons import REASONS

REAL = PROJECT.parent / "shared" / "real" / "dicom"
KEY = b"k" * 32
FIELDS = {
    *("record_id", "source", "reason", "detail", "patient", "link", "instance", "age", "sex"),
    *("view", "body_part", "rows", "columns", "bits_stored", "photometric", "transfer_syntax"),
    *("mm_per_px", "mojibake"),
}

needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")
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


def reason(act: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """The reason code with which the input is rejected; each is documented."""
    with pytest.raises(Rejected) as caught:
        act(*arguments, **named)
    assert caught.value.reason in REASONS
    return caught.value.reason


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a film to a file whose path gives its patient away."""

    def write_film(stored: np.ndarray | None = None, bits: int = 12, **attributes: Any) -> Path:
        path = tmp_path / "archive" / "IVANOV" / f"{uid.generate_uid()}.dcm"
        return save(film(stored, bits, **attributes), path)

    return write_film


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
        {"stored": RGB, "bits": 8, "PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": None},
        {"SamplesPerPixel": 3},
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
    "impossible_age": [{"PatientAge": "999Y"}],
    "unreadable_header": [{"BitsStored": None}],
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


def test_a_data_set_without_its_part_10_header_is_told_apart(write: Write) -> None:
    path = write()
    content = path.read_bytes()
    path.write_bytes(content[content.index(b"\x08\x00\x16\x00UI") :])
    assert reason(read_header, path) == "no_part10_header"


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
    assert reason(read_header, path) in ("no_image", "unreadable_header")
    assert films.read_film(path).pixels.shape == (80, 100)
    monkeypatch.setattr(dicom_file, "LARGEST", 1000)
    monkeypatch.setattr(dicom_file, "LARGEST_FILE", 2_000_000)
    assert reason(films.read_film, path) == "absurd_size"


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
def test_impossible_ages_are_rejected(text: str, dates: tuple[str, ...]) -> None:
    assert reason(person_fields.parse_age, text, *dates) == "impossible_age"


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


# --- greys of pictures that are no DICOM ------------------------------------------------------


def test_stretch_goes_by_the_half_percentiles() -> None:
    stored = np.random.default_rng(0).normal(2000, 300, (200, 200)).astype(np.uint16)
    stored[0, :5], stored[1, :5] = 0, 65535
    low, high = np.percentile(stored, (0.5, 99.5), method="inverted_cdf")
    expected = np.clip((stored.astype(float) - low) / (high - low), 0, 1) * 255
    assert np.abs(codecs.stretch(stored) - expected).max() <= 0.5 + 1e-9


def test_stretch_wants_one_grey_plane() -> None:
    assert reason(codecs.stretch, RGB) == "not_grey"
    assert reason(codecs.stretch, np.zeros((4, 4), np.float32)) == "not_grey"


# --- pixels in every transfer syntax ----------------------------------------------------------


def reference(bits: int) -> np.ndarray:
    return ramp(bits) * 255.0 / (2**bits - 1)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: uid.UID(syntax).keyword)
def test_every_transfer_syntax_shows_the_same_film(tmp_path: Path, syntax: str) -> None:
    bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
    path = save(film(ramp(bits), bits), tmp_path / "film.dcm", syntax)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    found = films.read_film(path, "full").pixels
    assert np.abs(found - reference(bits)).max() <= (1.5 if syntax in LOSSY else 0.5)


LOSSLESS = [*NATIVE, *BY_PYDICOM, *BY_GDCM]


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: uid.UID(syntax).keyword)
@pytest.mark.parametrize("bits", [8, 10, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_depth_and_sign_survive_every_lossless_coding(
    tmp_path: Path, syntax: str, bits: int, signed: bool
) -> None:
    stored = ramp(bits).astype(np.int32) - signed * 2 ** (bits - 1)
    kind = f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"
    path = save(film(stored.astype(kind), bits), tmp_path / "film.dcm", syntax)
    found = films.read_film(path, "full").pixels
    assert np.abs(found - reference(bits)).max() <= 0.5


@pytest.mark.parametrize("syntax", [*NATIVE, uid.RLELossless])
def test_dirty_bits_are_masked_in_every_coding_of_words(tmp_path: Path, syntax: str) -> None:
    dirty = ramp() | np.uint16(0xA000)
    path = save(film(dirty), tmp_path / "film.dcm", syntax)
    assert np.abs(films.read_film(path, "full").pixels - reference(12)).max() <= 0.5


def test_dirty_bits_are_masked_in_a_deeper_codestream(tmp_path: Path) -> None:
    """16 bits went through the encoder, of which the header calls 12 the value."""
    for syntax in (*BY_PYDICOM, *BY_GDCM):
        path = save(film(ramp() | np.uint16(0xA000), 16), tmp_path / "film.dcm", syntax)
        ds = pydicom.dcmread(path)
        ds.BitsStored, ds.HighBit = 12, 11
        ds.save_as(path)
        assert np.abs(films.read_film(path, "full").pixels - reference(12)).max() <= 0.5, syntax


def test_the_header_s_sign_counts_for_jpeg_2000(tmp_path: Path) -> None:
    """The codestream says unsigned; the file was made so by an encoder that knows no sign."""
    signed = (ramp().astype(np.int32) - 2048).astype(np.int16)
    ds = film(signed.view(np.uint16) & 0x0FFF)
    path = save(ds, tmp_path / "film.dcm", uid.JPEG2000Lossless)
    ds = pydicom.dcmread(path)
    ds.PixelRepresentation = 1
    ds.save_as(path)
    assert np.abs(films.read_film(path, "full").pixels - reference(12)).max() <= 0.5


def test_a_signed_codestream_may_be_shallower_than_its_header(tmp_path: Path) -> None:
    signed = (ramp().astype(np.int32) - 2048).astype(np.int16)
    path = save(film(signed), tmp_path / "film.dcm", uid.JPEG2000Lossless)
    ds = pydicom.dcmread(path)
    ds.BitsStored, ds.HighBit = 16, 15
    ds.save_as(path)
    expected = (signed + 32768.0) / 65535 * 255
    assert np.abs(films.read_film(path, "full").pixels - expected).max() <= 0.5


def test_a_codestream_in_several_fragments_is_one_film(tmp_path: Path) -> None:
    path = save(film(), tmp_path / "film.dcm", uid.JPEG2000Lossless)
    ds = pydicom.dcmread(path)
    (stream,) = pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1)
    ds.PixelData = pydicom.encaps.encapsulate([stream], fragments_per_frame=3, has_bot=False)
    ds.save_as(path)
    assert np.abs(films.read_film(path, "full").pixels - reference(12)).max() <= 0.5


def unknown_syntax(path: Path, syntax: str) -> Path:
    ds = pydicom.dcmread(path)
    ds.file_meta.TransferSyntaxUID = uid.UID(syntax)
    ds.save_as(path)
    return path


@pytest.mark.parametrize(
    ("syntax", "told"),
    [
        ("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2"),
        ("1.2.840.10008.1.2.4.102", "MPEG-4"),
        ("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection"),
    ],
)
def test_what_cannot_be_decoded_is_rejected_with_its_name(
    tmp_path: Path, syntax: str, told: str
) -> None:
    path = unknown_syntax(save(film(), tmp_path / "a.dcm", uid.JPEG2000Lossless), syntax)
    with pytest.raises(Rejected) as caught:
        films.read_film(path)
    assert caught.value.reason == "no_decoder"
    assert told in caught.value.detail


@pytest.mark.parametrize("syntax", ["1.2.3.4.5", ""])
def test_an_unknown_transfer_syntax_is_not_quoted(tmp_path: Path, syntax: str) -> None:
    path = save(film(), tmp_path / "a.dcm")
    content = path.read_bytes()
    told = str(uid.ExplicitVRLittleEndian).encode()
    path.write_bytes(content.replace(told, syntax.encode().ljust(len(told), b"\0")))
    with pytest.raises(Rejected) as caught:
        films.read_film(path)
    assert caught.value.reason in ("no_decoder", "unreadable_header")
    assert "1.2.3" not in caught.value.detail


# --- damaged pixels ---------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: uid.UID(syntax).keyword)
def test_a_truncated_file_has_a_good_header_and_fails_at_the_pixels(
    tmp_path: Path, syntax: str
) -> None:
    bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
    path = save(film(ramp(bits), bits), tmp_path / "film.dcm", syntax)
    content = path.read_bytes()
    cut = content.index(bytes.fromhex("e07f1000")) if b"\xe0\x7f\x10\0" in content else 600
    path.write_bytes(content[: cut + 40])
    if syntax not in (uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian):
        assert read_header(path)["rows"] == 80
    assert reason(films.read_film, path) in ("unreadable_pixels", "unreadable_header", "no_image")


def test_what_is_wrong_is_told_with_the_syntax_and_without_values(write: Write) -> None:
    path = write()
    path.write_bytes(path.read_bytes()[: -80 * 100])
    with pytest.raises(Rejected) as caught:
        films.read_film(path)
    assert caught.value.reason == "unreadable_pixels"
    assert caught.value.detail == "Explicit VR Little Endian: shorter than the header says"


def test_a_film_without_pixels_fails_at_the_pixels(write: Write) -> None:
    assert reason(films.read_film, write(PixelData=None)) == "unreadable_pixels"


@pytest.mark.parametrize("field", ["Rows", "Columns"])
@pytest.mark.parametrize(
    "syntax", [s for s in SYNTAXES if s not in NATIVE], ids=lambda syntax: uid.UID(syntax).keyword
)
def test_a_codestream_of_another_size_is_rejected(tmp_path: Path, syntax: str, field: str) -> None:
    bits = 8 if syntax == uid.JPEGBaseline8Bit else 12
    path = save(film(ramp(bits), bits), tmp_path / "film.dcm", syntax)
    ds = pydicom.dcmread(path)
    ds[field].value += 1
    ds.save_as(path)
    with pytest.raises(Rejected) as caught:
        films.read_film(path)
    assert caught.value.reason == "unreadable_pixels"
    name, _, told = caught.value.detail.partition(": ")
    assert name == uid.UID(syntax).name
    if syntax != uid.RLELossless:  # which does not tell its size; found before a decoder sees it
        assert told == "the codestream's size contradicts the header"


def test_a_decoder_that_dies_costs_one_film(tmp_path: Path) -> None:
    good = save(film(), tmp_path / "good.dcm", uid.JPEGLosslessSV1)
    expected = films.read_film(good).pixels
    assert decode.decoder_process.pid is not None
    os.kill(decode.decoder_process.pid, signal.SIGKILL)
    assert reason(films.read_film, good) == "decoder_crashed"
    assert np.array_equal(films.read_film(good).pixels, expected)


def test_a_film_that_kills_its_decoder_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(film(), tmp_path / "good.dcm", uid.JPEG2000Lossless)
    decode.decoder_process.stop()
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        deadly = "import os, pydicom.encaps as e\ne.get_frame = lambda *_, **__: os.abort()\n"
        (tmp_path / "sitecustomize.py").write_text(deadly)
        for _ in range(2):
            assert reason(films.read_film, path) == "decoder_crashed"
    assert films.read_film(path).pixels.shape == (80, 100)


def test_a_decoder_that_cannot_start_is_no_fault_of_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(film(), tmp_path / "good.dcm", uid.JPEG2000Lossless)
    decode.decoder_process.stop()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "pydicom.py").write_text("raise ImportError")
    with pytest.raises(UserError, match="does not start"):
        films.read_film(path)


def test_the_decoder_s_process_has_limits(tmp_path: Path) -> None:
    films.read_film(save(film(), tmp_path / "good.dcm", uid.JPEG2000Lossless))
    assert decode.decoder_process.pid is not None
    limits = Path(f"/proc/{decode.decoder_process.pid}/limits")
    if not limits.exists():
        pytest.skip("no /proc")
    lines = limits.read_text().splitlines()[1:]
    rows = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert int(rows["Max address space"]) == decode.MEMORY


# --- real files -------------------------------------------------------------------------------

NIH = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm"
REAL_DICOM = {
    NIH: None,
    "Fake_MONOHR1.dcm": None,
    "RG3_RLE": None,
    "RG3_JPLL": None,
    "SCSRUSS": None,
    "dx_image.dcm": None,
    "CR-MONO1-10-chest": "no_part10_header",
    "gdcm-CR-MONO1-10-chest.dcm": "no_patient",
    "html_page.dcm": "not_dicom",
}
READABLE = [name for name, code in REAL_DICOM.items() if code in (None, "no_patient")]


def by_gdcm(path: Path) -> np.ndarray:
    """The stored values as GDCM reads the whole file, by its own parser and decoders."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    kind = {8: np.uint8, 16: np.uint16}[image.GetPixelFormat().GetBitsAllocated()]
    values = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), kind)
    return values.reshape(image.GetDimension(1), image.GetDimension(0))


@needs_real
def test_every_real_file_is_known() -> None:
    assert {path.name for path in REAL.iterdir()} == set(REAL_DICOM)


@needs_real
@pytest.mark.parametrize("name", REAL_DICOM)
def test_real_dicom_is_read_or_rejected_for_its_reason(name: str) -> None:
    expected = REAL_DICOM[name]
    if expected:
        assert reason(read_header, REAL / name) == expected
        return
    known = read_header(REAL / name)
    assert films.read_film(REAL / name).pixels.shape == (known["rows"], known["columns"])
    assert not known["mojibake"]


@needs_real
@pytest.mark.parametrize("name", READABLE)
def test_real_pixels_are_those_of_another_reader(name: str) -> None:
    stored = by_gdcm(REAL / name).astype(np.float64)
    low, high = np.percentile(stored, (0.5, 99.5), method="inverted_cdf")
    expected = np.clip((stored - low) / (high - low), 0, 1) * 255
    if pydicom.dcmread(REAL / name).PhotometricInterpretation == "MONOCHROME1":
        expected = 255 - expected
    difference = np.abs(films.read_film(REAL / name).pixels - expected)
    # The percentiles are those of some rows; two decoders of JPEG differ by one stored value.
    assert np.quantile(difference, 0.999) <= 2.5


@needs_real
def test_a_real_window_is_applied() -> None:
    stored = by_gdcm(REAL / "RG3_RLE").astype(np.float64)
    expected = 255 - np.clip(((stored - 549.5) / 1023 + 0.5) * 255, 0, 255)
    found = films.read_film(REAL / "RG3_RLE", "voi")
    assert np.abs(found.pixels - expected).max() <= 0.5 + 1e-9
    assert found.applied == "voi linear"


@needs_real
def test_two_codings_of_a_real_film_are_equal() -> None:
    one, other = (films.read_film(REAL / name).pixels for name in ("RG3_RLE", "RG3_JPLL"))
    assert np.array_equal(one, other)


@needs_real
def test_real_film_and_its_twin_called_monochrome1_are_each_other_s_negative() -> None:
    plain, twin = REAL / NIH, REAL / "Fake_MONOHR1.dcm"
    assert read_header(plain)["photometric"] == "MONOCHROME2"
    assert read_header(twin)["photometric"] == "MONOCHROME1"
    total = films.read_film(plain).pixels.astype(int) + films.read_film(twin).pixels
    assert np.abs(total - 255).max() <= 1


@needs_real
def test_monochrome1_with_an_inverse_shape_is_inverted_once() -> None:
    """Air round the animal is dark."""
    pixels = films.read_film(REAL / "dx_image.dcm").pixels
    assert pixels[:10].mean() < 30


@needs_real
def test_a_real_cyrillic_set_is_read_as_declared() -> None:
    ds = read_dicom(REAL / "SCSRUSS", pixels=False)
    assert decode_text(ds, "PatientName", None) == "Люкceмбypг"


def test_the_fixed_codestream_is_htj2k(tmp_path: Path) -> None:
    """Capability marker (CAP) with Part 15: otherwise the tests above would decode Part 1."""
    stream = base64.b64decode(HTJ2K_STREAM)
    ds = film()
    for syntax in HTJ2K:
        enclose(ds, stream, syntax)
    assert b"\xff\x50" in stream[:100]


def test_baseline_jpeg_is_what_pillow_reads(tmp_path: Path) -> None:
    path = save(film(ramp(8), 8), tmp_path / "film.dcm", uid.JPEGBaseline8Bit)
    ds = pydicom.dcmread(path)
    (stream,) = pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1)
    jpeg = tmp_path / "film.jpg"
    jpeg.write_bytes(stream)
    assert np.array_equal(films.read_film(path, "full").pixels, np.asarray(Image.open(jpeg)))
