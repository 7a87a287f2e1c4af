"""DICOM films: a cheap pass over the headers, then the pixels of those that are wanted.

What grey means is told in `grey`; compressed pixels are decoded by `decode`. Where a compressed
codestream contradicts its header the header counts for sign and BitsStored, as it does for
uncompressed words, and a codestream of another size is rejected.
"""

import logging
import re
import warnings
import zlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import uid
from pydicom.datadict import dictionary_VR, keyword_dict
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.pixels import get_decoder

from pgdose.errors import Rejected, UserError
from pgdose.tables.keyed import opaque
from pgdose.tables.person_fields import OTHER, parse_age, parse_sex, parse_view
from pgdose.tables.source_files import check_inside
from pgdose.xray import decode, grey
from pgdose.xray.charset import is_no_latin, is_utf8

# Why a file is no record or no film. `headers` and `read_film` reject with no other code.
REASONS = {
    "file_missing": "the file was there when the folder was listed, and is not any more",
    "no_permission": "the file may not be read",
    "outside_root": "a link that leads out of the source's root",
    "not_dicom": "the file has no DICOM preamble",
    "no_part10_header": "a bare DICOM data set without preamble and transfer syntax",
    "unreadable_header": "the header breaks off or holds values that cannot be",
    "no_image": "Rows or Columns is missing or 0",
    "absurd_size": "more pixels than any film has",
    "not_grey": "not one sample a pixel of MONOCHROME1 or MONOCHROME2",
    "multi_frame": "NumberOfFrames is neither empty nor 1",
    "not_16_bit": "BitsAllocated is neither 8 nor 16",
    "bad_bits": "BitsStored, HighBit or PixelRepresentation cannot be",
    "no_patient": "PatientID is missing; patients keep training and validation apart",
    "impossible_age": "under 0 or over 120 years, by PatientAge or by the dates",
    "no_decoder": "the transfer syntax is one that nothing here decodes",
    "unreadable_pixels": "the pixels are missing, break off, are damaged or contradict the header",
    "decoder_crashed": "the decoder died of the pixels, or asked for too much memory or time",
    "bad_lut": "a Modality or VOI LUT contradicts its LUTDescriptor",
    "bad_rescale": "RescaleSlope is 0, or it or RescaleIntercept is no number",
    "no_window": "`window: voi`, and the file has neither a VOI LUT nor a window to be used",
    "blank": "no contrast between the 0.5 and 99.5 percentiles, before or after the window",
}
GREYS = ("MONOCHROME1", "MONOCHROME2")
LARGEST = 100_000_000  # pixels of a film: what 2 GB of memory can take through all steps
INFLATED_HEADER = 2**20  # bytes of a deflated file that are looked at for its header
SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
WIDEST = 10.0  # mm; a larger spacing is a slip
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
TEXTS = {"PN", "LO", "SH", "ST", "LT", "UC", "UT", "CS", "AS", "DA"}

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of the file
warnings.filterwarnings("ignore", module="pydicom")


# --- headers ----------------------------------------------------------------------------------


def read_header(
    path: Path,
    *,
    tag: str = "AccessionNumber",
    encoding: str | None = None,
    views: Collection[str] = (),
    parts: Collection[str] = ("CHEST",),
) -> dict:
    """What `records` wants of one file.

    `patient`, `link` (the value of the attribute `tag`) and `instance` (SOPInstanceUID) are in
    clear: the caller hashes or drops them. `encoding`, a codec's name such as cp1251, is what
    texts are decoded with whatever the file declares, but for those that are valid UTF-8 or
    switch sets by escapes; `mojibake` tells that a file without it looks wrongly declared. Of
    `view` and `body_part` only what the study asks for is told (`views`, see `parse_view`; the
    first of `parts` that stands in it), else OTHER. Raises Rejected with a code of REASONS.
    """
    ds = _read(path, pixels=False)
    try:
        _check(ds)
        return _known(ds, tag, encoding, views, parts)
    except Rejected:
        raise
    except Exception as error:  # a value that pydicom cannot convert
        raise Rejected("unreadable_header", type(error).__name__) from None


def headers(
    files: Iterable[tuple[str, Path]],
    *,
    key: bytes,
    source: str,
    tag: str,
    patients: str = "",
    encoding: str | None = None,
    root: Path | None = None,
    views: Collection[str] = (),
    parts: Collection[str] = ("CHEST",),
) -> Iterator[dict]:
    """One dict for each (record_id, path), in order and as they are asked for.

    All have record_id, source, reason and detail. These two are None where the file is kept, and
    then the fields of `read_header` follow: patient and instance opaque (`patients` is the name
    space of patient numbers, the source itself if not given), link in clear. A link that leads out
    of the `root`, if that is given, is not read.
    """
    if tag not in keyword_dict:
        raise UserError(
            f"sources.{source}.reports.tag: {tag!r} is no DICOM attribute; "
            "a keyword such as AccessionNumber or StudyInstanceUID"
        )
    if encoding is not None:
        _check_encoding(encoding, source)

    def one(record_id: str, path: Path) -> dict:
        row = {"record_id": record_id, "source": source, "reason": None, "detail": None}
        try:
            if root is not None:
                check_inside(root, path)
            known = read_header(path, tag=tag, encoding=encoding, views=views, parts=parts)
        except Rejected as r:
            return row | {"reason": r.reason, "detail": r.detail}
        known["patient"] = opaque(key, patients or source, "patient", known["patient"])
        if known["instance"]:
            known["instance"] = opaque(key, source, "instance", known["instance"])
        return row | known

    return (one(record_id, path) for record_id, path in files)


def _check_encoding(encoding: str, source: str) -> None:
    try:
        b"a".decode(encoding)
    except (LookupError, UnicodeError):
        raise UserError(
            f"sources.{source}.encoding: {encoding!r} is no encoding of text; "
            "a Python codec such as cp1251, koi8-r or utf-8"
        ) from None


def _read(path: Path, *, pixels: bool) -> pydicom.Dataset:
    try:
        with path.open("rb") as file:
            start = file.read(1024)
            if start[128:132] != b"DICM":
                bare = start[:1] == b"\x08" and start[1:2] == b"\x00" and start[3:4] == b"\x00"
                raise Rejected("no_part10_header" if bare else "not_dicom", "no DICOM preamble")
            if pixels and path.stat().st_size > _most_bytes():
                raise Rejected("absurd_size", f"{path.stat().st_size} bytes")
            file.seek(0)
            if uid.DeflatedExplicitVRLittleEndian.encode() in start:
                return _read_deflated(path, pixels)
            return pydicom.dcmread(file, stop_before_pixels=not pixels)
    except Rejected:
        raise
    except FileNotFoundError:
        raise Rejected("file_missing", "") from None
    except PermissionError:
        raise Rejected("no_permission", "") from None
    except InvalidDicomError:
        raise Rejected("not_dicom", "no DICOM preamble") from None
    except Exception as error:
        raise Rejected("unreadable_header", type(error).__name__) from None


def _read_deflated(path: Path, pixels: bool) -> pydicom.Dataset:
    """As dcmread, but no more is inflated than can be right: a few bytes can inflate to all memory.

    The header pass takes the first of it and stops there.
    """
    meta = read_file_meta_info(path)
    most = _most_bytes() if pixels else INFLATED_HEADER
    with path.open("rb") as file:
        file.seek(144 + meta.FileMetaInformationGroupLength)
        deflated = file.read(most)
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(deflated, most)
    if pixels and len(inflated) == most:
        raise Rejected("absurd_size", "what the file inflates to")
    ds = read_dataset(
        BytesIO(inflated),
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=None if pixels else lambda tag, *_: tag >= 0x7FE00008,
    )
    ds.file_meta = meta
    return ds


def _most_bytes() -> int:
    """Of a film with the largest picture and the largest header."""
    return 2 * LARGEST + 2**26


def _check(ds: pydicom.Dataset) -> None:
    """Rejects what is no film of one grey plane."""
    rows, columns = int(ds.get("Rows") or 0), int(ds.get("Columns") or 0)
    photometric = str(ds.get("PhotometricInterpretation") or "")
    if not rows or not columns:
        raise Rejected("no_image", "Rows or Columns is missing")
    if rows * columns > LARGEST:
        raise Rejected("absurd_size", f"{columns}x{rows}")
    if photometric not in GREYS or int(ds.get("SamplesPerPixel") or 1) != 1:
        told = (
            photometric
            if re.fullmatch("RGB|PALETTE COLOR|YBR_[A-Z_0-9]{2,11}", photometric)
            else ""
        )
        raise Rejected("not_grey", told)
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise Rejected("multi_frame", str(int(ds.NumberOfFrames)))
    if ds.get("BitsAllocated") not in (8, 16):
        raise Rejected("not_16_bit", "BitsAllocated is neither 8 nor 16")
    layout = _layout(ds)
    if not 1 <= layout.stored <= layout.high + 1 <= layout.allocated:
        raise Rejected("bad_bits", f"{layout.stored} bits up to bit {layout.high}")
    if int(ds.get("PixelRepresentation") or 0) not in (0, 1):
        raise Rejected("bad_bits", "PixelRepresentation is neither 0 nor 1")


def _layout(ds: pydicom.Dataset) -> grey.Layout:
    stored = int(ds.BitsStored)
    high = ds.get("HighBit")
    return grey.Layout(
        allocated=int(ds.BitsAllocated),
        stored=stored,
        high=stored - 1 if high is None else int(high),
        signed=bool(ds.get("PixelRepresentation") or 0),
    )


def _known(
    ds: pydicom.Dataset,
    tag: str,
    encoding: str | None,
    views: Collection[str],
    parts: Collection[str],
) -> dict:
    def text(keyword: str) -> str:
        return _text(ds, keyword, encoding)

    if not text("PatientID"):
        raise Rejected("no_patient", "PatientID is missing; patients keep the two parts apart")
    part = _code(text("BodyPartExamined"))
    born, *days = (text(keyword) for keyword in ("PatientBirthDate", *DATES))
    return {
        "patient": text("PatientID"),
        "link": text(tag) or None,
        "instance": text("SOPInstanceUID") or None,
        "age": parse_age(text("PatientAge"), born, *days),
        "sex": parse_sex(text("PatientSex")),
        "view": parse_view(_code(text("ViewPosition")), views),
        "body_part": part and next((word for word in parts if word.upper() in part), OTHER),
        "rows": int(ds.Rows),
        "columns": int(ds.Columns),
        "bits_stored": int(ds.BitsStored),
        "photometric": str(ds.PhotometricInterpretation),
        "transfer_syntax": _syntax(ds) if _syntax(ds) in uid.UID_dictionary else "OTHER",
        "mm_per_px": _spacing(ds),
        "mojibake": encoding is None and _looks_misdeclared(ds),
    }


def _code(text: str) -> str | None:
    """A code string; nothing if it is none, since people type into such fields."""
    code = text.upper()
    return code if re.fullmatch(r"[A-Z0-9 _]{1,16}", code) else None


def _spacing(ds: pydicom.Dataset) -> float | None:
    """Millimetres from row to row, by the first attribute that can be right."""
    for keyword in SPACINGS:
        spacing = grey.number(ds, keyword)
        if spacing is not None and 0 < spacing <= WIDEST:
            return spacing
    return None


# --- character sets ---------------------------------------------------------------------------


def _text(ds: pydicom.Dataset, keyword: str, encoding: str | None) -> str:
    """An attribute as text without the padding, empty if there is none.

    The element's bytes are decoded here, since pydicom goes by the declared set alone.
    """
    tag = keyword_dict[keyword]
    if tag not in ds:
        return ""
    element = ds.get_item(tag)
    value = element.value
    if isinstance(element, RawDataElement) and isinstance(value, bytes) and _vr(element) in TEXTS:
        escaped = b"\x1b" in value
        if value.isascii() and not escaped:
            return value.decode("ascii").strip(" \0")
        if is_utf8(value) and not escaped:
            return value.decode().strip(" \0")
        if encoding is not None and not escaped:
            return value.decode(encoding, "backslashreplace").strip(" \0")
    value = ds[tag].value
    return "" if value is None else str(value).strip(" \0")


def _vr(element: RawDataElement) -> str:
    """The VR of an element; implicit files leave it to the dictionary."""
    if element.VR not in (None, "UN"):
        return str(element.VR)
    try:
        return dictionary_VR(element.tag)
    except KeyError:
        return "UN"


LATIN = {"", "ISO_IR 6", "ISO 2022 IR 6", "ISO_IR 100", "ISO 2022 IR 100"}


def _looks_misdeclared(ds: pydicom.Dataset) -> bool:
    """Whether texts that are declared Latin-1 or ASCII look like Cyrillic or UTF-8."""
    declared = ds.get("SpecificCharacterSet") or ""
    if not LATIN.issuperset([declared] if isinstance(declared, str) else declared):
        return False
    texts = [
        element.value
        for element in ds.elements()
        if isinstance(element.value, bytes)
        and not element.value.isascii()
        and _vr(element) in TEXTS  # type: ignore[arg-type]
    ]
    return any(is_no_latin(text) for text in texts)


# --- pixels -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Film:
    pixels: np.ndarray  # uint8, rows x columns; 0 is dark (air), however it is stored
    applied: str  # percentile, full, or voi and what the file offered
    offered: str | None  # what voi would use: lut, linear, linear_exact, sigmoid


def read_film(path: Path, window: str = "percentile") -> Film:
    """The film in the greys of `window`, one of grey.WINDOWS. Raises Rejected."""
    ds = _read(path, pixels=True)
    try:
        _check(ds)
        return Film(*grey.to_grey(_words(ds), _layout(ds), ds, window))
    except (Rejected, UserError):
        raise
    except Exception as error:
        raise Rejected("unreadable_pixels", f"{_syntax(ds).name}: {type(error).__name__}") from None


def _syntax(ds: pydicom.Dataset) -> uid.UID:
    return uid.UID(str(ds.file_meta.get("TransferSyntaxUID", "")))


def _words(ds: pydicom.Dataset) -> np.ndarray:
    """The pixels as they are stored: uint8 or uint16, rows x columns."""
    syntax = _syntax(ds)
    shape = rows, columns = int(ds.Rows), int(ds.Columns)
    pixels = ds.get("PixelData")
    if not isinstance(pixels, bytes):
        raise Rejected("unreadable_pixels", f"{syntax.name}: no PixelData")
    if not syntax.is_transfer_syntax or syntax.is_encapsulated:
        layout = _layout(ds)
        header = decode.Header(
            syntax, rows, columns, layout.allocated, layout.stored, layout.signed
        )
        return decode.decode(pixels, header)
    if len(pixels) < rows * columns * ds.BitsAllocated // 8:
        raise Rejected("unreadable_pixels", f"{syntax.name}: shorter than the header says")
    options: dict[str, Any] = {"view_only": True, "correct_unused_bits": False}
    words, _ = get_decoder(syntax).as_array(ds, index=0, raw=True, **options)
    words = words.astype(words.dtype.newbyteorder("="), copy=False)
    return words.view(f"u{words.itemsize}").reshape(shape)
