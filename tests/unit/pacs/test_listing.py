"""Listing: every filter is checked on what comes back, and what does not add up is counted."""

import contextlib
import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.pacs_servers import ROOT, Faults, Holdings, Stored, films, web_server
from helpers.pacs_sources import LOG, NONE, FakeTime, Pacs, free_port, start_dimse
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid

from pgdose.errors import UserError
from pgdose.pacs.answers import Search
from pgdose.pacs.connection import open_archive
from pgdose.pacs.failures import ServerDown
from pgdose.pacs.filters import matches, read_date
from pgdose.pacs.listing import Asker
from pgdose.pacs.listing_notes import listing_notes
from pgdose.study.sources import PacsArchive
from pgdose.tables.pacs_schemas import LISTED, shard_of

Start = Callable[[Holdings], Pacs]


@pytest.fixture(params=["dicomweb", "dimse"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a server with these holdings, of one kind after the other."""
    with contextlib.ExitStack() as stack:

        def start_one(holdings: Holdings) -> Pacs:
            if request.param == "dicomweb":
                server = {"dicomweb": {"url": stack.enter_context(web_server(holdings))}}
            else:
                server = {"dimse": start_dimse(stack, holdings, "get")}
            return Pacs(holdings, server, tmp_path / "films")

        yield start_one


def uids(rows: list[dict]) -> list[str]:
    return [row["instance"] for row in rows]


def empty(study: int, series: int = 1, number: int = 1, **attributes: Any) -> Stored:
    """An instance that is only listed."""
    names = (f"{ROOT}.{study}", f"{ROOT}.{study}.{series}", f"{ROOT}.{study}.{series}.{number}")
    return Stored(*names, **attributes)


def test_rows_say_all_that_fetching_needs(start: Start) -> None:
    holdings = Holdings([empty(2), empty(1, 1, 2), empty(1, 1, 1, modality="DX")])
    rows, counts = start(holdings).listing(shards=5)
    assert uids(rows) == sorted(one.uid for one in holdings.instances)
    for row in rows:
        assert list(row) == LISTED.names
        (one,) = [one for one in holdings.instances if one.uid == row["instance"]]
        assert (row["study"], row["series"]) == (one.study, one.series)
        assert row["sop_class"] == one.sop_class and row["role"] == "film"
        assert row["shard"] == shard_of(one.study, 5) and row["times"] == 1
    assert counts == {}


MIXED = [
    empty(1),
    empty(2, modality="CT"),
    empty(3, date="20181231"),
    empty(4, date="20210101"),
    empty(5, date=""),
    empty(6, body_part="HAND"),
    empty(7, body_part=""),
    empty(8, study_description="Hand ap", series_description="HAND"),
    empty(9, study_description="", series_description=""),
    empty(10, study_description="Sprechstunde", series_description="Thorax liegend"),
    empty(11, modality="DX"),
]
FIND = {
    "dates": ["2019-01-01", "2020-12-31"],
    "modalities": ["CR"],
    "body_parts": ["CHEST"],
    "descriptions": ["*thorax*"],
}


@pytest.mark.parametrize("ignores", [False, True])
def test_filters_hold_whether_the_server_applies_them_or_not(start: Start, ignores: bool) -> None:
    pacs = start(Holdings(MIXED, Faults(ignores_filters=ignores)))
    rows, counts = pacs.listing(find=FIND)
    if ignores:  # every study answers with the series of all, which say whose they are
        assert counts.pop("not_asked_for") > 0
    assert uids(rows) == sorted(MIXED[number].uid for number in (0, 6, 9))
    assert counts["body_part_not_stated"] == 1
    assert counts["left_out_series_other_body_part"] == 1
    assert counts["left_out_series_other_description"] == 1
    assert counts["left_out_series_no_description"] == 1
    if ignores:
        assert counts["left_out_studies_no_date"] == 1
        assert counts["left_out_studies_other_date"] == 2
        assert counts["left_out_studies_other_modality"] == 2
    else:  # the server was asked for no more than it takes
        levels = [filters for level, filters in pacs.holdings.asked if level == "STUDY"]
        assert {entry["ModalitiesInStudy"] for entry in levels} == {"CR"}
        assert {entry["StudyDate"] for entry in levels} == {"20190101-20201231"}


def test_a_null_of_dicom_json_is_no_value(tmp_path: Path) -> None:
    holdings = Holdings([empty(1, body_part=""), empty(2)], Faults(says_null=True))
    with web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path / "films")
        rows, counts = pacs.listing(find={"body_parts": ["CHEST"]})
    assert len(rows) == 2 and counts == {"body_part_not_stated": 1}


def test_the_modalities_of_the_source_are_asked_for_where_none_are_named(start: Start) -> None:
    rows, _ = start(Holdings(MIXED)).listing(modalities=["CT", "DX"])
    assert uids(rows) == sorted([MIXED[1].uid, MIXED[10].uid])


@pytest.mark.parametrize(
    "faults",
    [Faults(page=2), Faults(page=1), Faults(repeats=True), Faults(ignores_paging=True)],
    ids=["pages of 2", "pages of 1", "repeats", "no pages"],
)
def test_a_server_that_pages_oddly_lists_each_instance_once(start: Start, faults: Faults) -> None:
    holdings = Holdings(films(5, 2, 3, side=8), faults)
    rows, counts = start(holdings).listing()
    assert uids(rows) == sorted(one.uid for one in holdings.instances)
    assert {row["times"] for row in rows} == {1}
    assert (counts.get("listed_again", 0) > 0) == faults.repeats


def test_pages_are_asked_for_until_one_brings_nothing_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgdose.pacs import dicomweb

    monkeypatch.setattr(dicomweb, "PAGE", 3)
    holdings = Holdings([empty(1, 1, number) for number in range(1, 11)])
    with web_server(holdings) as url:
        rows, _ = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path).listing()
    assert len(rows) == 10


@pytest.mark.parametrize("dates", [[None, None], ["2019-01-01", "2019-12-31"]])
def test_a_list_that_the_server_cuts_is_asked_for_in_parts(start: Start, dates: list) -> None:
    first = datetime.date(2019, 1, 1)
    days = [f"{first + datetime.timedelta(days=number):%Y%m%d}" for number in range(120)]
    instances = [empty(number + 1, date=day) for number, day in enumerate(days)]
    holdings = Holdings(instances, Faults(cut_list=100))
    rows, counts = start(holdings).listing(find={"dates": dates, "modalities": ["CR"]})
    assert uids(rows) == sorted(one.uid for one in instances)
    assert counts["cut_lists"] > 0


def test_dates_of_before_and_of_the_future_are_not_cut_away(start: Start) -> None:
    """Their studies come last in the list that the server cuts."""
    usual = [f"{datetime.date(2019, 1, 1) + datetime.timedelta(days=n):%Y%m%d}" for n in range(120)]
    instances = [
        empty(number + 1, date=day) for number, day in enumerate([*usual, "19370302", "20991231"])
    ]
    holdings = Holdings(instances, Faults(cut_list=100))
    rows, _ = start(holdings).listing(find={"modalities": ["CR"]})
    assert uids(rows) == sorted(one.uid for one in instances)


def test_pages_that_a_server_does_not_have_are_asked_for_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orthanc has no second page of studies by their modality."""
    from pgdose.pacs import dicomweb

    monkeypatch.setattr(dicomweb, "PAGE", 3)
    holdings = Holdings([empty(number) for number in range(1, 11)], Faults(has_one_page=True))
    with web_server(holdings) as url:
        rows, counts = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path).listing()
    assert len(rows) == 10 and counts == {}


@pytest.mark.parametrize("has_times", [True, False])
def test_the_list_of_a_day_that_the_server_cuts_is_asked_for_by_the_hour(
    start: Start, has_times: bool
) -> None:
    """Where the server does not go by the hour, it is said that some may be missing."""
    times = [f"{number % 24:02}5959.5" if has_times else "" for number in range(120)]
    instances = [empty(number + 1, time=time) for number, time in enumerate(times)]
    holdings = Holdings(instances, Faults(cut_list=100))
    dates = ["2019-06-14", "2019-06-14"]
    rows, counts = start(holdings).listing(find={"dates": dates, "modalities": ["CR"]})
    assert len(rows) == (120 if has_times else 100)
    assert (counts.get("cut_lists", 0) > 0) == has_times
    assert (counts.get("hours_maybe_cut", 0) > 0) == (not has_times)


def test_instances_that_the_server_counts_and_does_not_list_are_counted(start: Start) -> None:
    _, counts = start(Holdings(films(2, 2, side=8), Faults(claims=3))).listing()
    assert counts == {"claimed_not_listed": 12}


def test_what_is_deleted_while_it_is_listed_is_counted(tmp_path: Path) -> None:
    """The others are listed: that a study is gone does not make the address wrong."""
    instances = films(3, 2, side=8)
    faults = Faults(deleted={instances[0].study, instances[2].series})
    with web_server(Holdings(instances, faults)) as url:
        listing = Pacs(Holdings([]), {"dicomweb": {"url": url}}, tmp_path / "films").listing()
    assert uids(listing.rows) == sorted(one.uid for one in instances[3:])
    assert listing.counts == {"claimed_not_listed": 1, "claimed_series_not_listed": 2}


FAILS = {"dicomweb": 500, "dimse": 0xC001}
IS_TOO_MUCH = {"dicomweb": 413, "dimse": 0xA700}
both_statuses = pytest.mark.parametrize("statuses", [FAILS, IS_TOO_MUCH], ids=["fails", "refuses"])
statuses_and_connections = pytest.mark.parametrize(
    ("statuses", "at_once"),
    [(FAILS, 1), (FAILS, 4), (IS_TOO_MUCH, 4)],
    ids=["fails, 1", "fails, 4", "refuses, 4"],
)
ONE_CONNECTION = {"at_once": 1, "retries": 1}


def status_of(pacs: Pacs, statuses: dict[str, int]) -> int:
    return next(status for kind, status in statuses.items() if kind in pacs.server)


def numbered(*numbers: int) -> set[str]:
    return {empty(number).study for number in numbers}


def start_broken(
    start: Start, statuses: dict[str, int], broken: tuple[int, ...]
) -> tuple[Pacs, list[str]]:
    """A server of 40 studies, and those of them that it cannot list."""
    instances = [empty(number) for number in range(100, 140)]
    pacs = start(Holdings(instances))
    studies = [instances[number].study for number in broken]
    pacs.holdings.faults.broken = dict.fromkeys(studies, status_of(pacs, statuses))
    return pacs, studies


@statuses_and_connections
@pytest.mark.parametrize("broken", [(5, 15, 30, 39), (0, 1, 2, 4, 5, 6)])
def test_a_study_that_a_server_cannot_list_is_counted(
    start: Start, statuses: dict[str, int], at_once: int, broken: tuple[int, ...]
) -> None:
    """And the others are listed, wherever it stands and whichever thread ends first."""
    pacs, studies = start_broken(start, statuses, broken)
    rows, counts = pacs.listing(fetch={"at_once": at_once, "retries": 1})
    instances = pacs.holdings.instances
    assert uids(rows) == [one.uid for one in instances if one.study not in studies]
    assert counts == {"studies_not_listed": len(broken)}
    assert f"fails to list {len(broken)} of its studies" in listing_notes(counts)[0]


@statuses_and_connections
@pytest.mark.parametrize("broken", [(20, 21, 22, 23), tuple(range(40))])
def test_a_server_that_fails_at_studies_in_a_row_stops_the_job(
    start: Start, statuses: dict[str, int], at_once: int, broken: tuple[int, ...]
) -> None:
    pacs, _ = start_broken(start, statuses, broken)
    with pytest.raises(UserError, match=r"^server: .*, in 4 studies one after another; when"):
        pacs.listing(fetch={"at_once": at_once, "retries": 1})
    assert ("STUDY", "StudyInstanceUID") not in [  # there was no second round
        (level, name) for level, filters in pacs.holdings.asked for name in filters if filters[name]
    ]


@both_statuses
@pytest.mark.parametrize("failures", [1, 3])
def test_a_short_outage_costs_no_study(
    start: Start, monkeypatch: pytest.MonkeyPatch, statuses: dict[str, int], failures: int
) -> None:
    """Even one that ends while the server is asked whether it is up; nothing is counted twice."""
    pacs = start(Holdings([empty(number) for number in range(1, 9)], Faults(claims=1)))
    refuses = statuses is IS_TOO_MUCH  # which is not tried again in the same round
    left = [status_of(pacs, statuses)] * (failures if refuses else 2 * failures)

    def failure(level: str, filters: dict[str, str]) -> int | None:
        is_last_study = filters.get("StudyInstanceUID") in numbered(8, 7, 6)
        return left.pop() if left and level == "IMAGE" and is_last_study else None

    monkeypatch.setattr(pacs.holdings, "failure", failure)
    rows, counts = pacs.listing(fetch=ONE_CONNECTION)
    assert uids(rows) == [empty(number).uid for number in range(1, 9)] and left == []
    assert counts == {"claimed_not_listed": 8}


@both_statuses
@pytest.mark.parametrize("begins_at", ["SERIES", "STUDY"])
def test_a_server_that_goes_down_for_good_at_the_last_study_stops_the_job(
    start: Start, monkeypatch: pytest.MonkeyPatch, statuses: dict[str, int], begins_at: str
) -> None:
    """While it fails at that study, or after it said that it is up."""
    pacs = start(Holdings([empty(number) for number in range(1, 9)]))
    status, last = status_of(pacs, statuses), empty(8).study
    asked: list[str] = []  # levels, of the last study

    def failure(level: str, filters: dict[str, str]) -> int | None:
        if filters.get("StudyInstanceUID") != last:
            return None
        asked.append(level)
        is_up = begins_at == "STUDY" and "SERIES" not in second_round()
        return None if level == "STUDY" and is_up else status

    def second_round() -> list[str]:
        return asked[asked.index("STUDY") :]

    monkeypatch.setattr(pacs.holdings, "failure", failure)
    with pytest.raises(UserError, match=r"^server: (a search fails|it refuses).*anew"):
        pacs.listing(fetch=ONE_CONNECTION)
    assert ("SERIES" in second_round()) == (begins_at == "STUDY")


@both_statuses
def test_nothing_but_a_reason_stays_of_a_study_that_is_passed_over(
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    statuses: dict[str, int],
) -> None:
    """The server fails at its third series, after a series that is left out and one that lies."""
    instances = [empty(1, 1, modality="CT"), empty(1, 2), empty(1, 3), empty(2)]
    pacs = start(Holdings(instances, Faults(claims=1)))
    status = status_of(pacs, statuses)

    def failure(level: str, filters: dict[str, str]) -> int | None:
        is_third = filters.get("SeriesInstanceUID") == instances[2].series
        return status if level == "IMAGE" and is_third else None

    monkeypatch.setattr(pacs.holdings, "failure", failure)
    rows, counts = pacs.listing(fetch=ONE_CONNECTION, find={"modalities": ["CR"]})
    assert uids(rows) == [instances[3].uid]
    assert counts == {"claimed_not_listed": 1, "studies_not_listed": 1}
    [warning] = [text for text in caplog.messages if "passed over" in text]
    reason = "a search fails.*, 2 times in a row" if statuses is FAILS else "it refuses to list .*"
    assert re.fullmatch(f"server: {reason}; a study is passed over", warning)
    assert ROOT not in caplog.text


def test_a_list_that_is_shorter_than_the_server_counts_is_asked_for_again(start: Start) -> None:
    instances = films(1, 2, 3, side=8)
    rows, counts = start(Holdings(instances, Faults(short_lists=2))).listing(fetch={"at_once": 1})
    assert uids(rows) == sorted(one.uid for one in instances) and counts == {}


def test_an_instance_in_two_series_is_one_row(start: Start) -> None:
    one = empty(1)
    other = Stored(f"{ROOT}.2", f"{ROOT}.2.1", one.uid)
    rows, counts = start(Holdings([one, other, empty(3)])).listing()
    assert [(row["instance"], row["times"]) for row in rows] == [
        (one.uid, 2),
        (empty(3).uid, 1),
    ]
    assert rows[0]["study"] == one.study and counts == {"listed_twice": 1}


@pytest.mark.parametrize("name", ["../../etc/passwd", "1.2/3", "1..2", "", "x", "1" * 65])
def test_a_uid_that_is_none_is_counted_and_never_a_file(start: Start, name: str) -> None:
    wrong = Stored(f"{ROOT}.1", f"{ROOT}.1.1", name)
    rows, counts = start(Holdings([wrong, empty(2)])).listing()
    assert uids(rows) == [empty(2).uid]
    assert counts["impossible_uids"] == 1


DOCUMENTS = [
    empty(1),
    empty(1, 2, modality="SR", sop_class=uid.BasicTextSRStorage),
    empty(1, 3, modality="OT", sop_class=uid.EncapsulatedPDFStorage),
    empty(1, 4, modality="OT", sop_class=uid.SecondaryCaptureImageStorage),
    empty(1, 5, modality="DOC", sop_class=uid.EncapsulatedPDFStorage, body_part="HAND"),
    empty(2, modality="SR", sop_class=uid.BasicTextSRStorage),  # of no film
    empty(3, body_part="HAND"),
    empty(3, 2, modality="SR", sop_class=uid.BasicTextSRStorage),  # of a film that is left out
]


def test_documents_of_the_same_studies_are_listed_only_if_reports_come_from_them(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = start(Holdings(DOCUMENTS))
    find = {"body_parts": ["CHEST"]}
    assert uids(pacs.listing(find=find).rows) == [DOCUMENTS[0].uid]
    monkeypatch.setattr(PacsArchive, "asks_for_documents", property(lambda _: True))
    rows = pacs.listing(find=find).rows
    expected = {DOCUMENTS[0].uid: "film"}
    expected |= {DOCUMENTS[number].uid: "document" for number in (1, 2, 4)}
    assert {row["instance"]: row["role"] for row in rows} == expected


def test_a_server_that_is_down_stops_the_job_after_its_retries(start: Start) -> None:
    pacs = start(Holdings(films(1, side=8)))
    place = pacs.server.get("dimse") or pacs.server["dicomweb"]
    place |= {"port": free_port()} if "port" in place else {"url": "http://localhost:9/dicom-web"}
    with pytest.raises(UserError, match=r"^server: no connection.*, 4 times.* from the start"):
        pacs.listing(fetch={"retries": 3})
    assert len([wait for wait in pacs.time.waits if wait >= 0.5]) == 3


def test_a_server_that_is_busy_for_a_while_is_asked_again(tmp_path: Path) -> None:
    holdings = Holdings(films(2, side=8), Faults(busy=4))
    with web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path)
        assert len(pacs.listing().rows) == 2
    assert min(pacs.time.waits) >= 1.0  # as Retry-After says


def test_lists_are_asked_for_in_the_hours_only(start: Start) -> None:
    pacs = start(Holdings(films(1, side=8)))
    pacs.time = FakeTime(datetime.datetime(2026, 3, 1, 19, 30))
    assert len(pacs.listing(fetch={"hours": ("20:00", "06:00")}).rows) == 1
    assert 1800 <= pacs.time.seconds < 1900


def test_a_listing_that_ends_asks_nothing_more(tmp_path: Path) -> None:
    """Neither outside of the hours, nor again and again without a wait."""
    holdings = Holdings([])
    with web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path)
        source = pacs.source(fetch={"hours": ("20:00", "06:00")})
        archive = open_archive(source, NONE)
        with Asker(archive, source, LOG, pacs.time.clock) as asker:
            asker.stop.set()
            with pytest.raises(ServerDown):
                asker.find(Search("STUDY"))
        archive.close()
    assert holdings.asked == []


@given(names=st.lists(st.text("0123456789.", min_size=1), unique=True), shards=st.integers(1, 99))
def test_a_study_has_one_shard_of_those_that_there_are(names: list[str], shards: int) -> None:
    for name in names:
        assert 0 <= shard_of(name, shards) < shards
        assert shard_of(name, shards) == shard_of(name, shards)


EXPECTED = [1, 2, 3, 6, 2, 6]


def test_shards_are_nearly_equal_and_never_change() -> None:
    counts = [0] * 4
    for number in range(4000):
        counts[shard_of(f"{ROOT}.{number}", 4)] += 1
    assert min(counts) > 900
    # Another hash would list all films of a study under way in other shards.
    assert [shard_of(f"1.2.{number}", 7) for number in range(6)] == EXPECTED


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*THORAX*", "Thorax pa/lat", True),
        ("*THORAX*", "Röntgen-Thorax", True),
        ("THORAX", "Thorax pa", False),
        ("THORAX ?A", "thorax pa", True),
        ("*ОРГАНЫ*", "органы грудной клетки", True),
        ("*[1]*", "1", False),
        ("*a.c*", "abc", False),
        ("*", "", False),
    ],
)
def test_descriptions(pattern: str, text: str, fits: bool) -> None:
    assert matches([pattern], ["", text]) is fits


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("20190131", datetime.date(2019, 1, 31)),
        ("2019.01.31", datetime.date(2019, 1, 31)),
        ("20190231", None),
        ("2019", None),
        ("", None),
    ],
)
def test_dates(text: str, date: datetime.date | None) -> None:
    assert read_date(text) == date
