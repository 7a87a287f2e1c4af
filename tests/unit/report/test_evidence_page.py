"""The evidence page: the declared limit, what was not tested, checklists."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from helpers import report_tables
from helpers.workflow import PROJECT, SMALL

from pgdose.analysis import acceptance
from pgdose.report import appendix, checklists, evidence_page
from pgdose.report.data import ReportData
from pgdose.report.evidence_page import EvidenceData
from pgdose.study.attacks import ExternalAttack, GradientAttack, NoiseAttack
from pgdose.study.study import Study

SIGN = GradientAttack(step="sign", alpha=0.001, epsilon=[0.02, 0.1], max_iter=20)
PAPER = GradientAttack(lr=0.1, epsilon=[0.02, 0.1], max_iter=20)
ITEMS = (*checklists.CLAIM, *checklists.STARD, *checklists.STARD_AI)
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
        ([], "No limit was declared (section"),
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
        # The page is made of results, and nothing in them tells when the limit was chosen.
        assert "Declared before" not in text and "beforehand" not in text
        assert "only its authors can say whether before the results were read" in text


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
    for item in ITEMS:
        assert (item.section in ids) == (item.answered != checklists.YOU), item
        assert item.add or (item.answered == checklists.HERE and not item.needs), item
    # Also on paper, where nothing can be followed.
    numbers = {name: place for place, name in enumerate(evidence_page.SECTIONS, 1)}
    assert list(numbers) == re.findall(r'<h2 id="([a-z-]+)"', text)
    cells = re.findall(r'<td><a href="#([a-z-]+)">([^<]+)</a>', text)
    for section, words in cells:
        place = f"section {numbers[section]}" if section in numbers else "first lines"
        assert words.removesuffix(", in part") == place
    shown = evidence_page._answers(EvidenceData(ReportData(**fields), pd.DataFrame(), {}))
    answered = [item for item in ITEMS if item.answered_with(shown) != checklists.YOU]
    assert [section for section, _ in cells] == [item.section for item in answered]
    assert "section 3, in part" in text
    assert [item.number for item in checklists.CLAIM] == [str(n) for n in range(1, 45)]
    assert len(checklists.STARD) == 34


def test_the_study_is_printed_without_keys_that_have_no_value() -> None:
    attack = {"lr": 0.1, "epsilon": (0.02,), "target": None, "balance": {}, "literal": False}
    text = appendix.settings({"study": "one", "attacks": {"a": attack}})
    kept = {"lr": 0.1, "epsilon": [0.02], "literal": False}
    assert yaml.safe_load(text) == {"study": "one", "attacks": {"a": kept}}


def may_be_empty(field: dict[str, Any]) -> bool:
    """Whether the schema of a field allows null, or a list or mapping without entries."""
    return any(
        one.get("type") == "null"
        or (one.get("type") == "array" and not one.get("minItems"))
        or (one.get("type") == "object" and not one.get("minProperties"))
        for one in (field, *field.get("anyOf", []))
    )


def test_only_sections_of_the_page_have_a_place() -> None:
    assert evidence_page._place("limits") == "section 1"
    with pytest.raises(ValueError, match="the page has no section 'limit'; its sections"):
        evidence_page._place("limit")


@pytest.mark.parametrize("needs", [checklists.LIMIT, checklists.AGREEMENT, *checklists.TABLES])
def test_items_that_a_study_cannot_answer_are_for_the_reader(fields: dict, needs: str) -> None:
    agreement = pd.DataFrame({"source": ["xray"]})
    study = ReportData(**{**fields, "agreement": agreement})
    everything = evidence_page._answers(EvidenceData(study, pd.DataFrame([limit("pass")]), {}))
    assert everything == {checklists.LIMIT, checklists.AGREEMENT, *checklists.TABLES}
    lacking = {name: table for name, table in fields["tables"].items() if name != needs}
    without = {**fields, "tables": lacking}
    without["agreement"] = None if needs == checklists.AGREEMENT else agreement
    rows = [] if needs == checklists.LIMIT else [limit("pass")]
    shown = evidence_page._answers(EvidenceData(ReportData(**without), pd.DataFrame(rows), {}))
    assert shown == everything - {needs}
    depending = [item for item in ITEMS if item.needs == needs]
    assert depending
    for item in depending:
        assert item.answered_with(everything) == item.answered != checklists.YOU
        assert item.answered_with(shown) == checklists.YOU


def test_failed_checks_stand_in_the_first_lines(fields: dict, tmp_path: Path) -> None:
    def first_lines(*failed: tuple[str, str]) -> str:
        checks = pd.DataFrame(
            [
                {"group": "X-TB", "run": "full", "role": "main", "attack": attack, "says": "-"}
                | {"check": check, "verdict": verdict}
                for attack, check, verdict in (
                    *((*one, "failed") for one in failed),
                    ("sign", "gradients", "passed"),
                )
            ]
        )
        return page({**fields, "checks": checks}, tmp_path, []).split("<main>")[0]

    weak, loose = ("sign", "loss levels off"), ("sign", "box kept")
    assert "1 check of the attacks failed (section 9): these rates are at least so high.<" in (
        first_lines(weak)
    )
    # Faults that may make rates too high as well.
    for other in (loose, ("noise", "noise keeps the classes apart"), ("all", "better than chance")):
        assert "2 checks of the attacks failed (section 9)" in first_lines(weak, other)
        assert "at least so high, or wrong." in first_lines(weak, other)
    assert "failed" not in first_lines()


def test_what_was_tested_has_its_result(fields: dict, tmp_path: Path) -> None:
    text = page(fields, tmp_path, [])
    doses = text[text.index('<h2 id="doses"') : text.index('<h2 id="subgroups"')]
    assert "survive storage in 8 bits (section 7)" in text
    assert doses.count("Survive 8 bits") == len(fields["groups"]) and "0.512" in doses
    accuracy = text[text.index('<h2 id="accuracy"') : text.index('<h2 id="tested"')]
    assert accuracy.count("True class") == len(fields["groups"])


def test_nothing_leads_to_what_only_the_report_shows(fields: dict, tmp_path: Path) -> None:
    text = page(fields, tmp_path, [])
    assert "failed, see section 9" in text and "see Warnings" not in text
    assert "Figure 3a" not in text and "decided verdicts" not in text
    assert "left out of medians" in text


def test_sources_are_columns(fields: dict, tmp_path: Path) -> None:
    text = page(fields, tmp_path, [])
    table = text[text.index('aria-label="Sources"') :].split("</table>")[0]
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)', table)
    assert heads == ["Source", "xray", "fields"]
    found = re.search(
        r'<th scope="row">Found</th>\s*<td[^>]*>([^<]*)</td>\s*<td[^>]*>(.*)</td>', table
    )
    assert found and found.groups() == ("1,908,926", "4,000")


def test_the_foot_of_a_printed_page_is_a_string_of_css(fields: dict, tmp_path: Path) -> None:
    text = page(fields, tmp_path, [])
    style = text[text.index("<style>") : text.index("</style>")]
    foot = re.search(r'@bottom-left \{ content: "([^"]*)"; \}', style)
    assert foot
    plain = re.sub(r"\\([0-9a-f]+) ", lambda code: chr(int(code.group(1), 16)), foot.group(1))
    assert plain.startswith(f"Study {fields['study']['study']}, pgdose")
    assert not re.search(r"[^\w\\ ]", foot.group(1))
    assert 'content: "Page " counter(page) " of " counter(pages)' in style


def test_the_keys_for_which_empty_is_a_choice_are_those_of_the_study() -> None:
    schema = Study.model_json_schema()
    keys = {
        key
        for section in (schema, *schema["$defs"].values())
        for key, field in section.get("properties", {}).items()
        if field.get("default") not in appendix.EMPTY and may_be_empty(field)
    }
    assert keys == appendix.FILLED_BY_DEFAULT


def test_the_printed_study_is_the_same_study() -> None:
    settings = yaml.safe_load((PROJECT / SMALL).read_text())
    # Each of these has a default that is not empty.
    settings["attacks"]["paper"]["shortcuts"] = []
    settings["sources"]["breast"]["columns"]["outlines"] = None
    settings["sources"]["xray"]["screen"]["body_parts"] = []
    study = Study.model_validate(settings)
    printed = yaml.safe_load(appendix.settings(study.to_dict()))
    assert printed["attacks"]["paper"]["shortcuts"] == []
    assert Study.model_validate(printed) == study


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


def test_amplitudes_that_were_not_tested_are_those_of_a_bound(fields: dict) -> None:
    attacks = {
        "sign": GradientAttack(step="sign", alpha=0.001, epsilon=[0.001, 0.01]),
        "more": GradientAttack(step="sign", alpha=0.001, epsilon=[0.005, 0.02]),
        "l2": GradientAttack(form="pgd-l2", alpha=0.1, epsilon=[0.5, 3.0]),
        "raw": GradientAttack(step="raw", clip="gradient", lr=0.1, epsilon=[0.2]),
        "other": ExternalAttack(
            kind="external", library="foolbox", name="LinfPGD", epsilon=[0.03, 0.3]
        ),
        "noise": NoiseAttack(kind="noise", epsilon=[0.9]),
    }
    settings = {name: of.model_dump() for name, of in attacks.items()}
    data = ReportData(**{**fields, "study": {**fields["study"], "attacks": settings}})
    lines = [line for line in evidence_page.not_tested(data) if "Amplitudes" in line]
    assert lines == [
        "Amplitudes in each pixel (L-infinity): under 0.001 and over 0.02.",
        "Amplitudes in L2 length: under 0.5 and over 3.",
        "Amplitudes of each step’s gradient: under 0.2 and over 0.2.",
        "Amplitudes of the attack other: under 0.03 and over 0.3.",
    ]
    alone = {**fields, "study": {**fields["study"], "attacks": {"noise": settings["noise"]}}}
    assert "iterations" not in "\n".join(evidence_page.not_tested(ReportData(**alone)))


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
