"""The texts on real images: every number comes from the tables, every claim is checked."""

import importlib
import re
from pathlib import Path

import pandas as pd
import pytest
from helpers.workflow import PROJECT

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(PROJECT / "benchmarks"))
    public_text = importlib.import_module("public_text")

pytestmark = pytest.mark.unit

# What may hold digits in a template without being a result: names, years of sources, and places.
NO_RESULT = [
    r"\{[{%#].*?[}%#]\}",  # filled in
    r"`[^`]*`",
    r"\]\([^)]*\)",  # links
    r"\bdoi:? ?\S+|arXiv:\S+",
    r"\b(19|20)\d\d\b",
    r"InceptionV3|LC25000|HAM10000|ChestX-ray14|TUPAC16|L2|WSI-\d+",
    r"p \(1 - p\)",
    r"\b0\.9(0|5|9|99)?\b|\b1 / 510\b",  # edges of the bins of confidence; half a grey level
    r"\b8[- ]bits?\b|\b95 %|\bFigs?\. ?\d[a-d]?|\bTables? \d",
    r"\*\*\d, |\bprobability of 80 %",  # of the conclusions; the power
    r"(?m)^\s*\d+\. ",  # numbered lists and headings
    r"(?m)^#+ \d+\. ",
    r"[Cc]onclusions? \d( (and|to) \d)?|[Qq]uestions? \d( (and|to) \d)?",
]


@pytest.mark.parametrize("template", public_text.TEXTS)
def test_the_texts_are_those_of_the_tables(template: str) -> None:
    text = public_text.filled(template)
    path = PROJECT / public_text.TEXTS[template]
    assert text == path.read_text(encoding="utf-8"), (
        f"{path.name} is not what its template and tables give; run benchmarks/public_text.py"
    )


@pytest.mark.parametrize("template", public_text.TEXTS)
def test_a_template_has_no_number_of_its_own(template: str) -> None:
    text = (public_text.TABLES / template).read_text(encoding="utf-8").split("## References")[0]
    for pattern in NO_RESULT:
        text = re.sub(pattern, " ", text, flags=re.DOTALL if "{" in pattern else 0)
    numbers = [line.strip() for line in text.splitlines() if re.search(r"\d", line)]
    assert numbers == []


def rendered(folder: Path, template: str) -> str:
    (folder / "t.md.jinja").write_text(template, encoding="utf-8")
    (folder / "study.yaml").write_text("training: {epochs: 20}", encoding="utf-8")
    return public_text.render(folder / "t.md.jinja", folder, folder / "study.yaml")


def test_a_number_is_that_of_the_table_and_a_claim_that_is_not_borne_out_stops(
    tmp_path: Path,
) -> None:
    rows = {"group": ["A", "B"], "asr": [0.25, 0.75], "ci_low": [0.1, None], "ci_high": [0.4, None]}
    pd.DataFrame(rows).to_csv(tmp_path / "asr.csv", index=False)
    text = (
        "{{ cell('asr', 'asr', group='A')|percent }} after {{ study.training.epochs }} epochs; "
        "{{ row('asr', group='A')|interval('asr') }}, {{ row('asr', group='B')|interval('asr') }}"
        "{{ holds(cell('asr', 'asr', group='A') < cell('asr', 'asr', group='B')) }}"
    )
    assert rendered(tmp_path, text) == "25 % after 20 epochs; 0.25 [0.10, 0.40], 0.75"
    rows["asr"] = [0.8, 0.75]
    pd.DataFrame(rows).to_csv(tmp_path / "asr.csv", index=False)
    with pytest.raises(public_text.WrongClaimError, match="not borne out"):
        rendered(tmp_path, text)
    with pytest.raises(public_text.WrongClaimError, match="2 rows"):
        rendered(tmp_path, "{{ row('asr').asr }}")


def test_a_place_that_waits_for_its_text_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_text, "render", lambda *paths: "so far\n\n@@RESULTS@@\n")
    with pytest.raises(public_text.WrongClaimError, match="waits for its text"):
        public_text.filled("paper.md.jinja")


def test_listings_show_numbers_with_their_intervals_and_dashes_for_what_is_unknown() -> None:
    row = {"attack": "paper", "subset": "X-ray", "epsilon": 0.002, "flips": 30, "attacked": 1000}
    ends = {"survival": 0.25, "ci_low": 0.1, "ci_high": float("nan"), "unit": "patients"}
    rows = [row | ends | {"noise_asr": 0.0}, row | ends | {"ci_high": 0.4, "noise_asr": None}]

    class Tables:
        def rows(self, table: str, **where: object) -> list[dict]:
            assert table == "storage" and where == {"attack": ["paper"]}
            return rows

    lines = public_text.public_listings.storage(Tables(), "paper").splitlines()
    assert lines[0].startswith("| attack | images | epsilon |") and lines[1].count("---") == 7
    assert lines[2] == "| `paper` | X-ray | 0.002 | 30 of 1,000 | 0.25 | patients | 0.000 |"
    assert (
        lines[3] == "| `paper` | X-ray | 0.002 | 30 of 1,000 | 0.25 [0.10, 0.40] | patients | – |"
    )


def test_what_a_conclusion_belongs_to_names_the_attacks_that_decide() -> None:
    belongs = public_text.public_listings._belongs
    row = {"belongs": "attack", "supported": "sign apgd-ce", "contradicted": "paper"}
    assert belongs([row]) == "**attack** (supported: sign, apgd-ce; contradicted: paper)"
    assert belongs([row | {"belongs": "open", "supported": None, "contradicted": None}]) == (
        "**open**"
    )
    assert belongs([row | {"belongs": "does not apply"}]) == belongs([]) == "does not apply"
