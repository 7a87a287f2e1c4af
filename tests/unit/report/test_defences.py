"""The page's section about defended networks, and the times of their trainings."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.report_tables import DEFENDED, study

from pgdose.report import provenance
from pgdose.report.data import ReportData
from pgdose.report.defences import Defences, defences
from pgdose.report.tables import Cell


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return study(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def section(fields: dict[str, Any]) -> Defences:
    result = defences(ReportData(**fields))
    assert result is not None
    return result


def printed(cell: str | Cell) -> str:
    return cell if isinstance(cell, str) else f"{cell.text} {cell.aside}".strip()


def test_each_defended_network_has_its_sentence(section: Defences) -> None:
    change = "under sign, the mean ASR over the amplitudes goes from 0.71 to 0.31"
    interval = "(−0.400 [−0.611, −0.222])"
    helps, masked, fails, open_, unknown = section.sentences
    assert helps == (
        f"X-TB, robust (adversarial training (PGD, epsilon 0.01)) helps: at worst, {change} "
        f"{interval}. Its accuracy on clean images surely falls by more than 0.05: 0.71 to 0.31 "
        f"{interval}."
    )
    assert "is not to be trusted: under sign the mean ASR" in masked
    assert masked.split(". ")[0].endswith("but failed check: <i>")
    assert "does not help: under sign" in fails and "surely a fall of less than 0.1" in fails
    assert "may fall by more than 0.05 or not" in fails
    assert "may help or not: under sign" in open_ and "is kept" in open_
    assert "has no verdict under sign: under four patients" in unknown
    assert unknown.endswith("has no verdict: 0.71 to 0.31 (−0.400, no interval).")


def test_a_row_for_each_network_and_the_rest_folded_away(section: Defences) -> None:
    assert section.summary is not None
    heads = [head.text for head in section.summary.heads]
    rows = [dict(zip(heads, map(printed, row), strict=True)) for row in section.summary.rows]
    assert [row["Network"] for row in rows] == list(DEFENDED)
    robust, jpeg, *_, both = rows
    assert robust["Verdict"] == "✓ helps" and robust["Accuracy is"] == "✗ lost"
    assert jpeg["Verdict"] == "? not to be trusted failed check: <i>"
    assert both["Verdict"] == "– under four patients"
    assert robust["Mean ASR"] == "−0.400 [−0.611, −0.222]"
    assert robust["Mean accuracy after it"] == "−0.400 [−0.611, −0.222]"
    assert robust["Passes of training"] == "8 main 1"
    assert robust["Time of training"] == "8 min 08 s main 1 min 01 s"
    assert jpeg["Time of training"] == "–"  # it trains nothing
    attacked, parts = section.further
    assert len(attacked.rows) == 3 * len(DEFENDED) and len(parts.rows) == 2 * len(DEFENDED)
    assert printed(parts.rows[0][3]) == "Tuberculosis & more C1"


def test_only_a_class_is_called_by_the_title_of_a_class(fields: dict[str, Any]) -> None:
    table = fields["tables"]["defence"].replace({"value": {"F": "C1"}})
    result = defences(ReportData(**{**fields, "tables": {"defence": table}}))
    assert result is not None
    rows = [[printed(cell) for cell in row[2:4]] for row in result.further[1].rows]
    assert rows[:2] == [["class", "Tuberculosis & more C1"], ["sex", "C1"]]


def test_an_open_verdict_says_why_if_it_is_known(fields: dict[str, Any]) -> None:
    table = fields["tables"]["defence"]
    open_ = (table["quantity"] == "overall") & (table["verdict"] == "undecided")
    reason = table["reason"].mask(open_, "not at the level")
    data = ReportData(**{**fields, "tables": {"defence": table.assign(reason=reason)}})
    result = defences(data)
    assert result is not None
    assert sum("surely falls by 0.1 (not at the level)." in s for s in result.sentences) == 1


def test_numbers_that_are_missing_leave_words(fields: dict[str, Any]) -> None:
    table = fields["tables"]["defence"]
    numbers = ["undefended", "defended", "difference", "ci_low", "ci_high"]
    blank = table.assign(**dict.fromkeys(numbers, np.nan), verdict=None)
    result = defences(ReportData(**{**fields, "tables": {"defence": blank}}))
    assert result is not None and result.summary is not None
    cells = [printed(cell) for row in result.summary.rows for cell in row]
    assert not any("nan" in text for text in [*result.sentences, *cells])


def test_a_study_without_defended_networks_has_no_such_section(fields: dict[str, Any]) -> None:
    assert defences(ReportData(**{**fields, "tables": {}})) is None


def test_seconds_of_trainings_are_those_of_their_benchmark_files(tmp_path: Path) -> None:
    file = tmp_path / "train" / "X-TB-robust.tsv"
    file.parent.mkdir()
    pd.DataFrame({"s": [12.5], "max_rss": [100]}).to_csv(file, sep="\t", index=False)
    runs = [("X-TB", "robust"), ("X-TB", "jpeg")]
    assert provenance.training_seconds(tmp_path, runs) == {("X-TB", "robust"): 12.5}
