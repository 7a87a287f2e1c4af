"""The names of columns that a message may show: usual words, which name no patient."""

import re
from collections.abc import Collection, Sequence

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
alter befund bild datei diagnose geschlecht klasse nummer
edad etiqueta fecha id imagen informe nombre paciente sexo texto
"""


def describe_columns(names: Sequence[str], known: Collection[str] = ()) -> str:
    """A table's column names for a message: those of usual words, and those in `known`.

    A table without a header has a patient's data there, and messages go into logs.
    """
    data = r"\d\d\d|^\W*\d*\W*$"  # a long number, a short one alone, nothing
    looks_like_data = any(len(name) > 40 or re.search(data, name) for name in names if name)
    shown = [name for name in names if name in known or _is_usual(name)][:SHOWN_COLUMNS]
    if looks_like_data or not shown:
        return (
            "its first row, which must hold the names of columns, looks like data (remove what "
            "stands above them, such as a title)"
        )
    others = len(names) - len(shown)
    more = f" and {others} not shown here" if others else ""
    return f"its columns are: {', '.join(shown)}{more}"


def has_usual_words(names: Sequence[str]) -> bool:
    """Whether a usual word that is not in ASCII is among the names: their encoding is right."""
    return any(not name.isascii() and _is_usual(name) for name in names)


def _is_usual(name: str) -> bool:
    """Whether a name is made of USUAL_WORDS: patient_id, Patient ID, PatientID."""
    if not re.fullmatch(r"[\w #./()-]{1,40}", name) or re.search(r"\d", name):
        return False
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", name))
    return bool(words) and {word.casefold() for word in words} <= set(USUAL_WORDS.split())
