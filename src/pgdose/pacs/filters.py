"""Checks of a study's filters on what a server answers: a server may ignore what it is asked for.

Each function returns None if an answer stays, or a word for why it is left out.
"""

import datetime
import re
from collections.abc import Collection, Iterable

from pgdose.pacs.answers import Answer, first
from pgdose.study.pacs import Find

DOCUMENT_MODALITIES = ("SR", "DOC", "OT")
ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."  # what their SOP classes begin with


def study_left_out(answer: Answer, find: Find, modalities: Collection[str]) -> str | None:
    """By date, and by the study's modalities where the server says them."""
    if any(find.dates):
        date = read_date(first(answer, "StudyDate"))
        if date is None:
            return "no_date"
        from_day, to_day = find.dates
        if (from_day and date < from_day) or (to_day and date > to_day):
            return "other_date"
    present = {text.strip() for text in answer.get("ModalitiesInStudy", ())} - {""}
    return "other_modality" if present and not present & set(modalities) else None


def series_left_out(
    answer: Answer, study_answer: Answer, find: Find, modalities: Collection[str]
) -> str | None:
    """By modality, body part (where the server says one) and description."""
    if first(answer, "Modality") not in modalities:
        return "other_modality"
    part = first(answer, "BodyPartExamined").upper()
    if part and find.body_parts and part not in find.body_parts:
        return "other_body_part"
    if find.descriptions:
        texts = (first(study_answer, "StudyDescription"), first(answer, "SeriesDescription"))
        if not matches(find.descriptions, texts):
            return "other_description" if any(texts) else "no_description"
    return None


def read_date(text: str) -> datetime.date | None:
    """A date as DICOM writes it, or did before 1993."""
    digits = text.replace(".", "").replace("-", "")
    try:
        return datetime.datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None


def matches(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    """Whether one of the texts is like one of the patterns, as a whole, capitals or not."""
    expressions = [_expression(pattern) for pattern in patterns]
    folded = [text.casefold() for text in texts if text]
    return any(expression.fullmatch(text) for expression in expressions for text in folded)


def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    parts = (wild.get(character, re.escape(character)) for character in pattern.casefold())
    return re.compile("".join(parts), re.DOTALL)
