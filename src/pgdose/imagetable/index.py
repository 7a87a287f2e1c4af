"""Ready images that a table or their folders describe: one record an image.

rows -> files -> places in the layout -> patients, ages, ... -> labels -> one row a file -> records
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.imagetable.image_files import describe_image
from pgdose.study.class_patterns import ClassWords, with_names
from pgdose.tables.keyed import SourceIds
from pgdose.tables.person_fields import OTHER, parse_age, parse_view
from pgdose.tables.rejects import Reject
from pgdose.tables.source_index import SourceIndex
from pgdose.user_tables.cells import check_present, class_parser, fold_word, parse_cells, show_cells
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.label_cells import as_label, label_states
from pgdose.user_tables.layouts import as_text, outside_layout, places_of
from pgdose.user_tables.odd_marks import MISSING
from pgdose.user_tables.repeated_rows import merge_rows, repeated_records
from pgdose.user_tables.sex_cells import sex_parser
from pgdose.user_tables.source_rows import clean_patients, find_files, note_pages
from pgdose.xray.film_notes import film_notes


class ImageRows(NamedTuple):
    """The rows of a source of ready images, all cells text, and what the study says of them.

    rows:     image, and maybe patient, age, sex, view, class, label, label_<name>, line
    table:    where they come from, for messages
    settings: the source's keys in the study
    words:    what classes of the study ask for, by key: view, class, not.view, not.class
    """

    rows: pd.DataFrame
    table: UserTable
    settings: Mapping[str, Any]
    words: Mapping[str, list[str]]


def index_images(images: ImageRows, root: Path, ids: SourceIds, notes: list[str]) -> SourceIndex:
    """The records of a source of ready images; what was guessed is added to `notes`.

    Raises UserError where the table as a whole is not what the study says: no file is there, two
    patients could be one, rows of an image disagree, a word of the study stands nowhere.
    """
    rows = images.rows.reset_index(drop=True)
    if rows.empty:
        if images.table.path.is_file():
            raise images.table.mistake(" has no row below its header; give a row for each image")
        raise UserError(
            f"{images.table.field}.root: {images.table.path.name} has no file in it; give the "
            "folder that holds the images"
        )
    if "line" not in rows:
        rows = rows.assign(line=range(1, len(rows) + 1))
    files, paths, rejects = find_files(rows["image"], root, ids, images.table, notes)
    rows = rows.assign(file=files).dropna(subset="file")
    if images.settings["layout"]:
        rows, strange = _placed(rows, images.settings)
        if strange:
            notes.append(f"{len(strange)} files match no pattern of {images.table.field}.layout")
        if rows.empty:
            raise UserError(
                f"{images.table.field}.layout: none of the {len(strange)} files below the root "
                f"matches a pattern; one lies {strange[0].count('/')} folders below the root and "
                f"ends in {Path(strange[0]).suffix!r}"
            )
        for file in strange:
            record_id = ids.record(as_text(file))
            paths.append({"record_id": record_id, "path": str(root / file)})
            rejected = outside_layout(root / file)
            rejects.append(Reject(record_id, "index", rejected.reason, rejected.detail))
    values = _values(rows, images, ids, notes)
    _note_patients(values, notes)
    merged = merge_rows(values, "file", images.settings["several"], images.table, notes)
    records = []
    several_pages = 0
    for row in merged.rows.to_dict("records"):
        record_id = ids.record(as_text(row["file"]))
        paths.append({"record_id": record_id, "path": str(root / row["file"])})
        try:
            merged.check(row["file"])
            record, pages = _record(row, record_id, root, ids, images.settings)
            records.append(record)
            several_pages += pages > 1
        except Rejected as rejected:
            rejects.append(Reject(record_id, "index", rejected.reason, rejected.detail))
    note_pages(several_pages, notes)
    films = [record for record in records if "stored" in record]
    notes += film_notes(films, images.settings["orientation"] or "turn")
    repeated = repeated_records(merged, ids, images.settings["several"])
    return SourceIndex(records, paths, rejects, repeated)


def _placed(rows: pd.DataFrame, settings: Mapping[str, Any]) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the places of their file in the layout as columns; files without any."""
    places = pd.DataFrame(
        [places_of(file, settings["layout"]) for file in rows["file"]], index=rows.index
    )
    strange = rows.loc[places.isna().all(axis=1), "file"].unique().tolist()
    placed = rows.assign(**places).loc[~places.isna().all(axis=1)]
    labels = settings["labels"]
    if labels and "label" not in rows and labels["column"] in places:
        placed = placed.assign(label=placed[labels["column"]])
    return placed, strange


def _values(
    rows: pd.DataFrame, images: ImageRows, ids: SourceIds, notes: list[str]
) -> pd.DataFrame:
    """The columns file, line, patient, age, sex, view, class and the states of labels."""
    settings, table = images.settings, images.table
    values = rows[["file", "line"]].copy()
    values["patient"] = clean_patients(rows, ids, table, settings, notes)
    named = {key: [*images.words[key], *images.words[f"not.{key}"]] for key in ("view", "class")}
    parsers: dict[str, Callable[[str], Any]] = {
        "age": parse_age,
        "sex": sex_parser(settings["sex_words"], rows.get("sex", ()), table),
        "view": lambda text: parse_view(text, named["view"]),
        "class": _class_parser(settings["classes"], named["class"]),
    }
    for name, parse in parsers.items():
        if name in rows:
            own = _own_words(name, images)
            nothing = rows[name].str.casefold().isin(MISSING - own)
            cells = rows[name].mask(nothing, "")
            values[name] = parse_cells(cells, parse, name, notes, table)
    if "view" in rows:
        _note_views(rows["view"], values["view"], notes)
    for name in named:
        if name in rows:
            check_present(images.words[name], values[name], rows[name], name, table)
    if settings["labels"]:
        values = values.join(label_states(rows, settings["labels"], table, notes))
    return values


def _class_parser(
    classes: Mapping[str, Sequence[str]], words: Sequence[str]
) -> Callable[[str], str | None]:
    """Classes by the study's words for them; without such words a cell is the class itself."""
    return ClassWords(with_names(classes)).find if classes else class_parser(words)


def _own_words(name: str, images: ImageRows) -> set[str]:
    """The words that the study itself gives a meaning in a column, folded."""
    sexes = images.settings["sex_words"] if name == "sex" else None
    classes = images.settings["classes"] if name == "class" else {}
    listed = [word for of_class in classes.values() for word in of_class]
    words = [
        *images.words.get(name, ()),
        *listed,
        *(w for of_sex in (sexes or {}).values() for w in of_sex),
    ]
    return {fold_word(word) for word in words}


def _note_patients(values: pd.DataFrame, notes: list[str]) -> None:
    """Note what tells of a column that holds no patients, or of one word for unknown ones."""
    known = values[values["patient"].ne("")].drop_duplicates("file")
    most = known["patient"].value_counts().max()
    if len(known) > most > len(known) / 2 and most > 2:
        notes.append(
            f"patient: one stands for {most} of {len(known)} images; is it a word for unknown ones?"
        )
    if "sex" in known and (n := int((known.groupby("patient")["sex"].nunique() > 1).sum())):
        notes.append(f"patient: {n} have images of both sexes; does the column hold patients?")


def _note_views(cells: pd.Series, views: pd.Series, notes: list[str]) -> None:
    """Note the views that are no usual code and none of the study's."""
    others = cells[views.eq(OTHER)].value_counts().to_dict()
    if others:
        n = sum(others.values())  # people type names there, so that no word is shown
        shown = show_cells(others, common=n + 1)
        notes.append(f"view: {n} cells are read as {OTHER}: {shown}")


def _record(
    row: Mapping[Any, Any],
    record_id: str,
    root: Path,
    ids: SourceIds,
    settings: Mapping[str, Any],
) -> tuple[dict, int]:
    """The record of one image, and the number of its pages. Raises Rejected."""
    if not row["patient"]:
        raise Rejected(
            "no_patient",
            "the table has no patient for it; give one, because patients decide the split",
        )
    of_pixels, pages = describe_image(root / row["file"], settings)
    record = {
        "record_id": record_id,
        "patient": ids.patient(as_text(row["patient"])),
        "source": ids.source,
        **{name: _value(row.get(name)) for name in ("class", "age", "sex", "view")},
        **of_pixels,
    }
    labels = {name: as_label(v) for name, v in row.items() if name.startswith("label_")}
    return record | labels, pages


def _value(cell: Any) -> Any:
    return None if cell is None or cell != cell else cell
