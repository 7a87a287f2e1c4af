"""The pixels of one image of a DICOM archive or of a table of ready images."""

from typing import NamedTuple

from pgdose.errors import Rejected
from pgdose.images import codecs
from pgdose.tables import source_files
from pgdose.tables.private_paths import SourceFile
from pgdose.xray import films
from pgdose.xray.dicom_file import is_dicom
from pgdose.xray.films import Film


class ImageSettings(NamedTuple):
    """What the study says of the images of a source."""

    kind: str  # dicom_archive or table
    modality: str  # xray, histology or other
    orientation: str = "turn"  # of DICOM films: turn, reject or as_stored
    bits: int = 16  # in use of pictures with more than 8, see `codecs.read_image`


def read_source_image(
    file: SourceFile, settings: ImageSettings, window: str = "percentile"
) -> Film:
    """An image of a source: uint8, grey for X-rays, else RGB.

    `window`, one of grey.WINDOWS, is how the values of an X-ray become grey, in DICOM or in a
    picture; a picture offers no window of its own for `voi` (no_window). Other pictures are linear.
    A table of X-rays may name DICOM films, too. Percentiles do not depend on the bits in use.
    Raises Rejected, also if the file has changed since its source was indexed.
    """
    path, bits = source_files.unchanged(file), settings.bits
    is_xray = settings.modality == "xray"
    if settings.kind == "dicom_archive" or (is_xray and is_dicom(path)):
        return films.read_film(path, window, settings.orientation)
    if not is_xray:
        return Film(codecs.read_image(path, channels=3, bits=bits), "none", None)
    if window == "voi":
        raise Rejected("no_window", "a picture offers none; use another 'window'")
    return Film(codecs.read_image(path, channels=1, bits=bits, window=window), window, None)
