"""The pixels of one image of a DICOM archive or of a table of ready images."""

from pgdose.images import codecs
from pgdose.tables import source_files
from pgdose.tables.private_paths import SourceFile
from pgdose.xray import films
from pgdose.xray.dicom_file import is_dicom
from pgdose.xray.films import Film


def read_source_image(
    file: SourceFile, kind: str, modality: str, window: str = "percentile"
) -> Film:
    """The image of a source of this `kind`: uint8, grey for X-rays, else RGB.

    `window`, one of grey.WINDOWS, is how the values of a DICOM film become grey; pictures have
    none. A table of X-rays may name DICOM films, too. Raises Rejected, also if the file has changed
    since its source was indexed.
    """
    path = source_files.unchanged(file)
    if kind == "dicom_archive" or (modality == "xray" and is_dicom(path)):
        return films.read_film(path, window)
    return Film(codecs.read_image(path, channels=1 if modality == "xray" else 3), "none", None)
