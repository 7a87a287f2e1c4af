"""The synthetic hospital's reports: a report says what its hand labels say."""

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest

from pgdose.tables.keyed import generator
from pgdose_phantom import report_texts
from pgdose_phantom.chest import FINDINGS
from pgdose_phantom.report_phrases import BELARUSIAN, REPORT_FINDINGS, RUSSIAN
from pgdose_phantom.report_texts import write_denial, write_doubt, write_report
from pgdose_phantom.report_typing import mistype

# The stems of what a report may say of a finding; a focal process of another name is not a shadow
STEMS = {
    "pneumosclerosis": "пневмоскл|пнеўмаскл",
    "fibrosis": "фибро|фибр\\.|фіброз",
    "emphysema": "эмфиз|эмфіз",
    "pneumonia": "пневмони|пнеўман",
    "focal_shadows": r"[оа]чаг(?!ов\w+ (?:пневмон|туберк)|овы \w*туберк)",
    "bronchitis": "бронхит|бранхіт",
    "tuberculosis": "(?<!противо)туберкул",
    "aorta": "разверн|разворот|разгорн|разварот",
}


def texts(count: int) -> Iterator[tuple[str, frozenset[str], str, dict[str, str]]]:
    """Writer, findings asked for, text and states of many reports."""
    for i in range(count):
        rng = generator(7, "test", f"texts {i}")
        findings = frozenset(map(str, rng.permutation(FINDINGS)[: rng.integers(0, 4)]))
        sex, age = str(rng.choice(["F", "M"])), float(rng.uniform(17, 90))
        if i % 10 < 8:
            yield "report", findings, *write_report(rng, findings, sex, age)
        else:
            write = write_doubt if i % 10 == 8 else write_denial
            yield write.__name__, frozenset(), *write(rng, sex, age)


def test_a_report_says_what_its_states_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_texts, "TYPING_ERROR_SHARE", 0)
    latin = str.maketrans("aeopcyxABEKMHOPCTX", "аеорсухАВЕКМНОРСТХ")
    for writer, findings, text, states in texts(4000):
        assert list(states) == list(REPORT_FINDINGS)
        said = defaultdict(set)
        for finding, state in states.items():
            said[state].add(finding)
        assert said["present"] == findings, text
        if writer == "write_doubt":
            assert len(said["uncertain"]) == 1 and len(said["absent"]) < 2
        elif writer == "write_denial":
            assert not said["uncertain"] and len(said["absent"]) > 1
        elif not findings:
            assert not said["uncertain"]
        plain = " ".join(text.translate(latin).lower().replace("ё", "е").split())
        mentioned = {finding for finding, stem in STEMS.items() if re.search(stem, plain)}
        assert mentioned == set(FINDINGS) - said["unmentioned"], text


def test_norm_reports_are_phrases_or_end_in_one() -> None:
    phrases = set(RUSSIAN.norm) | set(BELARUSIAN.norm)
    latin = str.maketrans("aeopcyxABEKMHOPCTX", "аеорсухАВЕКМНОРСТХ")
    norms = {re.sub(r"\W+", " ", p.lower().replace("ё", "е")) for p in phrases}
    described = 0
    for i in range(1000):
        text, _ = write_report(generator(8, "test", str(i)), frozenset(), "F", 40)
        plain = re.sub(r"\W+", " ", text.translate(latin).lower().replace("ё", "е")).strip()
        described += plain not in norms
        assert any(re.search(f"(^|закл|з е|вывод|заключ).*{w}$", plain) for w in norms), text
    assert 0.07 < described / 1000 < 0.13


def test_slips_and_doubts_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = frozenset({"tuberculosis"})

    def write(i: int) -> tuple[str, dict[str, str]]:
        return write_report(generator(9, "test", str(i)), findings, "M", 50)

    doubts = sum("uncertain" in write(i)[1].values() for i in range(1000))
    assert 20 < doubts <= 70
    slips = sum(mistype(generator(9, "slip", str(i)), "Норма ОГК") == "Норма ОГК" for i in range(9))
    assert slips == 9  # no long word, no slip
    words = {mistype(generator(9, "slip", str(i)), "пневмосклероз") for i in range(60)}
    assert {len(word) for word in words} == {12, 13, 14}
    assert all(word[0] == "п" for word in words)


def test_unknown_findings_are_refused() -> None:
    with pytest.raises(ValueError, match="cold"):
        write_report(np.random.default_rng(0), frozenset({"cold"}), "F", 30)
