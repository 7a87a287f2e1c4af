"""Finding the columns that a study names in a table that a person made.

The Snakefile runs these checks before any job, so this module imports nothing heavy.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pgdose.errors import UserError

HEADER = 200_000  # characters of the first row of a table
SHOWN_COLUMNS = 20
# The usual names of columns. A message shows no other: it may be a patient's name.
USUAL_WORDS = """
accession acquisition age aortic area birth body box category class classes code col column comment
conclusion confidence count dataset date description diagnosis dicom exam examination exclude
exclusion fields file filename finding findings folder follow fold frame gender group height
hospital id ids image images impression index instance label labels laterality level magnification
manufacturer mask mpp mrn name names negative new norm normal note notes nr number object old organ
original outline outlines part path patient patients person physician pixel pixels place position
positive projection reason record remark report reports resolution row sample scan score section
series set sex side site size slide slides sop source spacing specimen split stain study subject
subset table target test text tile time train tumor tumour type uid up url val validation value view
weight when why width x y year z
возраст группа дата диагноз заключение имя класс код метка номер образец описание органа отчет
пациент пациента пол причина путь текст тип файл фамилия
edad etiqueta fecha id imagen informe nombre paciente sexo texto
"""


def skipping_bom(encoding: str) -> str:
    """The codec to read a file with: for UTF-8 the one that skips a byte order mark."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def not_decodable(path: Path, field: str, encoding: str) -> UserError:
    """The error for a table that is not in its encoding."""
    return UserError(
        f"{field}: {path.name} is not {encoding} text; save it as UTF-8"
        + (", or set its encoding (encoding: cp1251)" if field.endswith("reports") else "")
    )


def column_names(path: Path, field: str, encoding: str = "utf-8") -> list[str]:
    """The column names of a CSV or Parquet file.

    Raises UserError if it is not `encoding`, or is no such file. The message quotes no cell.
    """
    if path.suffix == ".parquet":
        return _columns_of_parquet(path, field)
    try:
        with path.open(newline="", encoding=skipping_bom(encoding)) as file:
            # Not a line: a file without line breaks may have gigabytes.
            head = file.read(HEADER + 1)
    except UnicodeError:  # UTF-16 without its mark raises no UnicodeDecodeError
        raise not_decodable(path, field, encoding) from None
    except OSError as error:
        raise _unreadable(path, field, error.strerror) from None
    lines = io.StringIO(head, newline="")
    try:
        names = next(csv.reader(lines), [])
    except csv.Error:
        raise _unreadable(path, field, "its first row is no CSV") from None
    if lines.tell() > HEADER:
        raise _unreadable(path, field, f"its first row has over {HEADER} characters")
    return names


def _columns_of_parquet(path: Path, field: str) -> list[str]:
    import pyarrow as pa  # here, so that parsing the Snakefile does not pay for it
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = f"it is no Parquet file ({type(error).__name__})"
        raise _unreadable(path, field, reason) from None


def _unreadable(path: Path, field: str, reason: str | None) -> UserError:
    return UserError(
        f"{field}: {path.name} cannot be read: {reason}; give a table in CSV or Parquet whose "
        "first row holds the names of columns"
    )


def describe_columns(names: Sequence[str], known: Collection[str] = ()) -> str:
    """A table's column names for a message: those of usual words, and those in `known`.

    A table without a header has a patient's data there, and messages go into logs.
    """
    data = r"\d\d\d|^\W*\d*\W*$"  # a long number, a short one alone, nothing
    looks_like_data = any(len(name) > 40 or re.search(data, name) for name in names)
    shown = [name for name in names if name in known or _is_usual(name)][:SHOWN_COLUMNS]
    if looks_like_data or not shown:
        return "its first row, which must hold the names of columns, looks like data"
    others = len(names) - len(shown)
    more = f" and {others} not shown here" if others else ""
    return f"its columns are: {', '.join(shown)}{more}"


def _is_usual(name: str) -> bool:
    """Whether a name is made of USUAL_WORDS: patient_id, Patient ID, PatientID."""
    if not re.fullmatch(r"[\w #./()-]{1,40}", name) or re.search(r"\d", name):
        return False
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", name))
    return bool(words) and {word.casefold() for word in words} <= set(USUAL_WORDS.split())


def find_columns(
    path: Path,
    columns: Mapping[str, str | list[str] | None],
    field: str,
    encoding: str = "utf-8",
) -> dict[str, str]:
    """The table's column for each meaning, {meaning: column}.

    `columns` maps a meaning to a column's name, to several names of which the first that the table
    has counts, or to None where the study does not use it. `field` is the path to `columns` in the
    study, for messages. Raises UserError where the table has none of the names.
    """
    present = column_names(path, field, encoding)
    chosen = {}
    for meaning, names in columns.items():
        if names is None:
            continue
        choices = [names] if isinstance(names, str) else names
        first = next((name for name in choices if name in present), None)
        if first is None:
            raise UserError(
                f"{field}.{meaning}: no column {' or '.join(map(repr, choices))} in {path.name}; "
                f"{describe_columns(present)}"
            )
        chosen[meaning] = first
    return chosen
