"""What of a study's inputs can be checked before any job: they are there, with their columns.

Runs whenever the Snakefile is parsed, so it imports nothing heavy. Files below the synthetic
hospital are left out: they may not have been made yet.
"""

from pathlib import Path

import yaml

from pgdose.errors import UserError
from pgdose.sources.columns import find_columns
from pgdose.study import DicomArchive, ImageTable, Study


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
            found += _lexicon(study, name, source.lexicon)
        else:
            field, table = f"{at}.columns", source.table
            columns = source.columns.known()
            if isinstance(source, ImageTable) and source.labels:
                columns["label"] = source.labels.column
        if study.synthetic(name):
            continue
        if not Path(source.root).is_dir():
            found.append(f"{at}.root: there is no folder {source.root!r}")
        if not Path(table).is_file():
            at_table = f"{field}.table" if isinstance(source, DicomArchive) else f"{at}.table"
            found.append(f"{at_table}: there is no file {table!r}")
            continue
        try:
            find_columns(Path(table), columns, field)
        except UserError as error:
            found.append(str(error))
    return found


def _groups(study: Study) -> list[str]:
    return [
        f"groups.{name}.exclude: there is no file {group.exclude!r}"
        for name, group in study.groups.items()
        if group.exclude and not Path(group.exclude).is_file()
    ]


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
