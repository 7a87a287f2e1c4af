"""What the header of an image says: a picture's, or that of an X-ray in DICOM."""

from pathlib import Path
from typing import Any

from pgdose.errors import Rejected
from pgdose.images.picture_header import read_header
from pgdose.xray.dicom_file import is_dicom
from pgdose.xray.headers import describe_pixels


def describe_image(path: Path, modality: str) -> tuple[dict[str, Any], int]:
    """What its pixels are, as columns of a record, and the number of its pages.

    Raises Rejected: the codes of `read_header`, or of `headers.describe_pixels`.
    """
    try:
        header = read_header(path)
    except Rejected as rejected:  # asked only now: opening a file takes longer than all else
        if rejected.reason == "not_an_image" and modality == "xray" and is_dicom(path):
            return describe_pixels(path), 1
        raise
    columns = {"rows": header.height, "columns": header.width, "bits_stored": header.bits}
    return columns, header.pages
