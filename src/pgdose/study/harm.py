"""Which classes of a group are without disease, and how much worse one confusion is than another.

Where the study does not name the classes without disease (`groups.<g>.norm`), the conditions of its
classes may tell them; the results say which of the two it was.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from pgdose.study.classes import Class
from pgdose.study.groups import Group

NORM_WORDS = {"norm", "normal", "healthy", "no finding", "no findings"}
NOT_NORM = {"not", "non", "no", "un", "ab", "near"}  # before the last word: not_normal
# What people write for the arrow; the study has one spelling.
ODD_ARROWS = re.compile(r"-{2,}>|[=\N{EN DASH}\N{EM DASH}]+>|[\u2190-\u21ff\u27f5-\u27ff]")


class Norm(NamedTuple):
    """The classes without disease, in the group's order; none if nobody knows them.

    told_by: study (`norm` names them), where (the conditions of the classes tell them), or empty
    """

    classes: tuple[str, ...]
    told_by: Literal["study", "where", ""]


def norm_of(group: Group) -> Norm:
    """The group's classes without disease.

    They are told by the conditions only if each class has a label or a class of its source, and
    some of them, but not all, are words for norm.
    """
    if group.norm is not None:
        of_study = [group.norm] if isinstance(group.norm, str) else group.norm
        classes = tuple(name for name in group.classes if name in of_study)
        return Norm(classes, "study" if classes else "")
    words = {name: words_of(name, entry) for name, entry in group.classes.items()}
    classes = tuple(name for name, of in words.items() if of and all(map(is_norm, of)))
    mixed = any(any(map(is_norm, of)) for name, of in words.items() if name not in classes)
    if not classes or len(classes) == len(words) or mixed or not all(words.values()):
        return Norm((), "")
    return Norm(classes, "where")


def words_of(name: str, entry: Class) -> list[str]:
    """What the class is: its labels, or its source's classes, or else its name if it says norm."""
    words = entry.where.words_of("label") or entry.where.words_of("class")
    return words or ([name] if is_norm(name) else [])


def is_norm(word: str) -> bool:
    """Whether a label or class is a word for norm, as `norm`, `NORMAL` or `ovary_norm` are."""
    parts = re.split(r"[\s_-]+", word.casefold().strip())
    if " ".join(parts) in NORM_WORDS:
        return True
    return parts[-1] in NORM_WORDS and not NOT_NORM & set(parts[:-1])


def pair_of(text: str) -> tuple[str, str] | None:
    """The true and the predicted class of a key of `harm`, TRUE->PREDICTED; None for other text."""
    true, arrow, predicted = (part.strip() for part in text.partition("->"))
    return (true, predicted) if arrow and true and predicted else None


def with_arrow(text: str) -> str:
    """The text with `->` for other arrows (\N{RIGHTWARDS ARROW}, =>, -->): what was meant."""
    return ODD_ARROWS.sub("->", text)


def harm_settings(group: Group) -> dict[str, Any]:
    """JSON values for the job that measures the harm: norm, norm_from and weights.

    weights: [true, predicted, weight] of each confusion that the study weighs
    """
    norm = norm_of(group)
    pairs: Iterable[tuple[str, float]] = group.harm.items()
    weights = [[*pair, weight] for text, weight in pairs if (pair := pair_of(text))]
    return {"norm": list(norm.classes), "norm_from": norm.told_by, "weights": weights}
