"""The file to open of a slide that a table names by its folder."""

from itertools import islice
from pathlib import Path

import openslide

from pgdose.errors import Rejected
from pgdose.histology.slides.formats import DICOM_MARK
from pgdose.tables.source_files import inside

MOST_FILES = 10_000  # that a folder of one slide may hold


def slide_file(root: Path, name: str) -> Path:
    """The file below `root` of the slide that a table names by its file or by its folder.

    Of a folder: the .mrxs that belongs to it or lies in it, an instance of its DICOM series, or
    the only slide in it. Rejects what `inside` does, several_slides and unreadable_slide.
    """
    return inside(root, slide_in_folder(root, name) or name)


def slide_in_folder(root: Path, name: str) -> str | None:
    """The slide's file, below `root`, if a folder has that name; None if none has.

    Rejects several_slides and unreadable_slide.
    """
    folder = _folder(root, name)
    return _file_of(folder).relative_to(root.resolve()).as_posix() if folder else None


def _folder(root: Path, name: str) -> Path | None:
    """The folder of that name, None if there is none below the root."""
    try:
        path = (root / name).resolve()
        is_below = path.is_relative_to(root.resolve()) and path != root.resolve()
        return path if name and is_below and path.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # a name that cannot exist
        return None


def _file_of(folder: Path) -> Path:
    if (folder / "Slidedat.ini").is_file():
        beside = [path for path in folder.parent.glob("*.[mM][rR][xX][sS]") if _owns(path, folder)]
        if not beside:
            raise Rejected(
                "unreadable_slide",
                "the folder's .mrxs file is missing; put it beside the folder, with the same name",
            )
        return beside[0]
    files = sorted(islice((path for path in folder.iterdir() if path.is_file()), MOST_FILES + 1))
    if len(files) > MOST_FILES:
        raise Rejected("several_slides", f"the folder has over {MOST_FILES} files; name one file")
    instances = [path for path in files if _is_dicom(path)]
    series = {_series(path): path for path in reversed(instances)}
    slides = [*series.values()]
    slides += [path for path in files if path not in instances and _is_slide(path)]
    if len(slides) > 1:
        raise Rejected(
            "several_slides",
            f"the folder holds {len(slides)} slides or DICOM series; name a file of the one that "
            "is meant",
        )
    if not slides:
        raise Rejected("unreadable_slide", "the folder holds no slide; name the slide's file")
    return slides[0]


def _owns(mrxs: Path, folder: Path) -> bool:
    return mrxs.with_suffix("").name == folder.name


def _is_dicom(path: Path) -> bool:
    offset, mark = DICOM_MARK
    try:
        with path.open("rb") as file:
            return file.read(offset + len(mark))[offset:] == mark
    except OSError:
        return False


def _series(path: Path) -> str:
    """The series of a DICOM file; "" where it says none."""
    import pydicom  # half a second, and few tables name folders

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
        return str(header.get("SeriesInstanceUID", ""))
    except Exception:  # a damaged header
        return ""


def _is_slide(path: Path) -> bool:
    try:
        return openslide.OpenSlide.detect_format(path) is not None
    except Exception:
        return False
