"""Several rows of a table of reports with one id: addenda, corrections, reports of one film."""

from pathlib import Path

import pandas as pd
import pytest

from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.report_tables import JOINT, label_report_file
from pgdose.user_tables.source_tables import report_table

LEXICON = load_lexicon(Path(__file__).parents[3] / "resources/lexicons/ru.yaml")
NORM, CORRECTION = "Норма.", "При пересмотре: очаговый туберкулёз."
SETTINGS = {"id": "id", "text": "text"}


def label(tmp_path: Path, several: str, *rows: tuple[str, str]) -> tuple:
    path = tmp_path / "reports.csv"
    pd.DataFrame(rows, columns=["id", "text"]).to_csv(path, index=False)
    table = report_table(path, "xray", SETTINGS)
    notes: list[str] = []
    labels, mentions = label_report_file(table, LEXICON, several, True, notes)
    return labels.set_index("link"), mentions, notes


ROWS = [("1", NORM), ("2", NORM), ("1", CORRECTION), ("2", NORM), ("3", CORRECTION)]


def test_reports_that_differ_are_refused_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"^sources\.xray\.reports\.several: 1 ids .* lines 2 and 4"
    ):
        label(tmp_path, "error", *ROWS)


@pytest.mark.parametrize(
    ("several", "norm", "tuberculosis"),
    [("join", 0, 1), ("union", None, 1), ("first", 1, 0), ("last", 0, 1)],
)
def test_a_correction_counts_as_the_study_says(
    several: str, norm: int | None, tuberculosis: int, tmp_path: Path
) -> None:
    """Norm first and tuberculosis later stayed norm before."""
    labels, mentions, notes = label(tmp_path, several, *ROWS)
    first = labels.loc["1"]
    assert (None if pd.isna(first["label_norm"]) else first["label_norm"]) == norm
    assert first["label_tuberculosis"] == tuberculosis
    assert labels.loc["2", "label_norm"] == 1 and labels.loc["3", "label_tuberculosis"] == 1
    assert labels["differ"].to_dict() == {"1": True, "2": False, "3": False}
    assert any("1 ids have several different reports" in note for note in notes)
    assert any("1 reports say the same" in note for note in notes)
    assert set(mentions["report"]) <= set(labels["report"])


@pytest.mark.parametrize("rows", [(NORM, CORRECTION, NORM), (CORRECTION, NORM, CORRECTION)])
@pytest.mark.parametrize("several", ["first", "last"])
def test_a_report_that_says_again_what_an_earlier_one_said(
    several: str, rows: tuple[str, ...], tmp_path: Path
) -> None:
    """A correction that was taken back: it held, since the third row was left out as the first."""
    labels, mentions, notes = label(tmp_path, several, *(("1", text) for text in rows))
    assert labels.loc["1", "label_norm"] == (rows[-1] == NORM)
    assert labels.loc["1", "report"] == {"first": 0, "last": 2}[several]
    assert set(mentions["report"]) == {labels.loc["1", "report"]}
    other = {"first": "an earlier", "last": "a later"}[several]
    assert any(f"1 reports say the same as {other} one" in note for note in notes)


@pytest.mark.parametrize("several", ["join", "union"])
def test_positions_are_those_in_the_rows_joined(several: str, tmp_path: Path) -> None:
    labels, mentions, _ = label(tmp_path, several, *ROWS)
    text = NORM + JOINT + CORRECTION
    found = mentions[mentions["report"] == labels.loc["1", "report"]]
    tuberculosis = found[found["label"] == "tuberculosis"].iloc[0]
    assert "туберкулёз" in text[tuberculosis["start"] : tuberculosis["end"]]
    assert labels.loc["1", "report_rows"] == [0, 2]


def test_ids_are_cleaned(tmp_path: Path) -> None:
    labels, _, notes = label(tmp_path, "error", ("7.0", NORM), (" 8 ", NORM), ("nan", NORM))
    assert labels.index.tolist() == ["7", "8"]
    assert any("7.0" in note for note in notes)


@pytest.mark.parametrize("text", ["\\N", "NULL", "nan", "(null)"])
def test_a_databases_word_for_nothing_is_no_report(tmp_path: Path, text: str) -> None:
    labels, mentions, notes = label(tmp_path, "error", ("1", f" {text} "), ("2", NORM))
    assert labels.loc["1", "label_norm"] is pd.NA and labels.loc["2", "label_norm"] == 1
    assert set(mentions["report"]) == {1}
    assert any("1 of 2 reports have no words" in note for note in notes)
