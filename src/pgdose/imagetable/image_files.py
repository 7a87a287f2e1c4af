"""What the header of an image says: a picture's, or that of an X-ray in DICOM."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgdose.errors import Rejected
from pgdose.images.picture_header import read_header
from pgdose.study.modality_codes import FILM_MODALITIES
from pgdose.xray.dicom_file import is_dicom
from pgdose.xray.headers import describe_film


def describe_image(path: Path, settings: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """What its pixels are, as columns of a record, and the number of its pages.

    settings: the source's keys in the study. Raises Rejected: the codes of `read_header`, or of
    `headers.describe_film`.
    """
    try:
        header = read_header(path)
    except Rejected as rejected:  # asked only now: opening a file takes longer than all else
        is_film = settings["modality"] == "xray" and is_dicom(path)
        if rejected.reason != "not_an_image" or not is_film:
            raise
        modalities = settings["modalities"] or FILM_MODALITIES
        return describe_film(path, modalities, settings["orientation"] or "turn"), 1
    columns = {"rows": header.height, "columns": header.width, "bits_stored": header.bits}
    return columns, header.pages
