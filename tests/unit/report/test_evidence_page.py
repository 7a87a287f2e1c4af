"""The evidence page: the declared limit, what was not tested, checklists."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from helpers import report_tables

from pgdose.analysis import acceptance
from pgdose.report import appendix, checklists, evidence_page
from pgdose.report.data import ReportData
from pgdose.report.evidence_page import EvidenceData
from pgdose.study.attacks import GradientAttack, NoiseAttack

SIGN = GradientAttack(step="sign", alpha=0.001, epsilon=[0.02, 0.1], max_iter=20)
PAPER = GradientAttack(lr=0.1, epsilon=[0.02, 0.1], max_iter=20)
ATTACKS = {
    "paper": PAPER.model_dump(),
    "sign": SIGN.model_dump(),
    "noise": NoiseAttack(kind="noise", epsilon=[0.1]).model_dump(),
}


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    fields = report_tables.study(tmp_path_factory.mktemp("pictures"))
    fields["study"]["attacks"] = ATTACKS
    return fields


def limit(verdict: str, asr: float = 0.1, group: str = "X-TB") -> dict[str, Any]:
    return {
        **{"group": group, "run": "full", "role": "main", "attack": "sign", "epsilon": 0.02},
        **{"iteration": 20, "max_asr": 0.2, "confidence": 0.95, "n_attacked": 80, "asr": asr},
        **{"n_patients": 40, "n_flipped": 8, "low": asr - 0.05, "high": asr + 0.05},
        **{"n_unknown": 0, "verdict": verdict},
    }


def page(fields: dict, folder: Path, rows: list[dict], digests: dict | None = None) -> str:
    data = EvidenceData(ReportData(**fields), pd.DataFrame(rows), digests or {})
    evidence_page.write_evidence(folder / "evidence.html", data)
    return (folder / "evidence.html").read_text()


@pytest.mark.parametrize(
    ("verdicts", "begins"),
    [
        ([], "No limit was declared beforehand"),
        ([acceptance.PASS] * 2, "All limits are kept (2 kept, of 2 limits of networks)"),
        ([acceptance.PASS, acceptance.FAIL], "Not all limits are kept (1 kept and 1 broken"),
        ([acceptance.UNDECIDED], "Not all limits are kept (1 undecided, of 1 limit of a network)"),
    ],
)
def test_the_verdict_is_that_of_the_gate(fields: dict, verdicts: list, begins: str) -> None:
    rows = pd.DataFrame([limit(verdict) for verdict in verdicts])
    text = evidence_page.verdict(EvidenceData(ReportData(**fields), rows, {}))
    assert text.startswith(begins)
    if verdicts:
        assert text.endswith("sign at ε = 0.02 flips at most 0.2.")


def test_the_page_holds_every_section_and_loads_nothing(fields: dict, tmp_path: Path) -> None:
    text = page(fields, tmp_path, [limit(acceptance.FAIL, 0.4)], {"tables/asr.csv": "ab" * 32})
    ids = re.findall(r'<h2 id="([a-z-]+)"', text)
    assert ids == re.findall(r'<li><a href="#([a-z-]+)">', text) and len(ids) == 11
    assert "broken" in text and "ab" * 32 in text
    assert not re.findall(r'(?:src|href)="(?!#)[^"]', text) and "<script" not in text
    assert "phantom &amp; &lt;i&gt;sons" in text and "<i>sons" not in text


def test_answers_lead_to_sections_that_are_there(fields: dict, tmp_path: Path) -> None:
    text = page(fields, tmp_path, [])
    ids = set(re.findall(r'id="([a-z-]+)"', text))
    for item in (*checklists.CLAIM, *checklists.STARD, *checklists.STARD_AI):
        assert (item.section in ids) == (item.answered != checklists.YOU), item
        assert item.add or item.answered == checklists.HERE, item
    # Also on paper, where nothing can be followed.
    headings = re.findall(r'<h2 id="([a-z-]+)"', text)
    for section, number in re.findall(r'href="#([a-z-]+)">section (\d+)', text):
        assert headings[int(number) - 1] == section
    assert "section 3, in part" in text
    assert [item.number for item in checklists.CLAIM] == [str(n) for n in range(1, 45)]
    assert len(checklists.STARD) == 34


def test_the_study_is_printed_without_keys_that_have_no_value() -> None:
    attack = {"lr": 0.1, "epsilon": (0.02,), "images": None, "export": {}, "literal": False}
    text = appendix.settings({"study": "one", "attacks": {"a": attack}})
    kept = {"lr": 0.1, "epsilon": [0.02], "literal": False}
    assert yaml.safe_load(text) == {"study": "one", "attacks": {"a": kept}}


def test_what_was_not_tested_follows_the_study(fields: dict) -> None:
    lines = "\n".join(evidence_page.not_tested(ReportData(**fields)))
    assert "bounded by their L2 length" in lines and "under 0.02 and over 0.1" in lines
    assert "certain wrong diagnosis" in lines
    attacks = {
        "far": GradientAttack(form="pgd-l2", alpha=0.1, epsilon=[0.5], target="C1").model_dump()
    }
    other = {**fields, "study": {**fields["study"], "attacks": attacks}}
    lines = "\n".join(evidence_page.not_tested(ReportData(**other)))
    assert "bounded by their L2 length" not in lines and "L-infinity" in lines
    assert "certain wrong diagnosis" not in lines


def test_grey_levels_of_the_smallest_change(fields: dict) -> None:
    table = evidence_page._doses(ReportData(**fields))
    assert table is not None
    row = next(row for row in table.rows if row[1] == "paper")
    assert row[3] in ("–", f"{float(str(row[2])) * 255:.2g}")
    assert all(row[1] != "noise" for row in table.rows)


def test_a_group_that_nothing_flips(fields: dict) -> None:
    tables = dict(fields["tables"])
    tables["asr"] = tables["asr"].assign(n_flipped=0)
    table = evidence_page._doses(ReportData(**{**fields, "tables": tables}))
    assert table is not None
    assert all(str(row[2]).startswith("none up to") and row[4] == "–" for row in table.rows)
