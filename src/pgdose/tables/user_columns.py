"""Finding the columns that a study names in a table that a person made.

The Snakefile runs these checks before any job, so this module imports nothing heavy.
"""

import codecs
import csv
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from pgdose.errors import UserError

SHOWN_COLUMNS = 20
LONGEST_LINE = 2**20  # characters that are read at a time; more in one cell csv refuses
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
    """The column names of a CSV or Parquet file. Raises UserError if it is not `encoding`."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq  # here, so that parsing the Snakefile does not pay for it

        return list(pq.read_schema(path).names)
    try:
        with path.open(newline="", encoding=skipping_bom(encoding)) as file:
            lines = iter(partial(file.readline, LONGEST_LINE), "")
            return next(csv.reader(lines), [])
    except csv.Error:  # a cell of over 131,072 characters
        raise UserError(
            f"{field}: the first row of {path.name} must hold the names of columns; export the "
            "table again as CSV"
        ) from None
    except UnicodeDecodeError:
        raise not_decodable(path, field, encoding) from None


def describe_columns(names: Sequence[str], known: Collection[str] = ()) -> str:
    """A table's column names for a message: those of usual words, and those in `known`.

    A table without a header has a patient's data there, and messages go into logs.
    """
    shown = [name for name in names if name in known or _is_usual(name)][:SHOWN_COLUMNS]
    if not shown:
        return f"its first row, which must hold the names of columns, has {len(names)} other cells"
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
