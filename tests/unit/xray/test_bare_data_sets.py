"""Files without preamble, meta information or transfer syntax; cut files; bytes behind films."""

import itertools
import random
import tarfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.dicom_files import (
    NATIVE,
    SYNTAXES,
    data_set_of,
    film,
    ramp,
    read_header,
    reason,
    save,
    without_syntax,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid

from pgdose.errors import Rejected
from pgdose.xray import films
from pgdose.xray.data_set_start import bare_encoding
from pgdose.xray.dicom_file import is_dicom

Write = Callable[..., Path]
BARE = (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian)
COMPRESSED = [syntax for syntax in SYNTAXES if syntax not in NATIVE]
PREAMBLE = b"\0" * 128 + b"DICM"


def by_name(syntax: str) -> str:
    return uid.UID(syntax).keyword


def bits_of(syntax: str) -> int:
    return 8 if syntax == uid.JPEGBaseline8Bit else 12


# --- without meta information -----------------------------------------------------------------


@pytest.mark.parametrize("start", [b"", PREAMBLE], ids=["nothing", "preamble"])
@pytest.mark.parametrize("syntax", BARE, ids=by_name)
@pytest.mark.parametrize("first", [None, "ISO_IR 100"])
def test_a_bare_data_set_is_read_in_its_encoding(
    tmp_path: Path, syntax: str, start: bytes, first: str | None
) -> None:
    path = save(film(SpecificCharacterSet=first), tmp_path / "film", syntax)
    expected = films.read_film(path).pixels
    path.write_bytes(start + data_set_of(path))
    assert is_dicom(path)
    header = read_header(path)
    assert (header["transfer_syntax"], header["patient"]) == (syntax, "ID-4711")
    assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=by_name)
def test_meta_information_may_stand_without_a_preamble(tmp_path: Path, syntax: str) -> None:
    path = save(film(ramp(bits_of(syntax)), bits_of(syntax)), tmp_path / "film", syntax)
    expected = films.read_film(path).pixels
    path.write_bytes(path.read_bytes()[132:])
    assert is_dicom(path) and read_header(path)["transfer_syntax"] == syntax
    assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("elements", [1, 2])
@pytest.mark.parametrize("syntax", BARE, ids=by_name)
def test_short_meta_information_is_enough(tmp_path: Path, syntax: str, elements: int) -> None:
    """Without a preamble, where few elements come before those in another encoding."""
    path = save(film(), tmp_path / "film", syntax)
    expected = films.read_film(path).pixels
    element = b"\x02\0\x10\0UI" + (len(syntax) + 1 & ~1).to_bytes(2, "little")
    element += syntax.encode() + b"\0" * (len(syntax) % 2)
    length = b"\x02\0\0\0UL\x04\0" + len(element).to_bytes(4, "little")
    meta = element if elements == 1 else length + element
    path.write_bytes(meta + data_set_of(path))
    assert is_dicom(path) and read_header(path)["transfer_syntax"] == syntax
    assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("syntax", BARE, ids=by_name)
def test_native_pixels_need_no_stated_syntax(tmp_path: Path, syntax: str) -> None:
    path = save(film(), tmp_path / "film.dcm", syntax)
    expected = films.read_film(path).pixels
    without_syntax(path)
    assert read_header(path)["transfer_syntax"] == syntax
    assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("syntax", COMPRESSED, ids=by_name)
@pytest.mark.parametrize("bare", [False, True])
def test_compressed_pixels_show_their_coding(tmp_path: Path, syntax: str, bare: bool) -> None:
    path = save(film(ramp(bits_of(syntax)), bits_of(syntax)), tmp_path / "film.dcm", syntax)
    expected = films.read_film(path).pixels
    path.write_bytes(data_set_of(path)) if bare else without_syntax(path)
    found = uid.UID(read_header(path)["transfer_syntax"])
    family = ("HTJ2K", "JPEG2000", "JPEGLSN", "JPEGLSL", "RLE", "JPEGLossless", "JPEGB", "JPEGE")
    same = {"JPEGLSL": "JPEGLSN"}  # one stands for both
    kind = next(name for name in family if by_name(syntax).startswith(name))
    assert found.keyword.startswith(same.get(kind, kind))
    assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("syntax", COMPRESSED, ids=by_name)
def test_compressed_pixels_are_not_taken_for_native_ones(tmp_path: Path, syntax: str) -> None:
    """A file that says Explicit VR Little Endian, with pixels of undefined length."""
    path = save(film(ramp(bits_of(syntax)), bits_of(syntax)), tmp_path / "film.dcm", syntax)
    expected = films.read_film(path).pixels
    data_set = data_set_of(path)
    save(film(), path)
    path.write_bytes(path.read_bytes().removesuffix(data_set_of(path)) + data_set)
    assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("stream", [b"\0\0\1\xb3" + b"film" * 50, b"\xff\xd8\xff\xc2" + b"\0" * 90])
def test_pixels_of_an_unknown_coding_are_rejected(tmp_path: Path, stream: bytes) -> None:
    ds = film(PixelData=pydicom.encaps.encapsulate([stream]))
    ds["PixelData"].is_undefined_length = True
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = uid.JPEG2000
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    path = without_syntax(tmp_path / "film.dcm")
    assert read_header(path)["transfer_syntax"] == "OTHER"
    with pytest.raises(Rejected) as caught:
        films.read_film(path)
    assert caught.value.reason == "no_decoder"
    assert caught.value.detail == "no transfer syntax, and the pixels show none that is read"


# --- what is no data set ----------------------------------------------------------------------


def png() -> bytes:
    file = BytesIO()
    Image.new("L", (9, 9)).save(file, "PNG")
    return file.getvalue()


@given(st.binary(max_size=600))
@settings(max_examples=300, deadline=None)
def test_no_bytes_are_a_data_set_by_chance(content: bytes) -> None:
    assert bare_encoding(content, len(content)) is None


@given(
    st.binary(max_size=300), st.sampled_from([b"\x08\0\x05\0", b"\x08\0\x16\0", b"\0\x08\0\x05"])
)
@settings(max_examples=300, deadline=None)
def test_nor_are_bytes_behind_the_tag_of_a_first_element(content: bytes, tag: bytes) -> None:
    """Random bytes hold a VR that fits in one of 2**16, and a short length in one of 2**16."""
    rest = content if len(content) >= 4 else b"film"
    likely = rest[:2] in (b"CS", b"UI") or rest[2:4] == b"\0\0"
    assert likely or bare_encoding(tag + rest, 4 + len(rest)) is None


@pytest.mark.parametrize(
    "content",
    [
        *(b"<html><body>403</body></html>", b"", b"\x08\0", b"\0" * 500, b"\x08\0" * 300),
        *(b"\xff" * 200, png(), "снимок\n".encode("utf-16"), b"\x08\0\x05\0CS"),
        b"\x08\0\x05\0LO\x04\0abcd",  # another VR than the dictionary's
        b"\x10\0\x10\0PN\x04\0A^B ",  # not at the beginning of a data set
        b"\x08\0\x05\0CS\x03\0abc",  # an odd length
        b"\x08\0\x16\0UI\x02\x001\0junkjunk",  # no second element
        b"\x08\0\x16\0UI\x02\x001\0\x08\0\x05\0CS\0\0",  # falling tags
        b"\x08\0\x16\0\xff\xff\xff\xff" + b"1.2.3" * 9,  # implicit, no sequence
    ],
)
def test_other_files_stay_no_dicom(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(content)
    assert reason(read_header, path) == reason(films.read_film, path) == "not_dicom"
    (tmp_path / "film").write_bytes(content)
    assert not is_dicom(tmp_path / "film")


# --- what breaks off --------------------------------------------------------------------------


def cut_positions(content: bytes, pixels: int) -> list[int]:
    """Each place from where the file is known as DICOM to where its pixels begin."""
    start = 132 if content[128:132] == b"DICM" else 8
    return list(range(start, pixels + 1))


@pytest.mark.parametrize("syntax", BARE, ids=by_name)
@pytest.mark.parametrize("bare", [False, True])
def test_a_header_that_breaks_off_anywhere_is_unreadable(
    tmp_path: Path, syntax: str, bare: bool
) -> None:
    item = pydicom.Dataset()
    item.CodeValue = "P5-09000"
    path = save(film(ViewCodeSequence=[item], NumberOfFrames="1"), tmp_path / "film.dcm", syntax)
    content = data_set_of(path) if bare else path.read_bytes()
    tag = b"\x7f\xe0\0\x10" if syntax == uid.ExplicitVRBigEndian else b"\xe0\x7f\x10\0"
    found = set()
    for at in cut_positions(content, content.index(tag)):
        path.write_bytes(content[:at])
        with pytest.raises(Rejected) as caught:
            read_header(path)
        assert caught.value.detail != "error"  # struct's name for what breaks off
        found.add(caught.value.reason)
        if at % 7 == 0:
            found.add(reason(films.read_film, path))
    # Of the first element of a bare data set there must be more than its tag and length.
    assert found == {"unreadable_header"}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=by_name)
def test_pixels_that_break_off_are_unreadable(tmp_path: Path, syntax: str) -> None:
    path = save(film(ramp(bits_of(syntax)), bits_of(syntax)), tmp_path / "film.dcm", syntax)
    content = path.read_bytes()
    for cut in (5, 8, 9, 40, 200):
        path.write_bytes(content[:-cut])
        if syntax == uid.DeflatedExplicitVRLittleEndian and cut < 40:
            continue  # the end of the stream may hold no pixel
        assert reason(films.read_film, path) == "unreadable_pixels", cut


def test_what_stands_in_place_of_pixels_is_no_pixels(write: Write) -> None:
    path = write(PixelData=None)
    path.write_bytes(path.read_bytes() + b"\xe1\x7f\x01\x10OB\0\0\x10\0\0\0" + bytes(16))
    assert reason(read_header, path) == "unreadable_header"


def test_a_report_holds_no_image(tmp_path: Path) -> None:
    ds = film(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", Rows=None, PixelData=None)
    assert reason(read_header, save_as_it_is(ds, tmp_path / "report.dcm")) == "no_image"


def save_as_it_is(ds: pydicom.Dataset, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


# --- what stands behind -----------------------------------------------------------------------

TRAILERS = {
    "zeros": b"\0" * 1000,
    "one": b"\0",
    "random": random.Random(1).randbytes(999),
    "ones": b"\xff" * 513,
    "padding": b"\xfc\xff\xfc\xffOB\0\0\x08\0\0\0" + b"\0" * 8,
    "text": b"IVANOV IVAN, exported by station 7\r\n" * 9,
    "element": b"\xe1\x7f\x01\x10OB\0\0\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("syntax", SYNTAXES, ids=by_name)
def test_bytes_behind_the_data_set_do_no_harm(tmp_path: Path, syntax: str) -> None:
    path = save(film(ramp(bits_of(syntax)), bits_of(syntax)), tmp_path / "film.dcm", syntax)
    expected, content = films.read_film(path).pixels, path.read_bytes()
    header = read_header(path)
    for trailer in TRAILERS.values():
        path.write_bytes(content + trailer)
        assert read_header(path) == header
        assert np.array_equal(films.read_film(path).pixels, expected)


@pytest.mark.parametrize("trailer", TRAILERS.values(), ids=TRAILERS)
def test_nor_do_they_inside_a_deflated_data_set(tmp_path: Path, trailer: bytes) -> None:
    path = save(film(), tmp_path / "film.dcm", uid.DeflatedExplicitVRLittleEndian)
    expected, data_set = films.read_film(path).pixels, data_set_of(path)
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(zlib.decompress(data_set, -15) + trailer) + packer.flush()
    path.write_bytes(path.read_bytes().removesuffix(data_set) + packed)
    assert np.array_equal(films.read_film(path).pixels, expected)


# --- archives ---------------------------------------------------------------------------------


def packed(kind: str) -> bytes:
    """The start of an archive; those that Python cannot make, as their formats say it begins."""
    if kind.startswith("TAR"):
        file = BytesIO()
        form = {"TAR": tarfile.PAX_FORMAT, "TAR, old": tarfile.USTAR_FORMAT}[kind]
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            archive.addfile(tarfile.TarInfo("IVANOV/1.dcm"), BytesIO())
        content = bytearray(file.getvalue())
        if kind == "TAR, old":  # without the letters that later ones have
            content[257:265] = b"\0" * 8
            total = sum(content[:148]) + 8 * 32 + sum(content[156:512])
            content[148:156] = b"%06o\0 " % total
        return bytes(content)
    starts = {"ZIP": b"PK\3\4", "gzip": b"\x1f\x8b\x08", "bzip2": b"BZh9", "xz": b"\xfd7zXZ\0"}
    starts |= {
        "Zstandard": b"\x28\xb5\x2f\xfd",
        "7z": b"7z\xbc\xaf\x27\x1c",
        "RAR": b"Rar!\x1a\x07",
    }
    return starts[kind] + b"x" * 600


KINDS = ("ZIP", "gzip", "bzip2", "xz", "Zstandard", "7z", "RAR", "TAR", "TAR, old")


@pytest.mark.parametrize(("kind", "name"), itertools.product(KINDS, ["films", "film.dcm"]))
def test_an_archive_is_named_as_one(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(packed(kind))
    for act in (read_header, films.read_film):
        with pytest.raises(Rejected) as caught:
            act(path)
        assert caught.value.reason == "archive"
        assert kind.split(",")[0] in caught.value.detail and "unpack it" in caught.value.detail
