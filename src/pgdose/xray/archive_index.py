"""The index of a DICOM archive: headers of films joined to the labels of their reports and tables.

A film and its report share `link`, the value of the attribute that the study names at
`reports.tag`; a film and its row in a table of labels share `table_link`. A film without either has
no labels.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from pgdose.errors import Rejected, UserError
from pgdose.tables.record_schemas import REPEATED
from pgdose.tables.rejects import REJECTS, by_id
from pgdose.tables.report_schemas import CONFLICTS, MENTIONS
from pgdose.user_tables.file_names import NameIndex
from pgdose.user_tables.formats import UserTable
from pgdose.user_tables.identifiers import clean_identifiers, match_identifiers
from pgdose.user_tables.label_cells import as_label, label_states
from pgdose.user_tables.repeated_rows import Merged, merge_rows
from pgdose.xray.film_notes import film_notes

NO_MENTIONS = pd.DataFrame(columns=MENTIONS.names)  # of an archive without reports


def usable_films(headers: pd.DataFrame) -> pd.DataFrame:
    """The films of HEADERS that their headers do not rule out, sorted by record_id."""
    films = headers[headers["reason"].isna()].sort_values("record_id")
    return films.reset_index(drop=True)


def join_reports(films: pd.DataFrame, labels: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The films with the columns of their reports' labels; `report` is null where there is none.

    An id that is spelled otherwise in the file and the table (without leading zeros, with other
    capitals) counts where no other could be meant.
    """
    matched, unsure = match_identifiers(films["link"].dropna(), labels["link"])
    note_matches(films["link"], matched, unsure, "reports", notes)
    if lost := len(labels) - labels["link"].isin(set(matched.values())).sum():
        notes.append(f"{lost} of {len(labels)} reports belong to no film")
    partner = films["link"].map(matched)
    rows = labels.set_index("link").reindex(partner).set_axis(films.index)
    return films.drop(columns=[c for c in rows if c in films]).join(rows)


def note_matches(
    links: pd.Series,
    matched: Mapping[str, str],
    unsure: Mapping[str, Sequence[str]],
    what: str,
    notes: list[str],
) -> None:
    """Note how many films were matched in another spelling, and how many could not be."""
    other = {link for link, partner in matched.items() if link != partner}
    if n := int(links.isin(other).sum()):
        notes.append(f"{n} films and their {what} spell the number in two ways; matched")
    if n := int(links.isin(set(unsure)).sum()):
        notes.append(f"{n} films could be several {what}, by numbers that are alike; not matched")


def note_headers(films: pd.DataFrame, orientation: str, notes: list[str]) -> None:
    """Note what the headers of films do not say, and how many are stored mirrored or turned.

    orientation: the study's key.
    """
    for name in ("sex", "age", "view"):
        if n := int(films[name].isna().sum()):
            notes.append(f"{n} of {len(films)} films have no {name} that is understood")
    if n := int(films["impossible_age"].eq(True).sum()):
        notes.append(f"{n} of {len(films)} films have an age under 0 or over 120 years; left empty")
    notes += film_notes(films[["says_modality", "stored"]].to_dict("records"), orientation)


def join_table(
    films: pd.DataFrame,
    rows: pd.DataFrame,
    settings: Mapping[str, Any],
    table: UserTable,
    notes: list[str],
) -> tuple[pd.DataFrame, Merged]:
    """The states of each film by a table of labels, indexed like `films`; and how rows merged.

    rows: the columns id, line, and label or label_<name>; settings: the study's `label_table`.
    States are 1, 0, -1 (uncertain) or NA. UserError if no film has a row.
    """
    is_file = settings["tag"] == "file"
    ids = rows["id"] if is_file else clean_identifiers(rows["id"], table, "id", notes)
    states = label_states(rows, settings["labels"], table, notes)
    links = films["table_link"].dropna()
    if is_file:
        partner = _match_files(links, ids.unique())
    else:
        matched, unsure = match_identifiers(links, ids[ids.ne("")])
        note_matches(films["table_link"], matched, unsure, "labels", notes)
        partner = {row: link for link, row in matched.items()}
    of_film = states.assign(link=ids.map(partner), line=rows["line"])
    if lost := int(of_film["link"].isna().sum()):
        notes.append(f"{lost} of {len(of_film)} rows of labels belong to no film")
    of_film = of_film[of_film["link"].notna()]
    if of_film.empty and len(films):
        if is_file:
            raise UserError(
                f"{table.field}.id: the column {settings['id']!r} names none of the {len(films)} "
                "files; it must hold their names, with the ending that they have on disk or "
                f"without any. If it holds an attribute of the films, set {table.field}.tag to it"
            )
        raise UserError(
            f"{table.field}: none of the {len(films)} images has a row; set {table.field}.tag (now "
            f"{settings['tag']}) to the attribute with the values of the column "
            f"{settings['id']!r}, or to file if these are names of files"
        )
    merged = merge_rows(of_film, "link", settings["several"], table, notes)
    without = len(films) - int(films["table_link"].isin(merged.rows["link"]).sum())
    notes.append(f"{without} of {len(films)} films have no row in the table of labels")
    by_link = merged.rows.set_index("link")[list(states)]
    return by_link.reindex(films["table_link"]).set_axis(films.index), merged


def _match_files(links: pd.Series, ids: Collection[str]) -> dict[str, str]:
    """The film's file for each id of the table: its name, with or without folders and ending."""
    files, partner = NameIndex(links), {}
    for name in ids:
        try:
            partner[name] = files.find(name)[0]
        except Rejected:
            continue
    return partner


def labels_of(films: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """The films with the labels of a table, which count where a film has a row there."""
    has_row = states.notna().any(axis=1)
    labels = states.map(as_label).astype("Int8")
    for column in labels:
        before = films[column] if column in films else pd.Series(pd.NA, index=films.index)
        films = films.assign(**{str(column): labels[column].where(has_row, before).astype("Int8")})
    return films


def header_rejects(headers: pd.DataFrame) -> pd.DataFrame:
    """The table of REJECTS of the films whose headers rule them out."""
    return by_id(headers[headers["reason"].notna()].assign(stage="index")[REJECTS.names])


def check_links(films: pd.DataFrame, field: str, reports: Mapping[str, Any]) -> None:
    """Raise UserError if not one film has a report: the wrong attribute or column is named.

    `films` as `join_reports` returns them; `field` is the study's path to `reports`, whose settings
    are `tag`, `id`, and where there is no table `origin` and `accession`.
    """
    if not len(films) or not films["report"].isna().all():
        return
    what, other = f"the column {reports['id']!r}", f"or set {field}.id to another column"
    if reports.get("origin") == "hl7":
        what = f"the messages' {reports['accession']}"
        other = f"or set {field}.accession to another field"
    elif reports.get("origin") == "documents":
        raise UserError(
            f"{field}: none of the {len(films)} images has a report; the documents have other "
            f"values of {reports['tag']}: set {field}.tag to an attribute that both share, such as "
            "StudyInstanceUID or AccessionNumber"
        )
    raise UserError(
        f"{field}: none of the {len(films)} images has a report; set {field}.tag (now "
        f"{reports['tag']}) to the attribute with the values of {what}, {other}"
    )


def repeated_films(
    films: pd.DataFrame,
    reports: Mapping[str, Any] | None,
    merged: Merged | None,
    labelled: Mapping[str, Any] | None,
) -> pd.DataFrame:
    """The table of REPEATED: films whose reports, or rows of labels, disagree.

    reports, labelled: the study's `reports` and `label_table`; merged: of `join_table`.
    """
    parts = [pd.DataFrame(columns=REPEATED.names)]
    if reports:
        some = films[films["differ"].eq(True).fillna(False)]
        n_rows = [len(rows) for rows in some["report_rows"]]
        of_reports = some[["record_id"]].assign(n_rows=n_rows, differ="report")
        parts.append(of_reports.assign(several=reports["several"]))
    if merged is not None and labelled:
        rows = merged.repeated.assign(several=labelled["several"])
        of_films = films[["record_id", "table_link"]].rename(columns={"table_link": "link"})
        parts.append(rows.merge(of_films, on="link"))
    return pd.concat([part[REPEATED.names] for part in parts]).sort_values("record_id")


def film_mentions(films: pd.DataFrame, report_mentions: pd.DataFrame) -> pd.DataFrame:
    """The table of MENTIONS: those of each report (REPORT_MENTIONS), for each of its films."""
    reports = films[["report", "record_id"]].dropna().astype({"report": "int64"})
    mentions = reports.merge(report_mentions, on="report")
    return mentions.sort_values(["record_id", "start", "label"])[MENTIONS.names]


def film_conflicts(mentions: pd.DataFrame, record_ids: Collection[str]) -> pd.DataFrame:
    """The table of CONFLICTS: which findings contradict the norm phrase of a film's report.

    `mentions` of all films; `record_ids` of the films whose reports hold a norm phrase and a
    finding. A finding that is both present and uncertain counts as present.
    """
    findings = mentions[mentions["record_id"].isin(record_ids) & mentions["label"].ne("norm")]
    findings = findings[findings["state"] != "absent"]
    findings = findings.sort_values(["record_id", "label", "state"])  # present before uncertain
    return findings.drop_duplicates(["record_id", "label"])[CONFLICTS.names]
