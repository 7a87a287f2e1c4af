"""Reports that are nothing but a code, as protocols of fluorography have them."""

import pytest
import yaml
from helpers.lexicons import RUSSIAN, expected

from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.reports import label, read_report


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    content = yaml.safe_load(RUSSIAN.read_text(encoding="utf-8"))
    content["codes"] = {"norm": ["99", "0"], "pneumosclerosis": ["15"]}
    path = tmp_path_factory.mktemp("codes") / "mine.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return load_lexicon(path)


@pytest.mark.parametrize(
    ("text", "label_of_code"),
    [("99", "norm"), (" код 99.", "norm"), ("15", "pneumosclerosis"), ("0", "norm")],
)
def test_codes(text: str, label_of_code: str, coded: Lexicon) -> None:
    assert label(text, coded) == expected(label_of_code, "")
    (mention,) = read_report(text, coded)
    assert mention.pattern.startswith(f"codes.{label_of_code}[")
    assert text[mention.start : mention.end].isdigit()


@pytest.mark.parametrize("text", ["17", "код 17", "099"])
def test_an_unknown_code_has_no_labels(text: str, coded: Lexicon) -> None:
    assert set(label(text, coded).values()) == {None}


def test_words_beside_a_code_are_read_as_words(coded: Lexicon) -> None:
    assert label("99 - норма", coded) == expected("norm", "")
    assert label("99, эмфизема", coded) == expected("emphysema", "")
    assert label("99 15", coded) == expected("", "")
