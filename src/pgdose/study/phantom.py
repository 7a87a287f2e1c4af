"""Section `phantom`: how many patients, films, fields and slides the synthetic hospital makes."""

import os
from typing import Annotated

from pydantic import Field

from pgdose.study.base import Count, CountOrZero, Integer, Model
from pgdose.study.field_types import OutputPath

# The part of the hospital that a kind of source can be, and the table of that part.
KINDS = {
    "dicom_archive": ("xray", "reports.csv"),
    "microscope_fields": ("fields", "fields.csv"),
    "slides": ("slides", "slides.csv"),
}


class PhantomXray(Model):
    """Films by what they show."""

    norm: Count = 800
    """Films without a finding.

    Unit: films
    """
    aorta: Count = 200
    """Films with a changed aorta.

    Unit: films
    """
    tuberculosis: Count = 70
    """Films with tuberculosis.

    Unit: films
    """
    other: CountOrZero = 60
    """Films with another finding.

    Unit: films
    """
    broken: CountOrZero = 12
    """Damaged files, which have to be rejected.

    Unit: files
    """


class PhantomFields(Model):
    """Microscope fields; width and height in pixels."""

    patients_per_organ: Count = 10
    """Patients of each organ.

    Unit: patients
    """
    fields_per_patient: Count = 1
    """Fields of each patient.

    Unit: fields
    """
    width: Annotated[Integer, Field(ge=256, le=8192)] = 2048
    """Width of a field.

    Unit: pixels
    """
    height: Annotated[Integer, Field(ge=256, le=8192)] = 1536
    """Height of a field.

    Unit: pixels
    """


class PhantomSlides(Model):
    """Whole slides with outlines of their classes."""

    slides: Count = 12
    """Whole slides, with outlines of their classes.

    Unit: slides
    """
    side: Annotated[Integer, Field(ge=1024, le=100_000)] = 4096
    """Side of a slide, a square.

    Unit: pixels
    """
    broken: CountOrZero = 3
    """Damaged slides, which have to be rejected.

    Unit: slides
    """


class Phantom(Model):
    """The synthetic hospital; it makes nothing of a kind that is left out."""

    root: OutputPath = "hospital"
    """Folder of the hospital. pgdose empties its subfolders when it draws the hospital again.

    A file or a table row of yours in it stops the study.
    """
    xray: PhantomXray | None = None
    """X-ray films in DICOM below `xray/`, with reports in `reports.csv`."""
    fields: PhantomFields | None = None
    """Microscope fields below `fields/`, with `fields.csv`."""
    slides: PhantomSlides | None = None
    """Whole slides below `slides/`, with `slides.csv`."""

    def makes(self, kind: str, root: str, table: str | None) -> bool:
        """Whether a source's folder of images, and the table that describes them, are made by it.

        The folder alone, if a source has no table. Real files may lie beside these, but then they
        are no synthetic source: its ids follow from the seed and protect nobody. The rules of each
        kind in KINDS refuse files and rows that it did not make; other kinds are never synthetic.
        """
        if kind not in KINDS:
            return False
        part, name = KINDS[kind]
        if not getattr(self, part) or not _same(root, f"{self.root}/{part}"):
            return False
        tables = (f"{self.root}/{name}", f"{self.root}/truth/{part}.csv")
        return table is None or any(_same(table, made) for made in tables)


def _same(path: str, other: str) -> bool:
    """Whether two paths lead to one place."""
    return os.path.realpath(path) == os.path.realpath(other)
