"""Pixels of DICOM films: every transfer syntax, damaged files, real files."""

import base64
import os
import signal
from collections.abc import Callable
from pathlib import Path

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
    ramp,
    read_header,
    reason,
    save,
)
from helpers.workflow import PROJECT
from PIL import Image
from pydicom import uid

from pgdose.errors import Rejected, UserError
from pgdose.images import codecs
from pgdose.xray import decode, films
from pgdose.xray.character_sets import decode_text
from pgdose.xray.dicom_file import read_dicom

REAL = PROJECT.parent / "shared" / "real" / "dicom"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not beside the tree")
Write = Callable[..., Path]


# --- greys of pictures that are no DICOM ------------------------------------------------------


def test_stretch_goes_by_the_half_percentiles() -> None:
    stored = np.random.default_rng(0).normal(2000, 300, (200, 200)).astype(np.uint16)
    stored[0, :5], stored[1, :5] = 0, 65535
    low, high = np.percentile(stored, (0.5, 99.5), method="inverted_cdf")
    expected = np.clip((stored.astype(float) - low) / (high - low), 0, 1) * 255
    assert np.abs(codecs.stretch(stored) - expected).max() <= 0.5 + 1e-9


def test_stretch_wants_one_grey_plane() -> None:
    assert reason(codecs.stretch, np.zeros((80, 100, 3), np.uint8)) == "not_grey"
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


@pytest.mark.parametrize("missing", ["SamplesPerPixel", "PixelRepresentation", "HighBit"])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless])
def test_what_a_header_need_not_say_of_plain_greys(
    tmp_path: Path, syntax: str, missing: str
) -> None:
    path = save(film(), tmp_path / "film.dcm", syntax)
    expected = films.read_film(path).pixels
    ds = pydicom.dcmread(path)
    delattr(ds, missing)
    ds.save_as(path)
    assert read_header(path)["rows"] == 80
    assert np.array_equal(films.read_film(path).pixels, expected)


def test_a_film_that_does_not_say_its_bits_is_rejected(write: Write) -> None:
    path = write(BitsStored=None)
    with pytest.raises(Rejected, match="BitsStored"):
        read_header(path)
    with pytest.raises(Rejected, match="BitsStored"):
        films.read_film(path)


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


def test_an_unknown_transfer_syntax_is_not_quoted(tmp_path: Path) -> None:
    path = save(film(), tmp_path / "a.dcm")
    content = path.read_bytes()
    told = str(uid.ExplicitVRLittleEndian).encode()
    path.write_bytes(content.replace(told, b"1.2.3.4.5".ljust(len(told), b"\0")))
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
    assert caught.value.detail == "Explicit VR Little Endian: fewer pixels than the header says"


def test_a_file_that_ends_before_its_pixels_is_unreadable(write: Write) -> None:
    for act in (read_header, films.read_film):
        with pytest.raises(Rejected) as caught:
            act(write(PixelData=None))
        assert caught.value.reason == "unreadable_header"
        assert caught.value.detail == "the file ends before its pixels"


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


def test_a_decoder_that_dies_costs_no_film(tmp_path: Path) -> None:
    good = save(film(), tmp_path / "good.dcm", uid.JPEGLosslessSV1)
    expected = films.read_film(good).pixels
    assert decode.decoder_process.pid is not None
    os.kill(decode.decoder_process.pid, signal.SIGKILL)
    for _ in range(2):  # by the next decoder, and by the first one again
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
    "SCSRUSS": "other_modality",  # it says OT
    "dx_image.dcm": None,
    "CR-MONO1-10-chest": "no_patient",
    "gdcm-CR-MONO1-10-chest.dcm": "no_patient",
    "html_page.dcm": "not_dicom",
}
READABLE = [name for name, code in REAL_DICOM.items() if code != "not_dicom"]
MIRRORED = ("RG3_RLE", "RG3_JPLL")  # their PatientOrientation is R\F


def by_gdcm(path: Path) -> np.ndarray:
    """The stored values as GDCM reads the whole file, by its own parser and decoders."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    image = reader.GetImage()
    kind = {8: np.uint8, 16: np.uint16}[image.GetPixelFormat().GetBitsAllocated()]
    values = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), kind)
    values = values.reshape(image.GetDimension(1), image.GetDimension(0))
    return values[:, ::-1] if path.name in MIRRORED else values


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
    header = pydicom.dcmread(REAL / name, force=True)
    if header.PhotometricInterpretation == "MONOCHROME1":
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
