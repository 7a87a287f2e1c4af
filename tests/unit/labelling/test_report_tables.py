"""Labels of whole tables of reports: in memory, and of files as a study names them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pgdose.errors import UserError
from pgdose.labelling import report_tables
from pgdose.labelling.conflicts import find_conflicts
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.report_tables import (
    check_encoding,
    label_report_file,
    label_reports,
)
from pgdose.labelling.reports import read_report
from pgdose.user_tables import reader
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.source_tables import report_table
from pgdose_phantom.report_phrases import REPORT_FINDINGS


def reports(path: Path, **settings: str) -> UserTable:
    return report_table(path, "xray", {"id": "id", "text": "text", **settings})


def test_tables(lexicon: Lexicon) -> None:
    index = ["c", "a", "b", "d", "e"]
    texts = pd.Series(["Норма", None, "Туберкулёз?", "Норма", "Фиброз, бронхита нет"], index=index)
    table, mentions = label_reports(texts, lexicon)
    assert list(table.index) == index
    assert list(table) == ["label_norm", *(f"label_{name}" for name in REPORT_FINDINGS)]
    assert (table.dtypes == "Int8").all()
    assert table["label_norm"].tolist() == [1, pd.NA, 0, 1, 0]
    assert table["label_tuberculosis"].tolist() == [0, pd.NA, pd.NA, 0, 0]
    assert table["label_fibrosis"].tolist() == [0, pd.NA, 0, 0, 1]
    assert list(mentions) == ["index", "label", "state", "start", "end", "pattern", "cue"]
    assert mentions[["index", "label", "state", "start", "end"]].values.tolist() == [
        ["c", "norm", "present", 0, 5],
        ["b", "tuberculosis", "uncertain", 0, 10],
        ["d", "norm", "present", 0, 5],
        ["e", "fibrosis", "present", 0, 6],
        ["e", "bronchitis", "absent", 8, 16],
    ]
    assert not mentions.isin(texts.dropna()).any(axis=None)


def test_conflicts_are_listed(lexicon: Lexicon) -> None:
    texts = ["Норма", "Фиброз. Заключение: норма", "Фиброз?", "Фиброза нет. Заключение: норма"]
    table, mentions = label_reports(pd.Series(texts, index=list("wxyz")), lexicon)
    assert find_conflicts(table, mentions).tolist() == ["x"]


def test_empty_tables(lexicon: Lexicon) -> None:
    for texts in (pd.Series([], dtype=str), pd.Series([None, np.nan], dtype=object)):
        table, mentions = label_reports(texts, lexicon)
        assert len(table) == len(texts) and table.shape[1] == 9
        assert table.isna().all(axis=None)
        assert mentions.empty and mentions.shape[1] == 7


def test_equal_texts_are_read_once(lexicon: Lexicon, monkeypatch: pytest.MonkeyPatch) -> None:
    texts_read: list[str] = []
    original = read_report
    monkeypatch.setattr(
        report_tables,
        "read_report",
        lambda text, *rest: texts_read.append(text) or original(text, *rest),
    )
    label_reports(pd.Series(["Норма", "Бронхит"] * 500), lexicon)
    assert sorted(texts_read) == ["Бронхит", "Норма"]


def test_wrong_encodings_are_noticed() -> None:
    right = pd.Series(["Пневмосклероз. Очаговых теней нет.", "Норма", None])
    table = reports(Path("reports.csv"))
    check_encoding(right, table)
    check_encoding(
        pd.Series(["Radiographie sans anomalie: poumons clairs, cœur normal, âgé"]), table
    )
    latin1 = right.map(lambda text: text.encode("cp1251").decode("latin-1"), na_action="ignore")
    cp1251 = right.map(lambda text: text.encode().decode("cp1251", "replace"), na_action="ignore")
    for texts, may in ((latin1, "cp1251"), (cp1251, "utf-8")):
        with pytest.raises(UserError, match=rf"^sources\.xray\.reports\.encoding: .*{may}"):
            check_encoding(texts, table)


def test_a_table_of_reports_is_labelled(
    lexicon: Lexicon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Piece by piece; a report without an id has no label."""
    rows = [("7", "Норма"), (" 8 ", "Фиброз?"), ("", "Бронхит"), ("7", "Норма"), ("9", "")]
    path = tmp_path / "reports.csv"
    pd.DataFrame(rows, columns=["nr", "words"]).to_csv(path, index=False, encoding="cp1251")
    monkeypatch.setattr(reader, "CHUNK_ROWS", 2)
    table = reports(path, id="nr", text="words", encoding="cp1251")
    labels, mentions = label_report_file(table, lexicon, "error", True, [])
    assert labels["report"].tolist() == [0, 1, 4]
    assert labels["link"].tolist() == ["7", "8", "9"]
    assert labels["label_norm"].tolist() == [1, 0, pd.NA]
    assert labels["label_fibrosis"].tolist() == [0, pd.NA, pd.NA]
    assert mentions[["report", "label", "state"]].to_numpy().tolist() == [
        [0, "norm", "present"],
        [1, "fibrosis", "uncertain"],
    ]


def test_an_empty_table_of_reports_is_labelled(lexicon: Lexicon, tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("id,text\n", encoding="utf-8")
    labels, mentions = label_report_file(reports(path), lexicon, "error", True, [])
    assert labels.empty and {"report", "link", "label_norm"} <= set(labels)
    assert mentions.empty and list(mentions) == ["report", *report_tables.MENTION_COLUMNS]


def test_a_table_of_reports_in_a_wrong_encoding_is_refused(
    lexicon: Lexicon, tmp_path: Path
) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("id,text\n1,Пневмосклероз\n", encoding="utf-8")
    table = reports(path, encoding="latin-1")
    with pytest.raises(UserError, match=r"^sources\.xray\.reports\.encoding: .*reports\.csv"):
        label_report_file(table, lexicon, "error", True, [])


def test_reports_of_nothing_but_context_are_noted(tmp_path: Path, lexicon: Lexicon) -> None:
    path = tmp_path / "reports.csv"
    rows = "1,Показания: пневмония\n2,Анамнез: кашель\n3,Показания: кашель. Норма\n"
    path.write_text(f"id,text\n{rows}", encoding="utf-8")
    notes: list[str] = []
    labels, _ = label_report_file(reports(path), lexicon, "error", True, notes)
    assert any(note.startswith("2 reports hold only a referral, history") for note in notes)
    assert labels["label_norm"].isna().tolist() == [True, True, False]
    assert labels["label_pneumonia"].isna().tolist() == [True, False, False]


def test_composed_norm_needs_its_patterns(tmp_path: Path, lexicon: Lexicon) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("id,text\n1,Лёгкие чистые. Сердце не увеличено\n", encoding="utf-8")
    labels, _ = label_report_file(reports(path), lexicon, "error", True, [], "composed")
    assert labels["label_norm"].tolist() == [1]
    labels, _ = label_report_file(reports(path), lexicon, "error", True, [], "phrases")
    assert labels["label_norm"].tolist() == [0]
    bare = replace(lexicon, composed=None)
    with pytest.raises(UserError, match=r"norm: 'composed' needs norm\.composed in the lexicon"):
        label_report_file(reports(path), bare, "error", True, [], "composed")


SPOILED = [
    "<p>Без туберкулёза.</p><p>Фиброз &lt; 5 мм</p>",
    "{\\rtf1\\ansi\\ansicpg1251 \\'d4\\'e8\\'e1\\'f0\\'ee\\'e7\\par}",
    "Норма._x000D_\nФиброз",
    "<!-- Фиброз",
    "КТИ < 50 %, фиброз",
]


def test_positions_are_those_in_the_plain_text(tmp_path: Path, lexicon: Lexicon) -> None:
    path = tmp_path / "reports.csv"
    texts = [*SPOILED, SPOILED[0], SPOILED[1]]
    ids = [*"12345", "6", "6"]
    pd.DataFrame({"id": ids, "text": texts}).to_csv(path, index=False)
    notes: list[str] = []
    table = reports(path)
    labels, mentions = label_report_file(table, lexicon, "join", True, notes)
    labels = labels.set_index("link")
    assert labels["label_fibrosis"].tolist() == [1, 1, 1, pd.NA, 1, 1]
    assert labels.loc["4"].filter(like="label_").isna().all()  # refused: no label at all
    for report, of_report in mentions.groupby("report"):
        rows = labels.loc[labels["report"] == report, "report_rows"].iloc[0]
        plain = report_tables.report_texts(table, rows)
        text = report_tables.JOINT.join(plain[row] for row in rows)
        for mention in of_report.itertuples():
            word = {"fibrosis": "фиброз", "tuberculosis": "туберкулёза", "norm": "норма"}
            assert text[mention.start : mention.end].lower() == word[mention.label]
    told = " ".join(notes)
    assert "5 of 7 reports hold marks of HTML, RTF or line breaks" in told
    assert "1 of 7 reports hold HTML, RTF or base64 that is not understood" in told


def test_entries_without_effect_are_counted_in_the_notes(tmp_path: Path, lexicon: Lexicon) -> None:
    path = tmp_path / "reports.csv"
    pd.DataFrame({"id": ["1"], "text": ["Норма"]}).to_csv(path, index=False)
    for warnings in ((), ("line 1: a", "line 2: b")):
        notes: list[str] = []
        label_report_file(reports(path), replace(lexicon, warnings=warnings), "error", True, notes)
        told = "2 entries of the lexicon have no effect; 'pgdose label' shows them"
        assert (told in notes) == bool(warnings)
