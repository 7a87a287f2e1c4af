"""What of a study's inputs can be checked before any job: they are there, with their columns.

Runs whenever the Snakefile is parsed, so it imports nothing heavy. Files below the synthetic
hospital are left out: they may not have been made yet.
"""

from pathlib import Path

import yaml

from pgdose.errors import UserError
from pgdose.study.networks import ExistingNetwork
from pgdose.study.runs import MAIN_RUN
from pgdose.study.sources import DicomArchive, ImageTable
from pgdose.study.study import Study
from pgdose.tables.user_columns import find_columns


def check_inputs(study: Study) -> None:
    """Raises one UserError with a line per missing folder, file or column."""
    found = [*_sources(study), *_groups(study)]
    if found:
        head = "The study's inputs are not in order:"
        raise UserError("\n".join([head, *(f"  {line}" for line in found)]))


def _sources(study: Study) -> list[str]:
    found = []
    for name, source in study.sources.items():
        at = f"sources.{name}"
        if isinstance(source, DicomArchive):
            reports = source.reports
            field, table = f"{at}.reports", reports.table
            columns: dict = {"id": reports.id, "text": reports.text}
            encoding = reports.encoding
            found += _hand_labels(study, name, source)
            found += _lexicon(study, name, source.lexicon)
        else:
            field, table, encoding = f"{at}.columns", source.table or "", "utf-8"
            columns = source.columns.known()
            if isinstance(source, ImageTable) and source.labels:
                columns["label"] = source.labels.column
        if study.synthetic(name):
            continue
        if not Path(source.root).is_dir():
            found.append(f"{at}.root: there is no folder {source.root!r}")
        if not table:
            continue
        if not Path(table).is_file():
            at_table = f"{field}.table" if isinstance(source, DicomArchive) else f"{at}.table"
            found.append(f"{at_table}: there is no file {table!r}")
            continue
        try:
            find_columns(Path(table), columns, field, encoding)
        except UserError as error:
            found.append(str(error))
    return found


def _groups(study: Study) -> list[str]:
    given = [
        (field, path)
        for name, group in study.groups.items()
        for field, path in (
            (f"groups.{name}.exclude", group.exclude),
            (f"groups.{name}.image.boxes", group.image.boxes),
        )
    ]
    given += [("training.weights", study.training.weights)]
    for name in study.groups:
        for run, network in study.networks(name).items():
            at = f"groups.{name}." + ("network" if run == MAIN_RUN else f"networks.{run}")
            if isinstance(network, ExistingNetwork):
                given.append((f"{at}.file", network.file))
            elif run != MAIN_RUN:
                given.append((f"{at}.weights", network.weights))
    return [
        f"{field}: there is no file {path!r}"
        for field, path in given
        if path not in (None, "imagenet") and not Path(path).is_file()
    ]


def _hand_labels(study: Study, name: str, source: DicomArchive) -> list[str]:
    hand = source.reports.hand_labels
    if hand is None or study.synthetic(name):
        return []
    field = f"sources.{name}.reports.hand_labels"
    if not Path(hand.table).is_file():
        return [f"{field}.table: there is no file {hand.table!r}"]
    try:
        find_columns(Path(hand.table), {"id": hand.id}, field)
    except UserError as error:
        return [str(error)]
    return []


def _lexicon(study: Study, source: str, path: str) -> list[str]:
    """Labels that a group wants and the lexicon does not know."""
    if not Path(path).is_file():
        return [f"sources.{source}.lexicon: there is no file {path!r}"]
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    findings = content.get("findings") if isinstance(content, dict) else None
    known = ["norm", *(findings if isinstance(findings, dict) else ())]
    return [
        f"groups.{g}.classes.{c}.where.label: {entry.where.label!r} is no label of the lexicon "
        f"{Path(path).name}; known: {', '.join(known)}"
        for g, group in study.groups.items()
        for c, entry in group.classes.items()
        if entry.source == source and entry.where.label not in (None, *known)
    ]
