"""Files of the X-ray archive that nobody can use, and copies of good films."""

from collections.abc import Mapping

from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML, UID

from pgdose.tables.keyed import generator
from pgdose_phantom.films import Film

# Kinds of unusable files, and the reason why a reader should reject each
BROKEN: Mapping[str, str] = {
    "truncated": "unreadable_pixels",
    "blank": "blank",
    "lateral": "lateral",
    "web_page": "not_dicom",
    "text": "not_dicom",
    "saturated": "saturated",
    "lateral_as_pa": "lateral",  # a lateral view that says PA
    "multi_frame": "multi_frame",
    "not_chest": "not_chest",
    "duplicate_uid": "duplicate_uid",  # a norm film exported twice
    "duplicate_pixels": "duplicate_pixels",  # the same, with other identities
    "tiny": "tiny",
    "other_modality": "other_modality",  # a slice of a CT among the films
    "no_patient": "no_patient",
    "undecodable": "no_decoder",
}
COPIES = ("duplicate_uid", "duplicate_pixels")
LATERALS = ("lateral", "lateral_as_pa")
NOT_DICOM = ("web_page", "text")
SECOND_EXPORT = "export_2"  # the folder of the copies
BODY_PARTS = ("HAND", "KNEE", "SKULL")
TINY_SHAPES = ((48, 40), (40, 48))  # rows, columns
UNKNOWN_SYNTAXES = (MPEG2MPML, UID("2.25.309474561118293746500171819043718209431"))
WEB_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Сессия завершена</title></head>
<body><h1>403</h1><p>Войдите в систему, чтобы скачать снимок.</p></body></html>
"""
TEXT = "Снимок выдан пациенту на руки.\nПлёнка не сканировалась.\n"


def spoil(dataset: FileDataset, seed: int, film: Film, kind: str) -> None:
    """Turn a good file into one of its kind among BROKEN."""
    turn = film.place // len(BROKEN)
    if kind == "lateral":
        dataset.ViewPosition = ("LL", "LATERAL")[turn % 2]
    elif kind == "multi_frame":
        dataset.NumberOfFrames = 2 + turn
        dataset.PixelData *= 2 + turn
    elif kind == "not_chest":
        dataset.BodyPartExamined = BODY_PARTS[turn % len(BODY_PARTS)]
    elif kind == "other_modality":
        dataset.Modality = "CT"
    elif kind == "no_patient":
        dataset.PatientID = ""
    elif kind == "undecodable":
        junk = generator(seed, "export", film.name).bytes(dataset.Rows * dataset.Columns // 4)
        dataset.file_meta.TransferSyntaxUID = UNKNOWN_SYNTAXES[turn % len(UNKNOWN_SYNTAXES)]
        dataset.PixelData = encapsulate([junk])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True


def not_dicom(kind: str) -> str:
    """The text of a file that is no DICOM, of a kind among NOT_DICOM."""
    return WEB_PAGE if kind == "web_page" else TEXT
