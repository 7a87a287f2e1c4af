"""The decoders of each transfer syntax read the same, and the next is asked where one fails."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers.dicom_files import NATIVE, SYNTAXES, enclose, film, reason, save, without_syntax
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate, get_frame

from pgdose.errors import Rejected
from pgdose.xray import decode, films
from pgdose.xray.codestream import coding_of
from pgdose.xray.decoders import DECODERS, PixelHeader
from pgdose.xray.dicom_file import read_dicom, transfer_syntax
from pgdose.xray.film_checks import word_layout

COMPRESSED = [syntax for syntax in SYNTAXES if syntax not in NATIVE]
FIXED = (uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K, uid.JPEGExtended12Bit)  # of 12 bits


def by_name(syntax: str) -> str:
    return uid.UID(syntax).keyword


def waves(bits: int, signed: bool) -> np.ndarray:
    """80 x 100 values whose codestream is long enough to be cut."""
    y, x = np.mgrid[:80, :100]
    noise = np.random.default_rng(0).normal(0, 0.02, (80, 100))
    greys = (0.5 + 0.4 * np.sin(y / 9) * np.cos(x / 7) + noise).clip(0, 1)
    values = np.rint(greys * (2**bits - 1)).astype(np.int32) - signed * 2 ** (bits - 1)
    return values.astype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")


def request_of(path: Path) -> tuple[bytes, PixelHeader]:
    ds = read_dicom(path, pixels=True)
    layout = word_layout(ds)
    header = PixelHeader(
        syntax=transfer_syntax(ds),
        rows=ds.Rows,
        columns=ds.Columns,
        samples=1,
        bits_allocated=layout.allocated,
        bits_stored=layout.stored,
        high_bit=layout.high,
        signed=layout.signed,
    )
    return ds.PixelData, header


def kinds(syntax: str) -> list[tuple[int, bool]]:
    if syntax == uid.JPEGBaseline8Bit:
        return [(8, False)]
    return [(12, False)] if syntax in FIXED else [(8, False), (12, False), (10, True), (16, False)]


@pytest.mark.parametrize("syntax", COMPRESSED, ids=by_name)
def test_all_decoders_of_a_syntax_read_the_same_and_nothing_that_breaks_off(
    tmp_path: Path, syntax: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bits, signed in kinds(syntax):
        path = save(film(waves(bits, signed), bits), tmp_path / "film.dcm", syntax)
        pixel_data, header = request_of(path)
        stream = get_frame(pixel_data, 0, number_of_frames=1)
        expected = decode.decode(pixel_data, header)
        for name in DECODERS[syntax][1:]:
            with monkeypatch.context() as patch:
                patch.setitem(DECODERS, syntax, (name,))
                found = decode.decode(pixel_data, header)
                differ = (found ^ expected) & (2**bits - 1)  # other bits are no part of the value
                assert not differ.any(), (name, bits, signed)
                for share in (0.3, 0.6, 0.9):
                    cut = encapsulate([stream[: int(share * len(stream))]])
                    assert reason(decode.decode, cut, header) == "unreadable_pixels"


def test_each_syntax_has_its_decoders_in_order() -> None:
    assert set(DECODERS) == set(COMPRESSED)
    assert DECODERS[uid.JPEGLSNearLossless] == ("pyjpegls", "gdcm")
    assert all(len(names) > 1 for syntax, names in DECODERS.items() if syntax != uid.RLELossless)


JPEG_LS = ("jpeg_ls.decode_pixel_data", "gdcm.Image")
CHILD = """import os, jpeg_ls, gdcm
def die(*_, **__): os.abort()
def fail(*_, **__): raise ValueError
"""
Replace = Callable[..., None]


@pytest.fixture
def replace_decoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Replace]:
    """Let the decoders of JPEG-LS, in their order, `die` or `fail` in the child process."""

    def replace(*acts: str) -> None:
        lines = [f"{place} = {act}" for place, act in zip(JPEG_LS, acts, strict=False)]
        (tmp_path / "sitecustomize.py").write_text(CHILD + "\n".join(lines))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
        decode.decoder_process.stop()

    yield replace
    decode.decoder_process.stop()


@pytest.mark.parametrize("acts", [("fail",), ("die",)])
@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEGLSNearLossless], ids=by_name)
def test_the_next_decoder_is_asked_where_one_fails_or_dies(
    tmp_path: Path, replace_decoders: Replace, acts: tuple[str, ...], syntax: str
) -> None:
    path = save(film(waves(12, False)), tmp_path / "film.dcm", syntax)
    expected = films.read_film(path).pixels
    replace_decoders(*acts)
    for _ in range(2):
        assert np.array_equal(films.read_film(path).pixels, expected)


def test_a_film_that_no_decoder_reads_is_rejected_as_the_first_one_failed(
    tmp_path: Path, replace_decoders: Replace
) -> None:
    path = save(film(waves(12, False)), tmp_path / "film.dcm", uid.JPEGLSLossless)
    for acts, expected in (
        (("fail", "die"), "unreadable_pixels"),
        (("die", "fail"), "decoder_crashed"),
    ):
        replace_decoders(*acts)
        assert reason(films.read_film, path) == expected


def test_nothing_of_the_working_folder_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(film(waves(12, False)), tmp_path / "film.dcm", uid.JPEGLSLossless)
    (tmp_path / "json.py").write_text("open('it_ran', 'w')")
    monkeypatch.chdir(tmp_path)
    decode.decoder_process.stop()
    films.read_film(path)
    assert not (tmp_path / "it_ran").exists()


def test_no_other_decoder_is_asked_where_the_codestream_contradicts_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(film(waves(12, False)), tmp_path / "film.dcm", uid.JPEG2000Lossless)
    pixel_data, header = request_of(path)
    header = PixelHeader(**{**vars(header), "rows": 81})
    asked = []
    ask = decode.decoder_process.ask
    monkeypatch.setattr(decode.decoder_process, "ask", lambda *r: asked.append(r) or ask(*r))
    with pytest.raises(Rejected, match="size contradicts"):
        decode.decode(pixel_data, header)
    assert len(asked) == 1


@pytest.mark.parametrize(
    "stream", [b"", b"\xff\xd8", b"\xff\xd8\xff\xc2\0\x11\x08", b"\x01\0\0\0" * 16, b"\0" * 64]
)
def test_what_is_no_codestream_has_no_coding(stream: bytes) -> None:
    assert coding_of(stream) is None


def test_rle_is_known_by_its_offsets() -> None:
    def header(segments: int, *offsets: int) -> bytes:
        numbers = [segments, *offsets, *[0] * (15 - len(offsets))]
        return np.array(numbers, "<u4").tobytes() + b"data"

    assert coding_of(header(2, 64, 900)) == uid.RLELossless
    for wrong in ((2, 64), (1, 65), (2, 64, 60), (1, 64, 90), (16, 64)):
        assert coding_of(header(*wrong)) is None


# --- how a codestream holds the values --------------------------------------------------------


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [9, 12, 15])
def test_values_in_the_high_bits_are_read_in_full(tmp_path: Path, bits: int, signed: bool) -> None:
    """BitsStored 12 up to HighBit 15: codestreams hold whole words, or the values alone."""
    values = waves(bits, signed)
    words = values << (16 - bits)
    expected = films.read_film(save(film(values, bits), tmp_path / "low.dcm"), "full").pixels
    streams = [
        (uid.JPEG2000Lossless, imagecodecs.jpeg2k_encode(words, codecformat="J2K")),
        (
            uid.JPEG2000Lossless,
            imagecodecs.jpeg2k_encode(values, codecformat="J2K", bitspersample=bits),
        ),
    ]
    if not signed:
        streams += [
            (uid.JPEGLSLossless, imagecodecs.jpegls_encode(words)),
            (uid.JPEGLossless, imagecodecs.jpeg_encode(words, lossless=True, bitspersample=16)),
            (uid.JPEGLossless, imagecodecs.jpeg_encode(values, lossless=True, bitspersample=bits)),
        ]
    whole = film(words, 16)  # so that pydicom encodes the words as they are
    path = save(whole, tmp_path / "rle.dcm", uid.RLELossless)
    streams.append((uid.RLELossless, get_frame(read_dicom(path, pixels=True).PixelData, 0)))
    for syntax, stream in streams:
        ds = film(words, bits, HighBit=15)
        enclose(ds, stream, syntax)
        ds.save_as(tmp_path / "high.dcm", enforce_file_format=True)
        assert np.array_equal(films.read_film(tmp_path / "high.dcm", "full").pixels, expected)


def jpeg_of_8_bits(before_the_frame: bytes) -> tuple[np.ndarray, bytes]:
    """(what it shows, the codestream) with bytes before the marker of the frame."""
    file = io.BytesIO()
    Image.fromarray(waves(8, False)).save(file, "JPEG", quality=95)
    stream = file.getvalue()
    at = stream.index(b"\xff\xc0")
    stream = stream[:at] + before_the_frame + stream[at:]
    return np.asarray(Image.open(io.BytesIO(stream))), stream


@pytest.mark.parametrize("allocated", [8, 16])
@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, None])
@pytest.mark.parametrize(
    "before",
    [b"", b"\xff\xff\xff", b"\xff\xe2\xff\xf0" + bytes(65518), b"\xff\xfe\0\4ab\xff"],
    ids=["nothing", "fill", "a profile", "a comment and fill"],
)
def test_jpegs_of_8_bits_in_words_of_8_or_16(
    tmp_path: Path, allocated: int, syntax: str | None, before: bytes
) -> None:
    shown, stream = jpeg_of_8_bits(before)
    ds = film(shown, 8, BitsAllocated=allocated)
    enclose(ds, stream, syntax or uid.JPEGBaseline8Bit)
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    if syntax is None:
        without_syntax(tmp_path / "film.dcm")
    assert np.array_equal(films.read_film(tmp_path / "film.dcm", "full").pixels, shown)
