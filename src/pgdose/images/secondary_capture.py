"""Pictures of an attack as DICOM (Secondary Capture) that nobody can take for a film.

The picture is not touched: its pixels stand in the file as they were attacked, in a frame that
says on all four sides what it is. Whoever cuts off a side, or three, still reads the notice;
whoever cuts out the picture alone does not, which no notice prevents that leaves the pixels as they
are. `place` tells where in the file they stand.

Nothing in a file depends on the time or the machine, so equal pictures make equal files.
"""

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from pgdose.tables import keyed
from pgdose.tables.output_files import atomic

PHRASES = ("RESEARCH ONLY", "NOT FOR DIAGNOSIS")  # a line never ends within one of them
NOTICE = " - ".join(PHRASES)
# What a picture shows: the first phrase of its notice, and the word in ImageType.
KINDS = {
    "original": ("UNCHANGED COPY", "COPY"),
    "adversarial": ("ADVERSARIAL", "ADVERSARIAL"),
    "difference": ("DIFFERENCE", "DIFFERENCE"),
}
SMALLEST = 120  # pixels of a side within the frame: the longest phrase needs as many
SMALLEST_LETTER, LETTERS = 12, 28  # pixels; a larger picture has letters of this part of its side
MARGIN = 0.3  # of a letter, above and below the lines
UNUSED = 64  # the grey beside a picture that is smaller than SMALLEST


@dataclass(frozen=True)
class Capture:
    """What is known of a picture.

    kind:        one of KINDS
    record_id:   the opaque id of the image, in place of the patient's name and number
    series:      what the pictures of one attack on one group have in common: study, group, attack
    derivation:  how the picture was made, a sentence
    number:      its number in the series
    """

    kind: str
    record_id: str
    series: str
    derivation: str
    number: int


def write(pixels: np.ndarray, capture: Capture, path: Path, seed: int) -> None:
    """Write a picture (uint8, rows x columns or x 3) with its frame; atomically.

    seed: of the study, for the UIDs: they follow from it, the capture and the pixels.
    """
    dataset = _dataset(pixels, capture, seed)
    with atomic(path) as unfinished:
        dataset.save_as(unfinished, enforce_file_format=True)


def place(shape: tuple[int, ...]) -> tuple[int, int]:
    """The row and the column (from 0) of a picture's upper left pixel within its frame."""
    rows, columns = shape[:2]
    top, left = _thickness(shape, columns), _thickness(shape, rows)
    return top + (max(rows, SMALLEST) - rows) // 2, left + (max(columns, SMALLEST) - columns) // 2


def framed(pixels: np.ndarray, kind: str) -> np.ndarray:
    """The picture within its frame, white on black: the notice on each side."""
    rows, columns = (max(side, SMALLEST) for side in pixels.shape[:2])
    row, column = place(pixels.shape)
    across, down = (_band(pixels.shape, side, kind) for side in (columns, rows))
    canvas = np.zeros((rows + 2 * len(across), columns + 2 * len(down)), np.uint8)
    inner = slice(len(across), len(across) + rows), slice(len(down), len(down) + columns)
    canvas[inner] = UNUSED
    canvas[: len(across), inner[1]] = canvas[-len(across) :, inner[1]] = across
    canvas[inner[0], : len(down)] = np.rot90(down)  # read from below
    canvas[inner[0], -len(down) :] = np.rot90(down, -1)  # from above
    if pixels.ndim == 3:
        canvas = np.repeat(canvas[..., None], 3, axis=2)
    canvas[row : row + pixels.shape[0], column : column + pixels.shape[1]] = pixels
    return canvas


# --- the frame --------------------------------------------------------------------------------


def _letter(shape: tuple[int, ...]) -> int:
    return max(SMALLEST_LETTER, round(max(shape[:2]) / LETTERS))


def _thickness(shape: tuple[int, ...], side: int) -> int:
    """Pixels of a band along a side of the picture, the same for every kind."""
    lines = max(len(_lines(shape, max(side, SMALLEST), kind)) for kind in KINDS)
    return round((1.2 * lines + 2 * MARGIN) * _letter(shape))


def _lines(shape: tuple[int, ...], side: int, kind: str) -> list[str]:
    """The notice in lines as long as a side."""
    font = ImageFont.load_default(_letter(shape))
    lines: list[str] = []
    for phrase in (KINDS[kind][0], *PHRASES):
        longer = f"{lines[-1]} - {phrase}" if lines else phrase
        if lines and font.getlength(longer) <= side:
            lines[-1] = longer
        else:
            lines.append(phrase)
    return lines


def _band(shape: tuple[int, ...], side: int, kind: str) -> np.ndarray:
    """The notice as a band: thickness x side."""
    letter, lines = _letter(shape), _lines(shape, side, kind)
    band = Image.new("L", (side, _thickness(shape, side)))
    draw, font = ImageDraw.Draw(band), ImageFont.load_default(letter)
    for number, line in enumerate(lines, 1):
        y = band.height * number / (len(lines) + 1)
        draw.text((side / 2, y), line, fill=255, font=font, anchor="mm")
    return np.asarray(band)


# --- the file ---------------------------------------------------------------------------------


def _dataset(pixels: np.ndarray, capture: Capture, seed: int) -> Dataset:
    """The data set: patient, study, series, equipment, image."""
    ds = Dataset()
    series = f"{capture.series}\0{capture.record_id}"
    # All that another file of this picture could have otherwise: one UID is one file.
    content = f"{capture.number}\0{capture.derivation}\0{pixels.shape}\0".encode()
    digest = hashlib.sha256(content + pixels.tobytes()).hexdigest()
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = _uid(seed, "image", f"{series}\0{capture.kind}\0{digest}")
    ds.StudyInstanceUID = _uid(seed, "study", series)
    ds.SeriesInstanceUID = _uid(seed, "series", series)
    ds.PatientName, ds.PatientID = f"{capture.record_id}^RESEARCH ONLY", capture.record_id
    ds.PatientBirthDate = ds.PatientSex = None
    # No PatientIdentityRemoved: it would vouch for the pixels, and a name may be burned into them.
    ds.DeidentificationMethod = "No attribute of the source; pixels not searched for names"
    ds.PatientComments = NOTICE
    ds.StudyDate = ds.StudyTime = ds.AccessionNumber = ds.ReferringPhysicianName = None
    ds.StudyID = "RESEARCH ONLY"
    ds.StudyDescription = ds.SeriesDescription = NOTICE
    ds.Modality = "OT"
    ds.SeriesNumber, ds.InstanceNumber = 1, capture.number
    ds.Manufacturer = "pgdose"
    ds.ConversionType = "SYN"
    ds.ImageType = ["DERIVED", "SECONDARY", KINDS[capture.kind][1]]
    ds.DerivationDescription = capture.derivation
    row, column = (start + 1 for start in place(pixels.shape))
    ds.ImageComments = (
        f"{KINDS[capture.kind][0]} - {NOTICE}. The picture within the frame: "
        f"{pixels.shape[0]} rows from row {row}, {pixels.shape[1]} columns from column {column}."
    )
    ds.BurnedInAnnotation = "YES"
    # It may have been compressed before it came here, and most of its pixels are averages.
    ds.LossyImageCompression = "01"
    ds.Laterality = ds.PatientOrientation = None
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    photometric = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    ds.set_pixel_data(framed(pixels, capture.kind), photometric, 8, generate_instance_uid=False)
    return ds


def _uid(seed: int, purpose: str, name: str) -> str:
    """A new UID below 2.25, which always comes out the same."""
    number = keyed.generator(seed, f"dicom {purpose}", name).bytes(16)
    return f"2.25.{uuid.UUID(bytes=number, version=4).int}"
