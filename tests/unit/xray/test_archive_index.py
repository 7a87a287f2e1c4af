"""The index of a DICOM archive: films joined to the labels of their reports."""

from typing import Any

import pandas as pd
import pytest

from pgdose.errors import UserError
from pgdose.labelling.conflicts import find_conflicts
from pgdose.tables import parquet
from pgdose.tables.record_schemas import HEADERS
from pgdose.tables.rejects import REJECTS
from pgdose.tables.report_schemas import CONFLICTS, MENTIONS
from pgdose.xray import archive_index

REPORTS = {"tag": "StudyID", "id": "number"}


def headers(**links: str | None) -> pd.DataFrame:
    """One usable film for each record_id, with its link."""
    rows = [{"record_id": record_id, "link": link} for record_id, link in links.items()]
    return pd.DataFrame(rows, columns=HEADERS.names).astype({"reason": "str", "detail": "str"})


def labels(*links: str) -> pd.DataFrame:
    """One report for each link, numbered by row; all are norm."""
    return pd.DataFrame({"report": range(len(links)), "link": links, "label_norm": 1})


def joined(table: pd.DataFrame, of_reports: pd.DataFrame) -> pd.DataFrame:
    return archive_index.join_reports(archive_index.usable_films(table), of_reports, [])


def mention(report: int, label: str, state: str = "present", start: int = 0) -> dict[str, Any]:
    return {"report": report, "label": label, "state": state, "start": start, "end": start + 1}


def test_a_film_has_the_labels_of_its_report() -> None:
    films = joined(headers(c="L2", a="L1", b="L2", d=None), labels("L1", "L2"))
    assert films["record_id"].tolist() == ["a", "b", "c", "d"]
    assert films["report"].fillna(-1).tolist() == [0, 1, 1, -1]
    assert films["label_norm"].fillna(-1).tolist() == [1, 1, 1, -1]


def test_a_film_whose_header_rules_it_out_is_rejected() -> None:
    table = headers(a="L1", b="L1")
    table.loc[1, ["reason", "detail"]] = "not_grey", "RGB"
    assert joined(table, labels("L1"))["record_id"].tolist() == ["a"]
    (row,) = archive_index.header_rejects(table).to_dict("records")
    assert row == {"record_id": "b", "stage": "index", "reason": "not_grey", "detail": "RGB"}
    assert list(archive_index.header_rejects(headers())) == REJECTS.names


def test_no_report_for_any_film_is_a_mistake_of_the_study() -> None:
    films = joined(headers(a="1", b="2"), labels("3"))
    with pytest.raises(UserError, match=r"^sources\.x\.reports: none of the 2 images") as caught:
        archive_index.check_links(films, "sources.x.reports", REPORTS)
    assert "set sources.x.reports.tag (now StudyID)" in str(caught.value)
    assert "'number'" in str(caught.value)


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        ({"origin": "hl7", "accession": "OBR-3"}, "set sources.x.reports.accession to another"),
        ({"origin": "documents"}, "the documents have other values of StudyID: set"),
    ],
)
def test_reports_without_a_table_have_keys_of_their_own(origin: dict[str, str], text: str) -> None:
    films = joined(headers(a="1"), labels("3"))
    with pytest.raises(UserError) as caught:
        archive_index.check_links(films, "sources.x.reports", REPORTS | {"id": "id"} | origin)
    assert text in str(caught.value) and "column" not in str(caught.value)


@pytest.mark.parametrize("table", [headers(a="1", b="3"), headers()])
def test_one_report_is_enough_and_so_is_no_film(table: pd.DataFrame) -> None:
    films = joined(table, labels("3"))
    archive_index.check_links(films, "sources.x.reports", REPORTS)


def test_each_film_of_a_report_has_its_mentions() -> None:
    films = joined(headers(b="L1", a="L1", c="L2"), labels("L1", "L2"))
    table = pd.DataFrame(
        [mention(0, "norm", start=5), mention(0, "focal", start=2), mention(7, "norm")]
    )
    table = table.assign(pattern="p", cue=None)
    mentions = archive_index.film_mentions(films, table)
    assert list(mentions) == MENTIONS.names
    places = mentions[["record_id", "label", "start"]].to_numpy().tolist()
    assert places == [["a", "focal", 2], ["a", "norm", 5], ["b", "focal", 2], ["b", "norm", 5]]


def test_conflicts_are_the_findings_beside_a_norm_phrase() -> None:
    rows = [
        *(("a", "norm", "present"), ("a", "focal", "uncertain"), ("a", "focal", "present")),
        *(("a", "aorta", "absent"), ("b", "focal", "present")),
    ]
    mentions = pd.DataFrame(rows, columns=["record_id", "label", "state"])
    conflicts = archive_index.film_conflicts(mentions, ["a"])
    assert list(conflicts) == CONFLICTS.names
    assert conflicts.to_numpy().tolist() == [["a", "focal", "present"]]


def test_the_labeller_s_conflicts_fit_in(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Its tables are indexed by report; here by record_id."""
    table = labels("L1", "L2").assign(label_norm=[None, 1])
    films = joined(headers(a="L1", b="L2"), table)
    rows = pd.DataFrame([mention(0, "norm"), mention(0, "focal", start=3), mention(1, "norm")])
    mentions = archive_index.film_mentions(films, rows.assign(pattern="p", cue=None))
    contradictory = find_conflicts(
        films.set_index("record_id"), mentions.rename(columns={"record_id": "index"})
    )
    assert list(contradictory) == ["a"]
    conflicts = archive_index.film_conflicts(mentions, contradictory)
    parquet.write_table(conflicts, tmp_path / "conflicts.parquet", CONFLICTS)
    read = parquet.read_table(tmp_path / "conflicts.parquet")
    assert read.to_dict("records") == [{"record_id": "a", "label": "focal", "state": "present"}]


def test_what_headers_do_not_say_is_counted() -> None:
    films = pd.DataFrame(
        {"sex": ["F", None], "age": [None, None], "view": "PA", "impossible_age": [True, False]}
    ).assign(says_modality=[True, False], stored=["mirrored", None])
    notes: list[str] = []
    archive_index.note_headers(films, "turn", notes)
    assert notes == [
        "1 of 2 films have no sex that is understood",
        "2 of 2 films have no age that is understood",
        "1 of 2 films have an age under 0 or over 120 years; left empty",
        "1 of 2 films do not say their modality; kept",
        "1 films are stored mirrored; turned",
    ]
