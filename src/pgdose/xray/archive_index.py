"""The index of a DICOM archive: headers of films joined to the labels of their reports.

A film and its report share `link`, the value of the attribute that the study names at
`reports.tag`. A film without a report has no labels.
"""

from collections.abc import Collection

import pandas as pd

from pgdose.errors import UserError
from pgdose.tables.rejects import REJECTS, by_id
from pgdose.tables.report_schemas import CONFLICTS, MENTIONS


def join_labels(headers: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The usable films of HEADERS with `report` and the label columns, sorted by record_id.

    `report` is the number of the film's report, null where there is none.
    """
    usable = headers[headers["reason"].isna()]
    return usable.merge(labels, on="link", how="left").sort_values("record_id")


def header_rejects(headers: pd.DataFrame) -> pd.DataFrame:
    """The table of REJECTS of the films whose headers rule them out."""
    return by_id(headers[headers["reason"].notna()].assign(stage="index")[REJECTS.names])


def check_links(films: pd.DataFrame, field: str, tag: str, id_column: str) -> None:
    """Raise UserError if not one film has a report: the wrong attribute or column is named.

    `films` as `join_labels` returns them; `field` is the study's path to `reports`.
    """
    if len(films) and films["report"].isna().all():
        raise UserError(
            f"{field}: none of the {len(films)} images has a report; set {field}.tag (now {tag}) "
            f"to the attribute with the values of the column {id_column!r}, or set {field}.id "
            "to another column"
        )


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
