"""Whatever a report holds: no crash, places inside the text, time that grows with the text only."""

import time
from functools import cache

import pytest
from helpers.lexicons import shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdose.labelling.reports import label, read_report

shipped_once = cache(shipped)
WORDS = {
    "ru": [
        *("Заключение:", "Описание.", "Анамнез:", "Диагноз:", "Рек.", "Врач", "норма", "не"),
        *("выявлено", "без", "нет", "очаговых", "теней", "фиброз", "пневмонии", "подозрительных"),
        *("или", "и", ",", ".", ";", "?", ":", "за исключением", "кроме", "возможно", "описанные"),
        *("регресс", "\n", "\n\n", "- ", "?очаг", "0,5", "лёгкие чистые", "XXXX", "(", "И.И."),
    ],
    "en": [
        *("IMPRESSION:", "Findings", "HISTORY:", "Diagnosis:", "Recommend:", "normal", "no", "or"),
        *("nodule", "pneumonia", "scar", "suspicious", "to suggest", "is", "a", "the", "resolved"),
        *("except for", "?", "?TB", "possible", "versus", ",", ".", ";", ":", "\n", "lungs clear"),
        *("described", "XXXX", "1.", "not", "excluded", "but", "with", "effusion"),
    ],
}


@pytest.mark.parametrize("language", ["ru", "en"])
@settings(deadline=None)
@given(data=st.data())
def test_any_words(language: str, data: st.DataObject) -> None:
    lexicon = shipped_once(language)
    words = data.draw(st.lists(st.sampled_from(WORDS[language]), max_size=25))
    text = data.draw(st.sampled_from([" ", "", "  "])).join(words)
    for negation, norm in ((True, "phrases"), (True, "composed"), (False, "phrases")):
        mentions = read_report(text, lexicon, negation, norm)
        assert [m.start for m in mentions] == sorted(m.start for m in mentions)
        for mention in mentions:
            assert 0 <= mention.start < mention.end <= len(text)
        labels = label(text, lexicon, negation, norm)
        findings = [value for name, value in labels.items() if name != "norm"]
        assert labels["norm"] != 1 or set(findings) == {0}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        *(("en", w) for w in ("no suspicious nodule ", "possible pneumonia no ", "scar or ")),
        *(("en", w) for w in (", described nodule ", "except for nodule ", "history: x ")),
        *(("ru", w) for w in ("подозрительных очагов нет ", "Анамнез: ", "очаги, описанные ")),
    ],
)
def test_time_grows_with_the_text(language: str, words: str) -> None:
    lexicon = shipped_once(language)
    start = time.process_time()
    read_report(words * 6000, lexicon, norm="composed")
    assert time.process_time() - start < 3
