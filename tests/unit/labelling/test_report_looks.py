"""Signs that the export of a table of reports spoiled their texts."""

import pandas as pd
import pytest

from pgdose.labelling.report_looks import ReportLooks
from pgdose.labelling.report_tables import plain_texts


def said(*texts: str, mentions: int = 1) -> str:
    looks = ReportLooks()
    for text in texts:  # each in a piece of its own
        texts = pd.Series([text], dtype="str")
        looks.add(texts, plain_texts(texts))
    return " ".join(looks.notes(mentions))


def test_clean_reports_need_no_note() -> None:
    assert said("Normal chest.", "a < b, p > 0.05; T&B", "C:\\new") == ""


@pytest.mark.parametrize(
    "text",
    ["<p>Normal</p>", "No&nbsp;mass", "{\\rtf1 Normal\\par}", "Normal.\\r\\nEnd", "a_x000D_"],
)
def test_marks_of_other_formats_are_counted(text: str) -> None:
    assert "1 of 2 reports hold marks of HTML" in said(text, "Normal")


def test_what_is_not_understood_is_counted_apart() -> None:
    told = said("<!-- Normal", "Normal")
    assert "1 of 2 reports hold HTML, RTF or base64 that is not understood" in told
    assert "no words" not in told and "taken out" not in told
    assert "finds nothing" not in said("<!-- Normal", "????", mentions=0)


def words(letter: str, length: int) -> str:
    """A text of so many characters."""
    return (f"{letter * 9} " * length)[: length - 1] + letter


@pytest.mark.parametrize("limit", [255, 32767])
def test_texts_at_a_limit_are_counted_unless_others_are_longer(limit: int) -> None:
    assert f"2 reports have {limit} characters" in said(words("a", limit), "b", words("c", limit))
    assert said(words("a", limit), words("c", limit), words("b", limit + 2)) == ""
    assert said(words("a", 1000), "b") == ""


def test_texts_without_words_and_of_another_language_are_said() -> None:
    assert "1 of 2 reports have no words" in said("????", "Normal")
    assert "the lexicon finds nothing" in said("Normal", mentions=0)
