"""`pgdose disagreements STUDY SOURCE`: a page of the reports that a person labels otherwise.

It shows texts of reports, so it lies in the private folder of the source, never among results.
"""

import json
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from pgdose.analysis import agreement
from pgdose.errors import UserError
from pgdose.labelling.explanations import Explainer
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.lexicon_rules import LexiconRules
from pgdose.labelling.report_tables import JOINT, report_texts
from pgdose.labelling.reports import Mention
from pgdose.report.label_page import Card, HandLabel, Heading, write_label_page
from pgdose.study.parsing import parse
from pgdose.study.sources import DicomArchive
from pgdose.study.study import Study
from pgdose.study.study_file import read_study_file
from pgdose.study.suggestions import nearest, one_of
from pgdose.tables import parquet
from pgdose.user_tables.source_tables import hand_label_table, report_table

PAGE = "disagreements.html"


def disagreements(study: Path, source: str) -> list[str]:
    """Write the page of a source whose reports are labelled; a line that names it."""
    document = read_study_file(study)
    content = parse(document.content, documents={str(study): document})
    archive = _archive(content, source)
    folder = Path(content.privacy.folder) / source
    if not (folder / "labels.parquet").is_file():
        raise UserError(f"{folder} holds no labels.parquet; run the study first")
    labels = parquet.read_table(folder / "labels.parquet")
    mentions = parquet.read_table(folder / "mentions.parquet")
    differing = _differing(archive, source, folder, labels, mentions)
    reports = labels[labels["link"].isin(differing)].set_index("link")
    texts = _texts(folder, source, reports)
    lexicon_path = Path(archive.lexicon_file or "")
    rules, notes = _rules(lexicon_path, folder / "labels.parquet")
    explainer = Explainer(load_lexicon(lexicon_path))
    of_report = dict(list(mentions.groupby("report")))
    cards = []
    for link, report in zip(map(str, reports.index), reports["report"], strict=True):
        found = [Mention(**row) for row in _mention_rows(of_report.get(report))]
        cards.append(Card(link, explainer.explain_mentions(texts[link], found), differing[link]))
    page = folder / PAGE
    title = f"{source}: reports that a person labels otherwise"
    names = explainer.lexicon.names
    write_label_page(page, Heading(title, str(lexicon_path), names, notes), cards, rules)
    count = f"{len(cards)} report{'s' * (len(cards) != 1)}"
    return [*notes, f"wrote {page} with {count}; it holds their texts: keep it private"]


def _archive(study: Study, source: str) -> DicomArchive:
    """The source, which must have reports and labels of another origin."""
    if source not in study.sources:
        hint = f"{nearest(source, study.sources)}; {one_of(study.sources)}"
        raise UserError(f"{source!r} is no source of the study{hint}")
    archive = study.sources[source]
    if not isinstance(archive, DicomArchive) or archive.reports is None:
        raise UserError(f"sources.{source}: has no reports; name a source that has them")
    if not (archive.reports.hand_labels or archive.label_table):
        raise UserError(
            f"sources.{source}.reports.hand_labels: there are no labels by hand; add their table"
        )
    return archive


def _differing(
    archive: DicomArchive, source: str, folder: Path, labels: pd.DataFrame, mentions: pd.DataFrame
) -> dict[str, list[HandLabel]]:
    """The labels that differ, by the id of the report; the same as in label_errors.csv."""
    labeller = agreement.labeller_states(
        labels.drop(columns=["report_rows", "differ"], errors="ignore"), mentions
    )
    reports = archive.reports
    assert reports is not None
    if by_hand := reports.hand_labels:
        field = f"sources.{source}.reports.hand_labels"
        table = hand_label_table(Path(by_hand.table), source, by_hand.to_dict())
        hand = agreement.hand_states(table, [str(name) for name in labeller])
    else:
        field = f"sources.{source}.label_table"
        hand = agreement.film_states(parquet.read_table(folder / "film_labels.parquet"))
    labeller, hand = agreement.reports_of_both(labeller, hand, field)
    differing: dict[str, list[HandLabel]] = {}
    for error in agreement.label_errors(labeller, hand).itertuples():
        label = HandLabel(str(error.label), str(error.hand), str(error.found))
        differing.setdefault(str(error.id), []).append(label)
    return differing


def _texts(folder: Path, source: str, reports: pd.DataFrame) -> dict[str, str]:
    """The plain texts of reports, by id, from the table that the metadata of their labels names."""
    metadata = pq.read_schema(folder / "labels.parquet").metadata
    settings = json.loads(metadata[b"settings"])
    table = report_table(Path(os.fsdecode(metadata[b"table"])), source, settings)
    rows = {row for of_report in reports["report_rows"] for row in of_report}
    texts = report_texts(table, rows)
    return {
        str(link): JOINT.join(texts[row] for row in of_report)
        for link, of_report in reports["report_rows"].items()
    }


def _rules(lexicon: Path, labels: Path) -> tuple[LexiconRules | None, list[str]]:
    """The entries of the lexicon, unless it has changed since the labels were made; notes."""
    if lexicon.stat().st_mtime > labels.stat().st_mtime:
        return None, [
            f"{lexicon} has changed since the reports were labelled, so that its entries are not "
            "shown; run the study again, or look at them with `pgdose label --hand-labels`"
        ]
    return LexiconRules(lexicon), []


def _mention_rows(mentions: pd.DataFrame | None) -> list[dict]:
    if mentions is None:
        return []
    rows = mentions.drop(columns="report").to_dict("records")
    return [row | {"cue": None if pd.isna(row["cue"]) else row["cue"]} for row in rows]
