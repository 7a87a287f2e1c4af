"""The pixels of one image of a DICOM archive or of a table of ready images."""

from pgdose.errors import Rejected
from pgdose.images import codecs
from pgdose.tables import source_files
from pgdose.tables.private_paths import SourceFile
from pgdose.xray import films
from pgdose.xray.dicom_file import is_dicom
from pgdose.xray.films import Film


def read_source_image(
    file: SourceFile, kind: str, modality: str, window: str = "percentile", bits: int = 16
) -> Film:
    """The image of a source of this `kind`: uint8, grey for X-rays, else RGB.

    `window`, one of grey.WINDOWS, is how the values of an X-ray become grey, in DICOM or in a
    picture; a picture offers no window of its own for `voi` (no_window). Other pictures are linear.
    A table of X-rays may name DICOM films, too. `bits` are those in use of pictures with more than
    8, see `codecs.read_image`; percentiles do not depend on them. Raises Rejected, also if the file
    has changed since its source was indexed.
    """
    path = source_files.unchanged(file)
    if kind == "dicom_archive" or (modality == "xray" and is_dicom(path)):
        return films.read_film(path, window)
    if modality != "xray":
        return Film(codecs.read_image(path, channels=3, bits=bits), "none", None)
    if window == "voi":
        raise Rejected("no_window", "a picture offers none; use another 'window'")
    return Film(codecs.read_image(path, channels=1, bits=bits, window=window), window, None)
