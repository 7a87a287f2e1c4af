"""What `pgdose audit` is given: images, and the label of each in a table or in its folder's name.

Everything that does not fit together is an error or a count here, before any job.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.study.class_patterns import fold
from pgdose.study.suggestions import nearest
from pgdose.tables.source_files import walk
from pgdose.user_tables.file_names import FileNames
from pgdose.user_tables.formats import TableFormat, UserTable, clean_name, read_header
from pgdose.user_tables.header_words import describe_columns
from pgdose.user_tables.layouts import places_of
from pgdose.user_tables.reader import read_columns

PICTURES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".pgm", ".gif", ".jp2"),
    *(".dcm", ".dicom"),
)
# Folders that divide images otherwise than by class.
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "holdout"}
# Names of columns, as people write them; letters and digits alone count.
LABEL_NAMES = ("label", "labels", "class", "target", "diagnosis", "finding", "category", "y", "dx")
PATIENT_NAMES = ("patient", "patientid", "subject", "subjectid", "caseid", "case", "pid")
DEEPEST = 7  # folders between the images and their root
EXAMPLES = 8  # images of each class that are looked at
SAMPLE = 200  # rows that decide which column names files
MOST_CLASSES = 100


class Columns(NamedTuple):
    """The columns of a table that a person names; None: they are found."""

    image: str | None = None
    label: str | None = None
    patient: str | None = None  # or `none`, if nobody knows the patients


@dataclass
class Labelled:
    """Images and their words for classes.

    words:   each word that a label is written as, and the number of images that have it
    columns: of the table; empty for class folders
    layout:  patterns of paths; empty for a table
    notes:   what was guessed, and what was counted
    examples: files of some images, from all classes
    """

    words: Counter[str]
    columns: dict[str, str] = field(default_factory=dict)
    layout: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    examples: list[Path] = field(default_factory=list)

    @property
    def knows_patients(self) -> bool:
        return "patient" in self.columns or any("{patient}" in p for p in self.layout)


def class_folders(images: Path, layout: Sequence[str] = ()) -> Labelled:
    """Images whose folders name their class: a folder for each below `images`, or a layout."""
    files = [path.relative_to(images).as_posix() for path in _pictures(images)]
    links = _linked_folders(images)
    if not files:
        advice = f"; {links} links to folders are not followed, so copy these" if links else ""
        raise UserError(
            f"--images: {images} holds no picture; give the folder with the images{advice}"
        )
    patterns = list(layout) or _patterns(images, files)
    if any("{class}" not in pattern for pattern in patterns):
        raise UserError("--layout: must have {class} in it, such as '{class}/{patient}_*'")
    class_of = {file: places_of(file, patterns).get("class") for file in files}
    words = Counter(word for word in class_of.values() if word)
    if not words:
        raise UserError(
            f"--layout: none of the {len(files)} pictures of {images} has such a path; one lies "
            f"{files[0].count('/')} folders below it"
        )
    labelled = Labelled(words, layout=patterns)
    if outside := len(files) - words.total():
        labelled.notes.append(f"{outside} pictures lie in no folder of a class, and are left out")
    if links:
        labelled.notes.append(
            f"{links} links to folders are not followed; copy these if they hold images"
        )
    for word in words:
        of_class = (images / file for file in files if class_of[file] == word)
        labelled.examples += islice(of_class, EXAMPLES)
    return labelled


def _patterns(images: Path, files: Sequence[str]) -> list[str]:
    """A layout of classes in the first folders of the paths, for each depth that there is."""
    folders = {file.split("/")[0] for file in files if "/" in file}
    if not folders:
        raise UserError(
            f"--images: the {len(files)} pictures of {images} lie in no folders of classes; give "
            "their labels with --labels TABLE, or put the images of each class into a folder of "
            "its own"
        )
    if parts := sorted(folder for folder in folders if folder.casefold() in PARTS):
        raise UserError(
            f"--images: {images} is divided into {', '.join(parts)}, which are no classes; give "
            f"one of these folders, such as --images {images / parts[0]}"
        )
    depths = sorted({file.count("/") for file in files} - {0})
    if depths[-1] > DEEPEST:
        raise UserError(
            f"--images: pictures lie {depths[-1] - 1} folders below that of their class; give "
            "--layout, a pattern of their paths such as '{class}/{patient}/*'"
        )
    return ["/".join(["{class}", *["*"] * depth]) for depth in depths]


def from_table(images: Path, table: Path, wanted: Columns, form: TableFormat) -> Labelled:
    """Images whose labels stand in a table."""
    rows = _read(table, form)
    names = [str(name) for name in rows if name != "line"]
    files = FileNames(images.resolve())  # its checks remember what a relative path leads to
    image = _image_column(rows, names, wanted.image, files, table)
    if _find(image, files) is not None:
        raise UserError(
            f"--labels: the first row of {table.name} names a picture, so it holds no names of "
            "columns; write them into a row above it"
        )
    files.forget()
    label = _named_column(names, wanted.label, "label", LABEL_NAMES, table, {image})
    if label is None:
        raise UserError(
            f"--labels: {table.name} does not show which column holds the labels; give "
            f"--label-column NAME; {describe_columns(names)}"
        )
    columns = {"image": image, "label": label}
    if wanted.patient != "none":
        taken = {image, label}
        patient = _named_column(names, wanted.patient, "patients", PATIENT_NAMES, table, taken)
        columns |= {"patient": patient} if patient else {}
    labelled = Labelled(Counter(), columns)
    guessed = [
        f"{meaning}: column {column!r}"
        for (meaning, column), given in zip(columns.items(), wanted, strict=False)
        if given is None
    ]
    if guessed:
        labelled.notes.append(f"guessed from {table.name}: {', '.join(guessed)}")
    _match(labelled, rows[image], rows[label], files)
    return labelled


def _read(table: Path, form: TableFormat) -> pd.DataFrame:
    """All columns that have a name of their own, and `line`."""
    if not table.is_file():
        raise UserError(f"--labels: there is no file {str(table)!r}; correct the path")
    header = read_header(UserTable(table, "--labels", {}, form, key=""))
    once = [name for name, n in Counter(header.names).items() if n == 1 and name and name != "line"]
    if not once:
        raise UserError(
            f"--labels: the first row of {table.name} names no columns; write their names there"
        )
    keys = dict.fromkeys(once, "")
    of_names = {name: name for name in once}
    rows = read_columns(UserTable(table, "--labels", of_names, form, keys, key=""))
    if rows.empty:
        raise UserError(f"--labels: {table.name} has no rows below its header; add them")
    return rows


def _image_column(
    rows: pd.DataFrame, names: list[str], given: str | None, files: FileNames, table: Path
) -> str:
    """The column that names files of the folder: the one that names most of them."""
    if given is not None:
        return _existing(given, names, "--image-column", table)
    shares = {name: _share_of_files(rows[name], files) for name in names}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] == 0:
        raise UserError(
            f"--labels: no column of {table.name} names files of {files.root.name}; give another "
            f"folder or table, or --image-column NAME; {describe_columns(names)}"
        )
    rivals = [name for name in names if shares[name] == shares[best]]
    if len(rivals) > 1 and not all((rows[name] == rows[best]).all() for name in rivals):
        raise UserError(
            f"--labels: several columns of {table.name} name files of {files.root.name}; give one "
            f"of them with --image-column; {describe_columns(names)}"
        )
    return best


def _share_of_files(cells: pd.Series, files: FileNames) -> float:
    """The share of a column's first cells that name a file."""
    files.forget()
    sample = [cell for cell in cells if cell][:SAMPLE]
    return sum(_find(cell, files) is not None for cell in sample) / len(sample) if sample else 0.0


def _find(cell: str, files: FileNames) -> str | None:
    try:
        return files.find(cell)
    except Rejected:
        return None


def _existing(given: str, names: list[str], option: str, table: Path) -> str:
    """The column that is called so, capitals apart."""
    wanted = clean_name(given)
    for same in (str, str.casefold):
        fits = [name for name in names if same(name) == same(wanted)]
        if len(fits) == 1:
            return fits[0]
    raise UserError(
        f"{option}: {table.name} has no column {given!r} (or has it twice)"
        f"{nearest(given, names)}; {describe_columns(names)}"
    )


def _named_column(
    names: list[str],
    given: str | None,
    what: str,
    usual: Sequence[str],
    table: Path,
    taken: set[str],
) -> str | None:
    """The column of this name, or the only one that is called as usual; None if there is none."""
    if given is not None:
        option = "--patients" if what == "patients" else f"--{what}-column"
        return _existing(given, names, option, table)
    bare = {n: "".join(c for c in n.casefold() if c.isalnum()) for n in names if n not in taken}
    fits = [name for name, letters in bare.items() if letters in usual]
    if len(fits) > 1:
        first = min(fits, key=lambda name: usual.index(bare[name]))
        option = "--patients" if what == "patients" else f"--{what}-column"
        raise UserError(
            f"{option}: {table.name} has {len(fits)} columns that may hold the {what}, "
            f"{', '.join(map(repr, fits))}; name one of them, such as {option} {first!r}"
        )
    return fits[0] if fits else None


def _match(labelled: Labelled, images: pd.Series, labels: pd.Series, files: FileNames) -> None:
    """Count the images of each word, and what does not fit together."""
    word_of: dict[str, str] = {}
    several, missing, empty = set(), 0, 0
    for cell, label in zip(images, labels, strict=True):
        file = _find(cell, files)
        if file is None:
            missing += 1
        elif not fold(label):
            empty += 1
        elif fold(word_of.setdefault(file, label)) != fold(label):
            several.add(file)
    for file in several:
        del word_of[file]
    labelled.words.update(word_of.values())
    present = {path.relative_to(files.root).as_posix() for path in _pictures(files.root)}
    unlabelled = len(present - word_of.keys() - several)
    if not word_of:
        raise UserError(
            f"--labels: no image of {files.root.name} has a label: {missing} rows name no image of "
            f"it, {empty} have an empty label, {len(several)} images have two labels; correct "
            "--images, --labels or --label-column"
        )
    for count, what in (
        (missing, "rows of the table name no image of the folder"),
        (empty, "images have an empty label"),
        (len(several), "images have rows with different labels"),
        (unlabelled, "images of the folder have no label"),
    ):
        if count:
            labelled.notes.append(f"{count} {what}; they are left out")
    labelled.notes += files.notes()
    seen: Counter[str] = Counter()
    for file, word in word_of.items():
        seen[word] += 1
        if seen[word] <= EXAMPLES and len(seen) <= MOST_CLASSES:
            labelled.examples.append(files.root / file)


def _linked_folders(folder: Path) -> int:
    """How many links to folders there are, which `walk` does not follow."""
    return sum(
        Path(parent, name).is_symlink()
        for parent, folders, _ in os.walk(folder)
        for name in folders
    )


def _pictures(folder: Path) -> Iterable[Path]:
    if not folder.is_dir():
        raise UserError(f"--images: there is no folder {str(folder)!r}; correct the path")
    return (path for path in walk(folder) if path.suffix.lower() in PICTURES)
