"""Slides of several files: what OpenSlide reads beside the file that it is given.

Such a slide names its other files, or takes all that lie beside it, and OpenSlide follows. A table
must not lead out of its source's root by way of them, so they have to lie in the slide's folder.
"""

import os
import re
from pathlib import Path

import openslide

from pgdose.errors import Rejected

# Formats of OpenSlide that read pixels of no other file.
SINGLE_FILE = {
    "aperio",
    "generic-tiff",
    "leica",
    "philips",
    "sakura",
    "trestle",
    "ventana",
    "zeiss",
}
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
LARGEST_INDEX = 2**20  # bytes; OpenSlide reads no larger one either


def check_companions(path: Path) -> None:
    """Reject a slide whose other files may lie outside its folder (outside_root).

    Rejects also a format that is not known here (unreadable_slide). A file that is no slide
    passes: OpenSlide says so.
    """
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor is None or vendor in SINGLE_FILE:
        return
    if vendor == "hamamatsu":
        with path.open("rb") as file:
            if file.read(4) in TIFF:  # NDPI; else VMS or VMU
                return
        _check_index(path)
        _check_links(path.parent)
    elif vendor == "mirax":
        folder = path.with_suffix("")
        if folder.is_symlink():
            raise _outside()
        _check_index(folder / "Slidedat.ini")
        _check_links(folder)
    elif vendor == "dicom":  # all instances of the series in the folder
        _check_links(path.parent)
    else:
        raise Rejected(
            "unreadable_slide",
            "pgdose does not know which files its format reads; convert it to a pyramidal TIFF",
        )


def missing_companion(path: Path) -> str | None:
    """What to say where the other files of a slide that OpenSlide cannot open are not there."""
    suffix, folder = path.suffix.lower(), path.with_suffix("")
    if suffix == ".mrxs" and not (folder / "Slidedat.ini").is_file():
        return (
            "the folder that belongs to the .mrxs file is missing, or has no Slidedat.ini; put the "
            "folder with the same name beside it"
        )
    if suffix in (".vms", ".vmu") and (names := _listed_files(path)):
        missing = sum(not (path.parent / name).is_file() for name in names)
        if missing:
            return (
                f"{missing} of the {len(names)} files that it lists are missing; put them beside it"
            )
    return None


def _listed_files(path: Path) -> list[str]:
    """The names of files in an index file of Hamamatsu."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_INDEX).decode("latin-1")
    except OSError:
        return []
    return re.findall(
        r"^\s*(?:ImageFile|MapFile|OptimisationFile)[^=\n]*=\s*(\S.*?)\s*$", text, re.M
    )


def _check_index(path: Path) -> None:
    """Reject a list of file names that leads upwards. OpenSlide puts each behind the folder's."""
    with path.open("rb") as file:
        content = file.read(LARGEST_INDEX + 1)
    if len(content) > LARGEST_INDEX:
        raise Rejected("unreadable_slide", "its list of files is too long")
    if b"../" in content:
        raise _outside()


def _check_links(folder: Path) -> None:
    """Reject a folder in which a link leads out of it, whichever files the slide uses."""
    base = folder.resolve()
    for place, folders, names in os.walk(base):
        for name in (*folders, *names):
            entry = Path(place, name)
            if entry.is_symlink() and not entry.resolve().is_relative_to(base):
                raise _outside()


def _outside() -> Rejected:
    return Rejected(
        "outside_root",
        "the slide has several files, and a link or name leads out of their folder; give it a "
        "folder of its own without links, or convert it to a pyramidal TIFF",
    )
