"""What a server answers to a search: texts by the keywords of DICOM."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Level = Literal["STUDY", "SERIES", "IMAGE"]
Answer = Mapping[str, Sequence[str]]  # an attribute that is missing or empty has no texts

UID_OF = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
KEYS: dict[str, tuple[str, ...]] = {
    "STUDY": (
        *("StudyInstanceUID", "StudyDate", "ModalitiesInStudy", "StudyDescription"),
        *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    ),
    "SERIES": (
        *("StudyInstanceUID", "SeriesInstanceUID", "Modality", "BodyPartExamined"),
        *("SeriesDescription", "NumberOfSeriesRelatedInstances"),
    ),
    "IMAGE": ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"),
}


class Search(NamedTuple):
    """What is searched for: at a level, below a study and a series, by attributes."""

    level: Level
    study: str | None = None
    series: str | None = None
    filters: tuple[tuple[str, str], ...] = ()


def first(answer: Answer, keyword: str) -> str:
    """The first text of an attribute; empty if the server does not say it."""
    return next(iter(answer.get(keyword, ())), "").strip(" \0")


def number(answer: Answer, keyword: str) -> int | None:
    """A count; None if the server does not say it."""
    text = first(answer, keyword)
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def is_uid(text: str) -> bool:
    """Whether a text may be a UID. It becomes a file's name and a part of an address."""
    return re.fullmatch(r"[0-9][0-9.]{0,63}", text) is not None and ".." not in text
