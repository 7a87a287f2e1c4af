"""The hand-written passages: that the two files are whole, not how well anything reads them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

PASSAGES = Path(__file__).parents[2] / "data" / "passages"
PREFIXES = {"ru_tuning": "t", "ru_final": "f"}
# Whole reports, Russian and English, in two halves each. The closed halves are measured once.
REPORTS = {
    "ru_reports_open": "ra",
    "ru_reports_closed": "rb",
    "en_reports_open": "ea",
    "en_reports_closed": "eb",
}
# Passages that the lexicons are tuned on, mostly norm.
MORE = {"ru_tuning_more": "rm", "en_tuning_more": "em"}
FINDINGS = {
    "pneumosclerosis",
    "fibrosis",
    "emphysema",
    "pneumonia",
    "focal_shadows",
    "bronchitis",
    "tuberculosis",
    "aorta",
}
NEEDED = {"present": 14, "absent": 10, "uncertain": 4}

# Latin letters that look like Cyrillic ones, and letters that are often written one for another.
FOLDED = str.maketrans("aceopxykmthbё", "асеорхукмтнве")


def read(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((PASSAGES / f"{name}.yaml").read_text(encoding="utf-8"))


def bare(text: str) -> str:
    """The text without case, punctuation and look-alike letters."""
    return "".join(c for c in text.casefold().translate(FOLDED) if c.isalnum())


@pytest.mark.parametrize("name", [*PREFIXES, *REPORTS, *MORE])
def test_each_passage_is_whole(name: str) -> None:
    passages = read(name)
    assert len(passages) >= 130
    for passage in passages:
        assert {"id", "text", "labels", "norm"} <= passage.keys(), passage
        assert passage.keys() <= {"id", "text", "labels", "norm", "note"}, passage
        assert passage["id"].startswith((PREFIXES | REPORTS | MORE)[name]), passage
        assert isinstance(passage["text"], str) and passage["text"].strip(), passage
        assert passage["labels"].keys() <= FINDINGS, passage
        assert set(passage["labels"].values()) <= NEEDED.keys(), passage
        assert passage["norm"] in (True, False, "section"), passage


@pytest.mark.parametrize("name", [*PREFIXES, *REPORTS, *MORE])
def test_a_norm_has_no_finding(name: str) -> None:
    for passage in read(name):
        if passage["norm"] is True and name in PREFIXES:
            assert not passage["labels"], passage
        if passage["norm"] is True:
            assert set(passage["labels"].values()) <= {"absent"}, passage
        if passage["norm"] == "section":
            assert set(passage["labels"].values()) <= {"absent"}, passage


@pytest.mark.parametrize("name", PREFIXES)
def test_each_finding_is_there_often_enough_in_each_state(name: str) -> None:
    counts = Counter(item for passage in read(name) for item in passage["labels"].items())
    short = {
        (finding, state): counts[finding, state]
        for finding in FINDINGS
        for state, least in NEEDED.items()
        if counts[finding, state] < least
    }
    assert not short


@pytest.mark.parametrize("name", PREFIXES)
def test_norms_of_every_kind_are_there(name: str) -> None:
    counts = Counter(str(passage["norm"]) for passage in read(name))
    assert counts["True"] >= 15
    assert counts["section"] >= 5


def test_no_whole_report_is_there_twice() -> None:
    passages = [passage for name in REPORTS for passage in read(name)]
    assert len(passages) == 680
    assert max(Counter(p["id"] for p in passages).values()) == 1
    assert max(Counter(bare(p["text"]) for p in passages).values()) == 1


def test_no_id_and_no_text_is_there_twice() -> None:
    both = [passage for name in PREFIXES for passage in read(name)]
    assert len(both) >= 200
    ids = Counter(passage["id"] for passage in both)
    assert max(ids.values()) == 1
    assert not {bare(p["text"]) for p in read("ru_tuning")} & {
        bare(p["text"]) for p in read("ru_final")
    }
    texts = Counter(passage["text"] for passage in both)
    assert max(texts.values()) == 1
