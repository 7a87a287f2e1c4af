"""What the header of an image says: a picture's, or that of an X-ray in DICOM."""

from pathlib import Path
from typing import Any

from pgdose.errors import Rejected
from pgdose.images.codecs import image_size
from pgdose.xray.dicom_file import is_dicom
from pgdose.xray.headers import describe_pixels


def describe_image(path: Path, modality: str) -> dict[str, Any]:
    """The columns rows and columns of a record, and of a DICOM file all that its pixels are.

    Raises Rejected: the codes of `codecs.image_size`, or of `headers.describe_pixels`.
    """
    try:
        width, height = image_size(path)
    except Rejected as rejected:  # asked only now: opening a file takes longer than all else
        if rejected.reason == "not_an_image" and modality == "xray" and is_dicom(path):
            return describe_pixels(path)
        raise
    return {"rows": height, "columns": width}
