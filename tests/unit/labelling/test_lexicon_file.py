"""Lexicon files: mistakes in them, and what the shipped ones hold."""

import re
import time
from pathlib import Path

import pytest
import yaml
from helpers.lexicons import LEXICONS, RUSSIAN, shipped

from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.reports import label
from pgdose_phantom.report_phrases import REPORT_FINDINGS


def with_lexicon(folder: Path, **changes: object) -> Path:
    """The shipped lexicon with some of its top-level entries changed (None: left out)."""
    content = yaml.safe_load(RUSSIAN.read_text(encoding="utf-8")) | changes
    path = folder / "mine.yaml"
    content = {key: value for key, value in content.items() if value is not None}
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


FIBROSIS = {"patterns": ["фиброз*"]}
NORM = {"phrases": ["норма"]}
NEGATION = {"before": ["без"], "after": ["нет"], "terminators": ["."]}
COMPOSED = {"lists": {"org": ["легкие"]}, "lungs": ["{org} чистые"], "others": ["сердце норма"]}
MISTAKES = [
    (
        {"norms": []},
        r"norms: unknown key, did you mean 'norm'\?; use one of: abbreviations, capit",
    ),
    ({"norm": None}, r"norm: missing; add it"),
    ({"norm": ["норма"]}, r"norm: \['норма'\] must be a mapping with the keys"),
    ({"norm": {"phrases": "норма"}}, r"norm\.phrases: 'норма' .* a list of words or phrases"),
    (
        {"norm": {"phrases": ["норм*"]}},
        r"norm\.phrases\[0\]: 'норм\*' must be .* without \*",
    ),
    ({"norm": {"phrases": ["норма 2"]}}, r"norm\.phrases\[0\]: 'норма 2' must be"),
    ({"norm": {"phrases": ["(норма|"]}}, r"norm\.phrases\[0\]: '\(норма\|' must be"),
    ({"norm": {"phrases": ["норма|норм"]}}, r"norm\.phrases\[0\]: 'норма\|норм' must be"),
    ({"norm": {"phrases": []}}, r"norm\.phrases: \[\] must be"),
    (
        {"norm": {"phrases": ["(а|б)" * 40]}},
        r"phrases\[0\]: .* a phrase with fewer or shorter alternatives",
    ),
    (
        {"norm": {"phrases": [f"{first}{'(а|б)' * 12}" for first in "абвгдежзи"]}},
        r"norm\.phrases\[7\]: .* 4096 reports .* at most 10000; all .* 30000 together, of 5000000",
    ),
    (
        {"findings": {"fibrosis": {"patterns": ["а .. " * 11 + "б"]}}},
        r"patterns\[0\]: .* an entry with at most 10 gaps \(\.\.\)",
    ),
    ({"norm": NORM | {"head": ["вывод"]}}, r"norm\.head: unknown key"),
    ({"language": 5}, r"language: 5 must be a text"),
    ({"capitals": "ja"}, r"capitals: 'ja' must be true or false"),
    (
        {"abbreviations": ["ср доля"]},
        r"abbreviations\[0\]: 'ср доля' must be one word",
    ),
    ({"findings": ["fibrosis"]}, r"findings: \['fibrosis'\] must be a mapping"),
    ({"findings": {"norm": FIBROSIS}}, r"findings: 'norm' must be .* other than norm"),
    ({"findings": {"Фиброз": FIBROSIS}}, r"findings: 'Фиброз' must be"),
    ({"findings": {"fibrosis": ["фиброз*"]}}, r"findings\.fibrosis: .* the keys exclude, patterns"),
    ({"findings": {"fibrosis": {"pattern": []}}}, r"findings\.fibrosis\.pattern: unknown key"),
    (
        {"findings": {"fibrosis": {"patterns": []}}},
        r"findings\.fibrosis\.patterns: \[\] must be",
    ),
    (
        {"findings": {"f": {"patterns": ["a", False]}}},
        r"f\.patterns\[1\]: False must be .*in quotes",
    ),
    ({"findings": {"f": {"patterns": ["фи*роз"]}}}, r"f\.patterns\[0\]: 'фи\*роз' must be"),
    (
        {"findings": {"f": {"patterns": ["тени .."]}}},
        r"f\.patterns\[0\]: 'тени \.\.' must be",
    ),
    ({"findings": {"f": {"patterns": ["*"]}}}, r"f\.patterns\[0\]: '\*' must be"),
    (
        {"findings": {"f": FIBROSIS, "g": FIBROSIS}},
        r"findings\.g\.patterns\[0\]: is the same as findings\.f\.patterns\[0\] \(line \d+\)",
    ),
    (
        {"findings": {"f": FIBROSIS | {"exclude": ["Фиброз*"]}}},
        r"f\.exclude\[0\]: is the same as findings\.f\.patterns\[0\] .*, in another list",
    ),
    ({"negation": {"before": []}}, r"negation\.after: missing; add it"),
    ({"negation": NEGATION | {"befor": ["не"]}}, r"negation\.befor: unknown key"),
    (
        {"negation": NEGATION | {"both": ["нет"]}},
        r"negation\.both\[0\]: is the same as negation\.after\[0\] .*; remove one",
    ),
    (
        {"negation": NEGATION, "uncertainty": ["нет"]},
        r"uncertainty\[0\]: is the same as negation\.after\[0\] .*; remove one",
    ),
    (
        {"negation": NEGATION | {"not_cues": ["Без"]}},
        r"negation\.not_cues\[0\]: is the same as negation\.before\[0\] .*; remove one",
    ),
    (
        {"sections": {"conclusion": ["вывод"], "context": ["вывод:"]}},
        r"sections\.context\[0\]: is the same as sections\.conclusion\[0\] .*; remove one",
    ),
    ({"sections": {"history": ["анамнез:"]}}, r"sections\.history: unknown key; use one of: adv"),
    (
        {"norm": NORM | {"composed": {"lists": {}, "lungs": ["a"], "others": ["b"]}}},
        r"norm\.composed\.lists: \{\} must be a mapping with names of lists",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"lungs": ["{organs} чисто"]}}},
        r"norm\.composed: must be a pattern with lists of norm\.composed\.lists \(findings, org\)",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"lists": {"org": ["a {org}"]}}}},
        r"norm\.composed: must be a pattern without \{org\}: the list would hold itself",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"others": ["(a|)"]}}},
        r"norm\.composed\.others\[0\]: '\(a\|\)' must be a pattern that has a word in every case",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"others": ["a {org"]}}},
        r"norm\.composed\.others\[0\]: 'a \{org' must be a pattern of words",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"others": ["(a|b"]}}},
        r"norm\.composed\.others\[0\]: '\(a\|b' must be a pattern with \) behind each \(",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"others": ["a 5"]}}},
        r"norm\.composed\.others\[0\]: 'a 5' must be a pattern without numbers",
    ),
    (
        {"norm": NORM | {"composed": COMPOSED | {"lists": {"findings": ["a"], "org": ["b"]}}}},
        r"norm\.composed\.lists\.findings: is made of the findings; rename it",
    ),
    ({"codes": {"nrm": ["99"]}}, r"codes\.nrm: is no label; use one of: aorta, bronchitis"),
    ({"codes": {"norm": ["ok"]}}, r"codes\.norm\[0\]: 'ok' must be a number in quotes"),
    (
        {"codes": {"fibrosis": ["99"], "norm": ["99"]}},
        r"codes\.norm\[0\]: '99' stands at codes\.fibrosis\[0\], too",
    ),
    ({"uncertainty": "?"}, r"uncertainty: '\?' must be a list"),
]


@pytest.mark.parametrize(("changes", "message"), MISTAKES)
def test_lexicon_mistakes(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as error:
        load_lexicon(with_lexicon(tmp_path, **changes))
    assert str(error.value).startswith("mine.yaml: ")
    assert str(tmp_path) not in str(error.value)


def test_unreadable_lexicons(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^none\.yaml: No such file or directory; give the path"):
        load_lexicon(tmp_path / "none.yaml")
    path = tmp_path / "mine.yaml"
    path.write_text("norm: [норма\nfindings: 1\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"^mine\.yaml: line 1: the '\[' that stands here is not closed"
    ):
        load_lexicon(path)
    path.write_bytes("норма".encode("cp1251"))
    with pytest.raises(UserError, match="UTF-8"):
        load_lexicon(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"^mine\.yaml: .*\n  null must be a mapping"):
        load_lexicon(path)


def test_a_small_lexicon_will_do(tmp_path: Path) -> None:
    path = with_lexicon(
        tmp_path,
        norm={"phrases": ["Всё (|очень )хорошо!"]},
        findings={"fibrosis": FIBROSIS},
        negation=NEGATION,
        uncertainty=[],
        abbreviations=None,
        capitals=None,
    )
    lexicon = load_lexicon(path)
    assert label("все  ХОРОШО", lexicon) == {"norm": 1, "fibrosis": 0}
    assert label("Всё, очень хорошо.", lexicon) == {"norm": 1, "fibrosis": 0}
    assert label("Фиброза нет. Фиброз", lexicon) == {"norm": 0, "fibrosis": 1}
    assert label("Без фиброза", lexicon) == {"norm": 0, "fibrosis": 0}


@pytest.mark.parametrize("name", ["ru", "en"])
def test_words_of_norm_phrases_are_known(name: str) -> None:
    """Else any other word would stand for them."""
    lexicon = shipped(name)
    unknown_word = lexicon.vocabulary["абракадабра"].word.text
    assert len(lexicon.norm) > 100 and "" not in lexicon.norm
    assert unknown_word not in " ".join(lexicon.norm)


def test_a_lexicon_shows_no_words_of_reports(tmp_path: Path) -> None:
    lexicon = shipped("ru")
    label("Иванов фиброз", lexicon)
    assert "Иванов" in lexicon.vocabulary and "иванов" not in repr(lexicon).lower()


@pytest.mark.parametrize("name", ["ru", "en"])
def test_no_pattern_finds_what_a_shorter_one_does(name: str) -> None:
    content = yaml.safe_load((LEXICONS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(content["findings"]) == set(REPORT_FINDINGS)
    for entries in content["findings"].values():
        stems = [p[:-1] for p in entries["patterns"] if re.fullmatch(r"\w+\*", p)]
        assert not [(a, b) for a in stems for b in stems if a != b and b.startswith(a)]


def test_gaps_are_not_tried_in_all_combinations(tmp_path: Path) -> None:
    patterns = [" .. ".join(["qa"] * 10 + [end]) for end in ("qz", "qy")]
    findings = {"fibrosis": {"patterns": patterns}}
    lexicon = load_lexicon(with_lexicon(tmp_path, findings=findings))
    start = time.process_time()
    assert label("qa " * 200 + "qb", lexicon)["fibrosis"] == 0
    assert label("qa , " * 200 + "qa xx xx xx qy", lexicon)["fibrosis"] == 1
    assert time.process_time() - start < 5
