"""The cheap pass over the headers of an archive: one row a file, without decoding pixels."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom import uid
from pydicom.datadict import keyword_dict

from pgdose.errors import Rejected, UserError
from pgdose.study.modality_codes import FILM_MODALITIES
from pgdose.tables.keyed import SourceIds
from pgdose.tables.person_fields import OTHER, parse_sex, parse_view, possible_age, read_ages
from pgdose.tables.source_files import check_inside
from pgdose.xray.character_sets import decode_text, looks_misdeclared
from pgdose.xray.dicom_file import first_number, read_dicom, transfer_syntax
from pgdose.xray.film_checks import check_film, check_image, photometric_of
from pgdose.xray.modalities import check_modality
from pgdose.xray.orientation import Turn, check_orientation

SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
WIDEST = 10.0  # mm; a larger spacing is a typing error
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")


FILE_TAG = "file"  # in place of a keyword: the file's path below the root


class HeaderSettings(NamedTuple):
    """How the study reads the headers of a source.

    `tag` and `label_tag` are keywords of the attributes that link a film to its report, and to its
    row in a table of labels (or FILE_TAG); None: there are none.
    """

    tag: str | None
    encoding: str | None  # a codec such as cp1251, whatever the files declare; see `decode_text`
    views: tuple[str, ...] | list[str]  # values of ViewPosition that the study uses
    parts: tuple[str, ...] | list[str]  # words of BodyPartExamined that the study uses
    label_tag: str | None = None
    known_patients: bool = True  # false: a file without a patient is no mistake
    modalities: Collection[str] = FILM_MODALITIES  # of the images that are films
    orientation: str = "turn"  # of the study: turn, reject or as_stored

    def check(self, source: str) -> None:
        """Raise UserError if a tag is not a DICOM attribute or `encoding` no codec of text."""
        tags = {"reports.tag": self.tag, "label_table.tag": self.label_tag}
        for key, tag in tags.items():
            if tag not in (None, *keyword_dict, *([FILE_TAG] if "label" in key else [])):
                raise UserError(
                    f"sources.{source}.{key}: {tag!r} is not a DICOM attribute; use a keyword such "
                    "as AccessionNumber or StudyInstanceUID"
                    + (f", or {FILE_TAG}" if "label" in key else "")
                )
        try:
            b"a".decode(self.encoding or "ascii")
        except (LookupError, UnicodeError):
            raise UserError(
                f"sources.{source}.encoding: {self.encoding!r} is not a text encoding; "
                "use a Python codec such as cp1251, koi8-r or utf-8"
            ) from None


def read_headers(
    files: Iterable[tuple[str, Path]],
    ids: SourceIds,
    settings: HeaderSettings,
    root: Path | None = None,
    absent: Mapping[str, Rejected] | None = None,
) -> Iterator[dict]:
    """One row (of HEADERS) for each (record_id, path), in order, each read when its row is due.

    All rows have record_id, source, reason and detail. The last two are None for a usable file;
    then the fields of `read_header` follow, patient and instance opaque, the links in clear. A link
    that leads out of `root` is not read, nor are the files of records in `absent`, which says why
    they are not there.
    """
    settings.check(ids.source)
    settings = settings._replace(known_patients=not ids.unknown_patients)
    return (
        _header_row(record_id, path, ids, settings, root, (absent or {}).get(record_id))
        for record_id, path in files
    )


def _header_row(
    record_id: str,
    path: Path,
    ids: SourceIds,
    settings: HeaderSettings,
    root: Path | None,
    absence: Rejected | None,
) -> dict:
    row = {"record_id": record_id, "source": ids.source, "reason": None, "detail": None}
    try:
        if absence is not None:
            raise absence
        if root is not None:
            check_inside(root, path)
        header = read_header(path, settings)
    except Rejected as rejected:
        return row | {"reason": rejected.reason, "detail": rejected.detail}
    if ids.unknown_patients:
        header["patient"] = ids.patient(record_id)
    else:
        header["patient"] = ids.patient(header["patient"])
    if settings.label_tag == FILE_TAG:
        header["table_link"] = path.relative_to(root).as_posix() if root else path.name
    if header["instance"]:
        header["instance"] = ids.instance(header["instance"])
    return row | header


def read_header(path: Path, settings: HeaderSettings) -> dict:
    """The fields of HEADERS that one file tells.

    `patient`, `link` and `table_link` (of the attributes `settings.tag` and
    `settings.label_tag`) and `instance` (SOPInstanceUID) are in clear: the caller hashes or drops
    them. `mojibake`: no encoding is set, and the file
    seems to declare a wrong one. `view` and `body_part` are OTHER if the study does not use them,
    since people type names into these fields.

    Raises Rejected: the codes of `describe_film`, no_patient.
    """
    ds = read_dicom(path, pixels=False)
    try:
        film = _film_fields(ds, settings.modalities, settings.orientation)
        return film | _fields(ds, settings)
    except Rejected:
        raise
    except Exception as error:  # a value that pydicom cannot convert
        raise Rejected("unreadable_header", type(error).__name__) from None


def _fields(ds: pydicom.Dataset, settings: HeaderSettings) -> dict:
    def text(keyword: str) -> str:
        return decode_text(ds, keyword, settings.encoding)

    if settings.known_patients and not text("PatientID"):
        raise Rejected("no_patient", "PatientID is missing; it keeps training and validation apart")
    birth, *days = (text(keyword) for keyword in ("PatientBirthDate", *DATES))
    ages = read_ages(text("PatientAge"), birth, *days)
    part = _code(text("BodyPartExamined"))
    label_tag = settings.label_tag if settings.label_tag != FILE_TAG else None
    return {
        "patient": text("PatientID"),
        "link": (text(settings.tag) or None) if settings.tag else None,
        "table_link": (text(label_tag) or None) if label_tag else None,
        "instance": text("SOPInstanceUID") or None,
        "age": possible_age(ages),
        "impossible_age": bool(ages) and possible_age(ages) is None,
        "sex": parse_sex(text("PatientSex")),
        "view": parse_view(_code(text("ViewPosition")), settings.views),
        "body_part": part and next((w for w in settings.parts if w.upper() in part), OTHER),
        "mojibake": settings.encoding is None and looks_misdeclared(ds),
    }


def describe_film(path: Path, modalities: Collection[str], orientation: str) -> dict:
    """The fields of records, and of HEADERS, that say what the pixels of a DICOM film are.

    Sizes are those of the film as the study has it turned. Raises Rejected: the codes of
    `read_dicom`, `check_film`, `check_modality` and `check_orientation`.
    """
    ds = read_dicom(path, pixels=False)
    try:
        return _film_fields(ds, modalities, orientation)
    except Rejected:
        raise
    except Exception as error:  # a value that pydicom cannot convert
        raise Rejected("unreadable_header", type(error).__name__) from None


def _film_fields(ds: pydicom.Dataset, modalities: Collection[str], orientation: str) -> dict:
    check_image(ds)
    says_modality = check_modality(ds, modalities)
    check_film(ds)
    stored = check_orientation(ds, orientation)
    turn = Turn() if orientation == "as_stored" else stored.turn
    syntax, size = transfer_syntax(ds), (int(ds.Rows), int(ds.Columns))
    on_side = turn.quarters % 2
    return {
        "rows": size[on_side],
        "columns": size[1 - on_side],
        "bits_stored": int(ds.BitsStored),
        "photometric": photometric_of(ds),
        "transfer_syntax": syntax if syntax in uid.UID_dictionary else "OTHER",
        "mm_per_px": _spacing(ds, on_side),
        "turned": turn != Turn(),
        "stored": stored.how,
        "says_modality": says_modality,
    }


def _code(text: str) -> str | None:
    """The text if it is a DICOM code string, else None: people type other things there."""
    code = text.upper()
    return code if re.fullmatch(r"[A-Z0-9 _]{1,16}", code) else None


def _spacing(ds: pydicom.Dataset, on_side: int) -> float | None:
    """Millimetres from row to row, by the first attribute with a possible value.

    on_side: 1 for a film whose columns become its rows, else 0.
    """
    for keyword in SPACINGS:
        spacing = first_number(ds, keyword, place=on_side)
        if spacing is not None and 0 < spacing <= WIDEST:
            return spacing
    return None
