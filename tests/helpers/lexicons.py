"""The shipped lexicons, and the labels that a test expects."""

from pathlib import Path

from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose_phantom.report_phrases import REPORT_FINDINGS

LEXICONS = Path(__file__).parents[2] / "resources" / "lexicons"
RUSSIAN = LEXICONS / "ru.yaml"


def shipped(name: str) -> Lexicon:
    """`ru` or `en`."""
    return load_lexicon(LEXICONS / f"{name}.yaml")


def expected(present: str, in_doubt: str) -> dict[str, int | None]:
    """Labels of a report by the names of what it states and what it doubts; the rest is 0."""
    labels: dict[str, int | None] = dict.fromkeys(["norm", *REPORT_FINDINGS], 0)
    return labels | dict.fromkeys(present.split(), 1) | dict.fromkeys(in_doubt.split())
