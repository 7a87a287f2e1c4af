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
    aorta: Count = 200
    tuberculosis: Count = 70
    other: CountOrZero = 60
    broken: CountOrZero = 12  # files that a reader has to reject


class PhantomFields(Model):
    """Microscope fields; width and height in pixels."""

    patients_per_organ: Count = 10
    fields_per_patient: Count = 1
    width: Annotated[Integer, Field(ge=256, le=8192)] = 2048
    height: Annotated[Integer, Field(ge=256, le=8192)] = 1536


class PhantomSlides(Model):
    """Whole slides with outlines of their classes."""

    slides: Count = 12
    side: Annotated[Integer, Field(ge=1024, le=100_000)] = 4096  # pixels
    broken: CountOrZero = 3  # slides that a reader has to reject


class Phantom(Model):
    """The synthetic hospital; it makes nothing of a kind that is left out."""

    root: OutputPath = "hospital"
    xray: PhantomXray | None = None
    fields: PhantomFields | None = None
    slides: PhantomSlides | None = None

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
