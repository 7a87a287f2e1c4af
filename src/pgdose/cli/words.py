"""`pgdose words STUDY [SOURCE]`: the words for classes in a study's files, and the class of each.

What it prints may name patients: it is for the terminal of the files' owner, and goes nowhere else.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pgdose.errors import Rejected, UserError
from pgdose.histology.outlines.class_words import UNNAMED, Label
from pgdose.histology.outlines.formats import read_drawing
from pgdose.histology.outlines.masks import mask_words
from pgdose.histology.outlines.reading import is_mask
from pgdose.histology.slides.slide_table import SlideFolders, outlines_apart, slide_folders
from pgdose.names import is_name
from pgdose.study.class_patterns import ClassWords, with_names
from pgdose.study.parsing import parse
from pgdose.study.sources import AnySource, DicomArchive, Slides
from pgdose.study.study_file import read_study_file
from pgdose.tables.source_files import check_folder, inside
from pgdose.user_tables.file_names import FileNames
from pgdose.user_tables.layouts import files_below, places_of
from pgdose.user_tables.reader import read_columns
from pgdose.user_tables.source_tables import describing_table

MOST_LINES = 200  # of words of a source; free texts may be as many as the outlines
MOST_FILES = 20  # that cannot be read
UNMAPPED = "no class"


class Words(NamedTuple):
    """The words of one kind of place, such as outline files.

    counts: shapes or rows of each label, all of them and those without an area
    files:  files that have the label; empty for tables
    """

    counts: Counter[Label]
    without_area: Counter[Label]
    files: Counter[Label]


def words(study: Path, source: str | None = None) -> list[str]:
    """Lines about the words of one source, or of all. UserError for an unknown source."""
    document = read_study_file(study)
    content = parse(document.content, documents={str(study): document})
    sources = {
        name: entry
        for name, entry in content.sources.items()
        if source in (None, name) and not isinstance(entry, DicomArchive)
    }
    if source is not None and not sources:
        names = [n for n, entry in content.sources.items() if not isinstance(entry, DicomArchive)]
        raise UserError(
            f"{source!r} is no source with classes in its files; there are "
            f"{', '.join(names) or 'none'}"
        )
    lines = [line for name, entry in sources.items() for line in _source_lines(name, entry)]
    return lines or ["the study has no source with classes in its files"]


def _source_lines(name: str, source: AnySource) -> Iterator[str]:
    settings = source.to_dict()
    classes: dict[str, list[str]] = settings["classes"]
    failed: dict[str, str] = {}
    yield f"{name}:"
    unmapped: list[Label] = []
    if isinstance(source, Slides):
        rows = read_columns(describing_table(Path(source.table), name, settings))
        outlines = [file for file in rows.get("outlines", ()) if file]
        folders = slide_folders(source.root, settings.get("outlines_root"))
        if outlines:
            key = "outlines_root" if settings.get("outlines_root") else "root"
            check_folder(folders.outlines, f"sources.{name}.{key}")
        places = {
            "outline files": _in_outlines(sorted(set(outlines)), folders, failed),
            "column of the table": _in_cells(rows.get("class", ())),
        }
    else:
        places = {"folders or table": _in_cells(_class_cells(name, source, settings))}
    class_of = _class_finder(classes)
    for place, place_words in places.items():
        if place_words.counts:
            yield from _table_lines(place, place_words, class_of)
            is_of_shapes = place == "outline files"
            unmapped += [
                label
                for label, count in place_words.counts.most_common()
                if class_of(label) == UNMAPPED
                and not (is_of_shapes and place_words.without_area[label] == count)
            ]
    yield from _lines_to_add(name, unmapped)
    if failed:
        yield f"  {len(failed)} outline files cannot be read:"
        yield from (f"    {file!r}: {why}" for file, why in [*failed.items()][:MOST_FILES])


def _class_cells(name: str, source: Any, settings: Mapping[str, Any]) -> list[str]:
    """The words for classes of fields or ready images: of the table, else of the layout."""
    rows = None
    if source.table:
        rows = read_columns(describing_table(Path(source.table), name, settings))
        if "class" in rows:
            return rows["class"].tolist()
    if not source.layout:
        return []
    files = files_below(Path(source.root))
    return [places_of(file, source.layout).get("class", "") for file in files]


def _in_cells(cells: Any) -> Words:
    counts = Counter(Label(cell) for cell in cells if cell)
    return Words(counts, Counter(), Counter())


def _in_outlines(names: list[str], folders: SlideFolders, failed: dict[str, str]) -> Words:
    """The labels of outline files; `failed` gets those that cannot be read, and why."""
    counts, without_area, files_with = Counter[Label](), Counter[Label](), Counter[Label]()
    files = FileNames(folders.outlines)
    is_apart = folders.outlines != folders.slides
    for name in names:
        try:
            file_apart = outlines_apart(files, name) if is_apart else None
            path = inside(folders.outlines, file_apart or files.find(name))
            if is_mask(path):
                of_file = Counter(Label(word) for word in mask_words(path))
            else:
                drawing = read_drawing(path)
                of_file = Counter(label for label, _ in drawing.outlines)
                for (label, _), count in drawing.lost.items():
                    of_file[label] += count
                    without_area[label] += count
        except Rejected as rejected:
            failed[name] = f"{rejected.reason}, {rejected.detail}"
            continue
        except Exception:  # a picture that is none
            failed[name] = "unreadable_outlines"
            continue
        counts.update(of_file)
        files_with.update(of_file.keys())
    return Words(counts, without_area, files_with)


def _class_finder(classes: Mapping[str, list[str]]) -> Callable[[Label], str]:
    """What gives the class of a label, or UNMAPPED."""
    if not classes:
        return lambda label: label.word if is_name(label.word) else UNMAPPED
    class_words = ClassWords(with_names(classes))
    return lambda label: label.class_of(class_words) or UNMAPPED


def _table_lines(place: str, place_words: Words, class_of: Callable[[Label], str]) -> Iterator[str]:
    counts, without_area, files = place_words
    numbers = ("shapes", "no area", "files") if files else ("rows",)
    rows: list[tuple[str, ...]] = [("class", *numbers, "word")]
    for label, count in counts.most_common(MOST_LINES):
        figures = [count, without_area[label], files[label]][: len(numbers)]
        rows.append((class_of(label), *map(str, figures), _shown(label)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    yield f"  words in the {place}:"
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=True)]
        yield "    " + "  ".join([*cells, row[-1]])
    if (more := len(counts) - MOST_LINES) > 0:
        yield f"    and {more} others"


def _shown(label: Label) -> str:
    """All that a file says: word, colour, text. Marks that would change the line are escaped."""
    parts = [repr(label.word) if label.word else f"{UNNAMED} (no word)"]
    parts += [label.colour] * bool(label.colour)
    parts += [f"text {label.text!r}"] * bool(label.text)
    return ", ".join(parts)


def _lines_to_add(name: str, labels: list[Label]) -> Iterator[str]:
    """What to add to the study for words of no class."""
    candidates = dict.fromkeys(word for label in labels for word in _possible_words(label))
    if not candidates:
        return
    yield f"  in no class; add each to sources.{name}.classes, at the class that it stands for:"
    for word in [*candidates][:MOST_LINES]:
        yield f"    CLASS: [{json.dumps(word, ensure_ascii=not word.isprintable())}]"


def _possible_words(label: Label) -> list[str]:
    """What the study could list for an outline: its text or word, else its colour."""
    said = [word for word in (label.text, label.word) if word]
    return said or [label.colour or UNNAMED]
