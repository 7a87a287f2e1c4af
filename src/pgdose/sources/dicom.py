"""DICOM files: a cheap pass over the headers, then the pixels of those that are wanted.

One meaning of grey for every file: the stored values between their 0.5 and 99.5 percentiles are
stretched to 0..255 and MONOCHROME1 is inverted. Window tags are not used, since archives have
them in some files only, and mixed normalisations would tell the classes' scanners apart.
"""

import logging
import os
import warnings
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.errors import InvalidDicomError
from pydicom.pixels import pixel_array

from pgdose.errors import Rejected, UserError
from pgdose.records import opaque
from pgdose.sources.files import LARGEST, parse_age, parse_sex, stretch, walk
from pgdose.sources.table import Indexed

GREYS = ("MONOCHROME1", "MONOCHROME2")

logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its warnings quote values of the file
warnings.filterwarnings("ignore", module="pydicom")


def read_header(path: Path) -> dict:
    """What `records` wants of one file, with the patient and other identifiers still in clear."""
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True)
    except InvalidDicomError:
        raise Rejected("not_dicom", "no DICOM preamble") from None
    except Exception as error:
        raise Rejected("unreadable_header", type(error).__name__) from None
    try:
        return _known(ds)
    except Rejected:
        raise
    except Exception as error:  # a value that pydicom cannot convert
        raise Rejected("unreadable_header", type(error).__name__) from None


def _known(ds: pydicom.Dataset) -> dict:
    rows, columns = int(ds.get("Rows") or 0), int(ds.get("Columns") or 0)
    photometric = str(ds.get("PhotometricInterpretation", ""))
    if not rows or not columns:
        raise Rejected("no_image", "Rows or Columns is missing")
    if rows * columns > LARGEST:
        raise Rejected("absurd_size", f"{columns}x{rows}")
    if photometric not in GREYS:
        raise Rejected("not_grey", photometric[:16])
    if int(ds.get("NumberOfFrames") or 1) != 1:
        raise Rejected("multi_frame", str(ds.NumberOfFrames))
    if not str(ds.get("PatientID") or "").strip():
        raise Rejected("no_patient", "PatientID is missing; patients keep the two parts apart")
    spacing = ds.get("PixelSpacing") or ds.get("ImagerPixelSpacing")
    meta = getattr(ds, "file_meta", {})
    return {
        "patient": str(ds.PatientID).strip(),
        "age": parse_age(
            ds.get("PatientAge"), str(ds.get("PatientBirthDate", "")), str(ds.get("StudyDate", ""))
        ),
        "sex": parse_sex(ds.get("PatientSex")),
        "view": str(ds.get("ViewPosition") or "").upper() or None,
        "rows": rows,
        "columns": columns,
        "bits_stored": int(ds.get("BitsStored") or 0),
        "photometric": photometric,
        "transfer_syntax": str(meta.get("TransferSyntaxUID", "")),
        "mm_per_px": float(spacing[0]) if spacing else None,
        "dataset": ds,
    }


def index(root: Path, *, key: bytes, source: str, tag: str, patients: str = "") -> Indexed:
    """Records, paths and rejects of every file below `root`.

    `patients` is the name space of patient numbers, the source itself if not given.

    A record's `link` is the value of the attribute `tag`, which joins it to its report. It is
    an identifier: the caller drops it before anything is written.
    """
    if tag_for_keyword(tag) is None:
        raise UserError(
            f"sources.{source}.reports.tag: {tag!r} is no DICOM attribute; "
            "a keyword such as AccessionNumber or StudyInstanceUID"
        )
    records, paths, rejects = [], [], []
    for path in walk(root):
        name = path.relative_to(root).as_posix().encode(errors="surrogateescape")
        record_id = opaque(key, source, name.decode("latin-1"))
        printable = os.fsencode(path).decode(errors="backslashreplace")
        paths.append({"record_id": record_id, "path": printable})
        try:
            if printable != str(path):
                raise Rejected("name_not_utf8", "rename the file or its folders to UTF-8")
            record = read_header(path)
        except Rejected as r:
            rejects.append((record_id, "index", r.reason, r.detail))
            continue
        record["link"] = str(record.pop("dataset").get(tag) or "").strip() or None
        record["patient"] = opaque(key, patients or source, "patient", record["patient"])
        records.append({"record_id": record_id, "source": source, **record})
    return records, paths, rejects


def read_pixels(path: Path) -> np.ndarray:
    """The film as uint8, rows x columns, 0 = dark (air), whatever way round it is stored."""
    photometric = read_header(path)["photometric"]
    try:
        stored = pixel_array(path)
    except Exception as error:
        raise Rejected("unreadable_pixels", type(error).__name__) from None
    return stretch(stored, inverted=photometric == "MONOCHROME1")
