"""`pgdose disagreements`: the page of reports on which a person and the labeller differ."""

import os
import stat
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from helpers.workflow import PROJECT, SMALL

from pgdose.cli.disagreements import disagreements
from pgdose.cli.evidence import evidence
from pgdose.cli.main import main
from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.report_tables import label_report_file
from pgdose.tables import parquet, report_schemas
from pgdose.user_tables.source_tables import report_table

LEXICON = """\
language: en
norm: {phrases: [normal]}
findings: {fibrosis: {patterns: [fibros*]}, emphysema: {patterns: [emphysem*]}}
negation: {before: ["no"], after: [absent], terminators: ["."]}
uncertainty: [possible]
"""
ROWS = [
    ("1", "<p>No fibrosis &amp; scars.</p>"),
    ("2", "Possible fibrosis"),
    ("3", "Normal"),
    ("4", "Fibrosis."),
    ("4", "Emphysema.\x1b[2J"),
]
HAND = "accession_number,fibrosis,emphysema\n1,1,0\n2,1,0\n3,0,0\n4,1,0\n"


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose reports are labelled as its job labels them."""
    monkeypatch.chdir(tmp_path)
    Path("lexicon.yaml").write_text(LEXICON)
    Path("hand.csv").write_text(HAND)
    pd.DataFrame(ROWS, columns=["accession_number", "report"]).to_csv("reports.csv", index=False)
    content = yaml.safe_load((PROJECT / SMALL).read_text())
    content["sources"]["xray"] |= {"root": "films", "lexicon": "lexicon.yaml"}
    reports = {"table": "reports.csv", "hand_labels": {"table": "hand.csv"}, "several": "join"}
    content["sources"]["xray"]["reports"] = reports
    Path("study.yaml").write_text(yaml.safe_dump(content))
    label_as_the_job_does(Path("private/small/xray"))
    return Path("study.yaml")


def label_as_the_job_does(folder: Path) -> None:
    settings = '{"id": "accession_number", "text": "report"}'
    lexicon = load_lexicon(Path("lexicon.yaml"))
    table = report_table(Path("reports.csv"), "xray", yaml.safe_load(settings))
    labels, mentions = label_report_file(table, lexicon, "join", True, [])
    schema = report_schemas.report_labels_schema(lexicon.names)
    place = {"table": "reports.csv", "settings": settings}
    parquet.write_table(labels, folder / "labels.parquet", schema, place, private=True)
    parquet.write_table(
        mentions, folder / "mentions.parquet", report_schemas.REPORT_MENTIONS, private=True
    )


def test_the_page_holds_the_reports_that_differ_and_is_private(study: Path) -> None:
    lines = disagreements(study, "xray")
    page = Path("private/small/xray/disagreements.html")
    assert lines == [f"wrote {page} with 3 reports; it holds their texts: keep it private"]
    assert stat.S_IMODE(page.stat().st_mode) == 0o600 and not Path("results").exists()
    text = page.read_text()
    for words in (
        'class="absent" title="fibrosis: absent">fibrosis</span> &amp; scars.',
        'class="uncertain" title="fibrosis: uncertain">fibrosis</span>',
        'class="present" title="emphysema: present">Emphysema</span>',  # of the second row
        "findings.fibrosis.patterns[0], line 3: fibros*",
    ):
        assert words in text
    assert ">Normal<" not in text  # both agree
    assert text.count("by hand\n") == 3


def test_rules_of_a_changed_lexicon_are_not_shown(study: Path) -> None:
    later = Path("private/small/xray/labels.parquet").stat().st_mtime + 9
    os.utime("lexicon.yaml", (later, later))
    lines = disagreements(study, "xray")
    assert "lexicon.yaml has changed since the reports were labelled" in lines[0]
    text = Path("private/small/xray/disagreements.html").read_text()
    assert "findings.fibrosis.patterns[0]" in text and "line 3" not in text


def test_a_table_of_labels_stands_in_for_labels_by_hand(study: Path) -> None:
    content = yaml.safe_load(study.read_text())
    del content["sources"]["xray"]["reports"]["hand_labels"]
    labels = {"columns": {"fibrosis": "fibrosis"}}
    table = {"table": "hand.csv", "id": "accession_number", "labels": labels}
    content["sources"]["xray"]["label_table"] = table
    study.write_text(yaml.safe_dump(content))
    films = pd.DataFrame({"record_id": ["a", "b"], "link": ["1", "3"], "label_fibrosis": [1, 0]})
    schema = report_schemas.film_labels_schema(["fibrosis"])
    path = Path("private/small/xray/film_labels.parquet")
    parquet.write_table(films, path, schema, private=True)
    assert "with 1 report;" in disagreements(study, "xray")[-1]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("xra", "'xra' is no source of the study, did you mean 'xray'"),
        ("fields", "sources.fields: has no reports; name a source that has them"),
    ],
)
def test_other_sources_are_refused(source: str, words: str, study: Path) -> None:
    with pytest.raises(UserError, match=words):
        disagreements(study, source)


def test_what_is_missing_is_named(study: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:  # type: ignore[no-untyped-def]
    Path("private/small/xray/labels.parquet").unlink()
    monkeypatch.setattr(sys, "argv", ["pgdose", "disagreements", str(study), "xray"])
    assert main() == 1
    assert "holds no labels.parquet; run the study first" in capfd.readouterr().err
    content = yaml.safe_load(study.read_text())
    del content["sources"]["xray"]["reports"]["hand_labels"]
    study.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"xray\.reports\.hand_labels: there are no labels by hand"):
        disagreements(study, "xray")


def test_evidence_names_the_words_in_the_plain_text(study: Path) -> None:
    """Positions in a report in HTML are those in what is shown of it."""
    folder = Path("private/small/xray")
    (folder / "headers").mkdir()
    films = pd.DataFrame({"record_id": ["a", "d"], "link": ["1", "4"]})
    films.to_parquet(folder / "headers/0.parquet")
    assert evidence("a", folder) == [
        "No fibrosis & scars.",
        "",
        "fibrosis: absent, 'fibrosis', by findings.fibrosis.patterns[0] negation.before[0]",
    ]
    assert evidence("d", folder)[0] == "Fibrosis.\n\nEmphysema.�[2J"  # no terminal obeys it
