"""Fetching: nothing is lost, nothing comes twice, whatever a server does."""

import contextlib
import datetime
import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from helpers.pacs_servers import Faults, Holdings, Stored, films, stored, web_server
from helpers.pacs_sources import LOG, NONE, FakeTime, Pacs, Start, free_port
from helpers.workflow import PROJECT
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid

from pgdose.errors import UserError
from pgdose.pacs import folder
from pgdose.pacs.fetching import fetch
from pgdose.pacs.listing import list_instances


def reasons(rows: list[dict]) -> dict[str, str | None]:
    assert len({row["instance"] for row in rows}) == len(rows)
    return {row["instance"]: row["reason"] for row in rows}


def assert_whole(pacs: Pacs, rows: list[dict], instances: list[Stored]) -> None:
    """Exactly these instances lie in the folder, as the server has them, and the rows say so."""
    assert sorted(pacs.files()) == sorted(f"{one.uid}.dcm" for one in instances)
    by_uid = {row["instance"]: row for row in rows}
    for one in instances:
        path = pacs.root / f"{one.uid}.dcm"
        assert pydicom.dcmread(path) == pydicom.dcmread(io.BytesIO(one.content))
        row = by_uid[one.uid]
        assert (row["path"], row["size"]) == (os.fsencode(path), path.stat().st_size)
        assert row["reason"] is None and row["detail"] is None
        assert path.stat().st_mode & 0o777 == 0o600
    assert pacs.root.stat().st_mode & 0o777 == 0o700


def test_all_films_arrive(start: Start) -> None:
    holdings = Holdings(films(3, 2, 2))
    pacs = start(holdings)
    rows = pacs.fetch()
    assert_whole(pacs, rows, holdings.instances)
    assert Counter(holdings.fetched) == dict.fromkeys(holdings.fetched, 1)


@pytest.mark.parametrize(
    "syntax",
    [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless],
    ids=lambda syntax: syntax.name,
)
def test_films_keep_their_transfer_syntax(start: Start, syntax: str) -> None:
    holdings = Holdings([stored(1, syntax=syntax), stored(2)])
    pacs = start(holdings)
    pacs.fetch()
    path = pacs.root / f"{holdings.instances[0].uid}.dcm"
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax


def test_what_dicomweb_delivers_is_kept_byte_by_byte(tmp_path: Path) -> None:
    holdings = Holdings(films(2))
    with web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path / "films")
        pacs.fetch()
    assert list(pacs.files().values()) == [one.content for one in holdings.instances]


def test_an_instance_larger_than_any_film_is_sent_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgdose.pacs import dicomweb

    holdings = Holdings([stored(1, side=64), stored(2)])
    monkeypatch.setattr(dicomweb, "LARGEST_FILE", len(holdings.instances[1].content) + 1000)
    with web_server(holdings) as url:
        rows = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path / "films").fetch()
    large = holdings.instances[0].uid
    assert reasons(rows)[large] == "not_fetched" and holdings.fetched.count(large) == 1


def test_what_is_there_is_not_fetched_again(start: Start) -> None:
    holdings = Holdings(films(3))
    pacs = start(holdings)
    pacs.fetch()
    dates = [path.stat().st_mtime_ns for path in sorted(pacs.root.iterdir())]
    holdings.fetched.clear()
    rows = pacs.fetch()
    assert holdings.fetched == []
    assert [path.stat().st_mtime_ns for path in sorted(pacs.root.iterdir())] == dates
    assert_whole(pacs, rows, holdings.instances)


def test_an_instance_that_has_vanished_is_rejected_and_the_others_come(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    holdings = Holdings(films(3, 1, 2))
    gone = holdings.instances[2].uid
    holdings.faults.vanished = {gone}
    pacs = start(holdings)
    rows = pacs.fetch(fetch={"retries": 1})
    assert reasons(rows)[gone] == "not_fetched"
    assert "1 of 6 instances rejected: not_fetched (" in caplog.text and gone not in caplog.text
    rest = [one for one in holdings.instances if one.uid != gone]
    assert_whole(pacs, [row for row in rows if row["instance"] != gone], rest)


@pytest.mark.parametrize(("lost", "stops"), [(3, False), (4, True)])
def test_a_server_that_delivers_nothing_at_all_stops_the_job(
    start: Start, lost: int, stops: bool
) -> None:
    """A wrong address or storage that is off-line; a few films may really be gone."""
    holdings = Holdings(films(lost, 1, 1))
    holdings.faults.vanished = {one.uid for one in holdings.instances}
    pacs = start(holdings)
    if not stops:
        assert set(reasons(pacs.fetch(fetch={"retries": 0})).values()) == {"not_fetched"}
        return
    with pytest.raises(UserError, match="lists 4 instances of this shard and delivers none"):
        pacs.fetch(fetch={"retries": 0})
    holdings.faults.vanished = {holdings.instances[0].uid}
    assert len(pacs.files()) == 0 and len(pacs.fetch(fetch={"retries": 0})) == 4


@pytest.mark.parametrize(("fault", "reason"), [("cut", "cut_short"), ("swapped", "other_instance")])
def test_what_arrives_wrong_is_asked_for_again(start: Start, fault: str, reason: str) -> None:
    """Twice wrong and then right is right; wrong each time is rejected."""
    holdings = Holdings(films(4))
    mended, broken = holdings.instances[0].uid, holdings.instances[3].uid
    setattr(holdings.faults, fault, Counter({mended: 2, broken: 99}))
    pacs = start(holdings)
    rows = pacs.fetch(fetch={"retries": 2})
    assert reasons(rows)[broken] == reason
    assert_whole(pacs, [row for row in rows if row["instance"] != broken], holdings.instances[:3])


def test_a_connection_that_breaks_is_made_anew(start: Start) -> None:
    holdings = Holdings(films(3, 1, 3))
    holdings.faults.dies_at = Counter({one.uid: 1 for one in holdings.instances})
    pacs = start(holdings)
    assert_whole(pacs, pacs.fetch(fetch={"retries": 20}), holdings.instances)
    assert Counter(holdings.fetched).most_common(1)[0][1] <= 2  # one that was on its way, at most


def test_an_instance_that_breaks_each_connection_is_rejected(start: Start) -> None:
    holdings = Holdings(films(4))
    poison = holdings.instances[1].uid
    holdings.faults.dies_at = Counter({poison: 10**6})
    pacs = start(holdings)
    rows = pacs.fetch(fetch={"retries": 2})
    assert reasons(rows).pop(poison) in ("cut_short", "not_fetched")
    rest = [one for one in holdings.instances if one.uid != poison]
    assert_whole(pacs, [row for row in rows if row["instance"] != poison], rest)


def test_whether_a_server_answers_is_asked_about_one_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by a list of all that it has."""
    from pgdose.pacs import dicomweb

    monkeypatch.setattr(dicomweb, "UNREACHABLE", (404,))
    holdings = Holdings(films(3))
    gone = holdings.instances[1]
    holdings.faults.vanished = {gone.uid}
    with web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path / "films")
        rows = pacs.listing().rows
        holdings.asked.clear()
        assert reasons(pacs.fetch(rows, fetch={"retries": 1}))[gone.uid] == "not_fetched"
    assert holdings.asked
    assert {filters["StudyInstanceUID"] for _, filters in holdings.asked} == {gone.study}


def test_an_instance_that_is_delivered_twice_is_kept_once(start: Start) -> None:
    holdings = Holdings(films(2, 1, 2))
    holdings.faults.doubled = {one.uid for one in holdings.instances}
    pacs = start(holdings)
    assert_whole(pacs, pacs.fetch(), holdings.instances)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_pacs_that_is_down_behind_its_web_server_rejects_nothing(
    tmp_path: Path, status: int
) -> None:
    holdings = Holdings(films(3))
    with web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, tmp_path / "films")
        rows = pacs.listing().rows
        holdings.faults.busy, holdings.faults.busy_status = 1000, status
        with pytest.raises(UserError, match=rf"^server: .*HTTP {status}.*3 times in a row"):
            pacs.fetch(rows, fetch={"retries": 2})
        holdings.faults.busy = 0
        assert_whole(pacs, pacs.fetch(rows), holdings.instances)


def test_a_server_that_is_down_stops_the_job(start: Start) -> None:
    holdings = Holdings(films(2))
    pacs = start(holdings)
    rows = pacs.listing().rows
    place = pacs.server.get("dimse") or pacs.server["dicomweb"]
    if "url" in place:
        place["url"] = f"http://localhost:{free_port()}/dicom-web"
    else:
        place["port"] = free_port()
    with pytest.raises(UserError, match=r"^server: no connection.*3 times in a row.*goes on"):
        pacs.fetch(rows, fetch={"retries": 2})
    assert pacs.files() == {}
    assert [wait for wait in pacs.time.waits if wait >= 0.5]  # it waited between its tries


def test_an_instance_in_several_series_is_not_fetched(start: Start) -> None:
    twice = stored(1)
    other = Stored(twice.study, f"{twice.series}.7", twice.uid, twice.content)
    holdings = Holdings([twice, other, *films(3)[1:]])
    pacs = start(holdings)
    rows = pacs.fetch()
    assert reasons(rows)[twice.uid] == "listed_twice" and twice.uid not in holdings.fetched
    assert_whole(pacs, [r for r in rows if r["instance"] != twice.uid], holdings.instances[2:])


def test_a_series_of_which_a_part_is_there_is_not_fetched_as_a_whole(start: Start) -> None:
    holdings = Holdings(films(1, 1, 5))
    pacs = start(holdings)
    pacs.fetch()
    lost = [holdings.instances[n].uid for n in (1, 3)]
    for name in lost:
        (pacs.root / f"{name}.dcm").unlink()
    holdings.fetched.clear()
    assert_whole(pacs, pacs.fetch(), holdings.instances)
    assert sorted(holdings.fetched) == lost


def test_an_instance_that_the_server_has_got_since_is_left_there(start: Start) -> None:
    holdings = Holdings(films(1, 1, 2))
    pacs = start(holdings)
    rows = pacs.listing().rows
    holdings.instances.append(stored(1, 1, 9))
    assert_whole(pacs, pacs.fetch(rows), holdings.instances[:2])


# --- the folder -----------------------------------------------------------------------------------

DAMAGES = ["absent", "whole", "empty", "half", "not dicom", "other", "unfinished"]


def leave_behind(path: Path, one: Stored, other: Stored, damage: str) -> None:
    contents = {
        "whole": one.content,
        "empty": b"",
        "half": one.content[: len(one.content) // 2],
        "not dicom": b"<html>" * 100,
        "other": other.content,
    }
    if damage == "unfinished":
        path.with_name(f".{one.uid}.4711.99.part").write_bytes(one.content)
    elif damage != "absent":
        path.write_bytes(contents[damage])
        path.chmod(0o600)


@given(damages=st.lists(st.sampled_from(DAMAGES), min_size=6, max_size=6))
def test_a_job_goes_on_from_any_state_of_its_folder(damages: list[str]) -> None:
    """Whatever a kill, a full disk or a person left: all is whole then, and only that was asked."""
    holdings = Holdings(films(3, 1, 2))
    with tempfile.TemporaryDirectory() as name, web_server(holdings) as url:
        pacs = Pacs(holdings, {"dicomweb": {"url": url}}, Path(name) / "films")
        pacs.root.mkdir(mode=0o700)
        others = [*holdings.instances[1:], holdings.instances[0]]
        for one, other, damage in zip(holdings.instances, others, damages, strict=True):
            leave_behind(pacs.root / f"{one.uid}.dcm", one, other, damage)
        assert_whole(pacs, pacs.fetch(), holdings.instances)
    expected = [
        one.uid
        for one, damage in zip(holdings.instances, damages, strict=True)
        if damage != "whole"
    ]
    assert sorted(holdings.fetched) == expected


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{source!r}, {tests!r}]
from helpers.pacs_servers import Holdings
from helpers.pacs_sources import Pacs
from pgdose.pacs import folder
count = 0
def killed(step):
    global count
    count += 1
    if count == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return step
real, replace = os.write, Path.replace
folder.os.write = lambda *args: killed(real(*args))
folder.Path.replace = lambda *args: killed(replace(*args))
Pacs(Holdings([]), {server!r}, Path({root!r})).fetch()
"""


@pytest.mark.parametrize("number", [1, 6, 9])
def test_a_job_goes_on_after_a_kill_at_any_instance(start: Start, number: int) -> None:
    holdings = Holdings(films(2, 1, 3))
    pacs = start(holdings)
    code = KILLED.format(
        source=str(PROJECT / "src"),
        tests=str(PROJECT / "tests"),
        number=number,
        server=pacs.server,
        root=str(pacs.root),
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    rows = pacs.fetch()
    assert_whole(pacs, rows, holdings.instances)


def test_a_limit_of_the_folder_stops_the_job_which_goes_on_later(start: Start) -> None:
    holdings = Holdings(films(6))
    pacs = start(holdings)
    size = len(holdings.instances[0].content)
    most = 3.5 * size / 1e9
    with pytest.raises(UserError, match=r"'fetch.most_gb'.*goes on"):
        pacs.fetch(fetch={"most_gb": most})
    assert 1 <= len(pacs.files()) <= 3
    assert_whole(pacs, pacs.fetch(fetch={"most_gb": 1}), holdings.instances)


def test_space_that_must_stay_free_is_left(start: Start) -> None:
    pacs = start(Holdings(films(2)))
    rows = pacs.listing().rows
    free = shutil.disk_usage(pacs.root.parent).free / 1e9
    with pytest.raises(UserError, match=r"'fetch.least_free_gb'"):
        pacs.fetch(rows, fetch={"least_free_gb": free + 1})
    assert pacs.files() == {}


def test_a_full_disk_stops_the_job(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    holdings = Holdings(films(4))
    pacs = start(holdings)
    rows = pacs.listing().rows
    real, count = os.write, 0

    def write(descriptor: int, content: bytes) -> int:
        nonlocal count
        count += len(content) > 1000
        if count > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content)

    with monkeypatch.context() as patch:
        patch.setattr(folder.os, "write", write)
        with pytest.raises(UserError, match=r"disk of 'root' is full.*goes on"):
            pacs.fetch(rows)
    assert not [name for name in pacs.files() if name.endswith(".part")]
    assert_whole(pacs, pacs.fetch(rows), holdings.instances)


def test_a_file_that_cannot_be_written_stops_the_job_and_is_not_named(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = start(Holdings(films(2)))
    rows = pacs.listing().rows

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", f"{pacs.root}/.{rows[0]['instance']}.part")

    with monkeypatch.context() as patch:
        patch.setattr(folder.os, "fsync", fail)
        with pytest.raises(UserError, match=r"^root: .*\(Input/output error\).*goes on") as told:
            pacs.fetch(rows)
    assert rows[0]["instance"] not in str(told.value)
    (pacs.root / f"{rows[0]['instance']}.dcm").mkdir()
    with pytest.raises(UserError, match=r"^root: .*\(Is a directory\)"):
        pacs.fetch(rows)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films").write_text("a file")
    pacs = Pacs(Holdings([]), {"dicomweb": {"url": "http://localhost:1/x"}}, tmp_path / "films")
    row = {"instance": "1.2", "study": "1", "series": "1.1", "sop_class": None, "role": "film"}
    with pytest.raises(UserError, match=r"^root: the folder for fetched films cannot be made"):
        pacs.fetch([row | {"times": 1}])


# --- pace -----------------------------------------------------------------------------------------


def test_films_are_fetched_at_the_rate_of_the_study(start: Start) -> None:
    holdings = Holdings(films(3, 1, 3))
    pacs = start(holdings)
    rows = pacs.listing().rows
    pacs.time.waits.clear()
    before = pacs.time.seconds
    assert_whole(pacs, pacs.fetch(rows, fetch={"per_second": 0.5}), holdings.instances)
    assert pacs.time.seconds - before >= 8 / 0.5


def test_nothing_is_asked_outside_of_the_hours(start: Start) -> None:
    holdings = Holdings(films(2))
    pacs = start(holdings)  # its clock shows 12:00
    rows = pacs.fetch(fetch={"hours": ("20:00", "06:00")})
    assert_whole(pacs, rows, holdings.instances)
    assert 8 * 3600 <= pacs.time.seconds < 8 * 3600 + 120


def test_the_hours_end_in_the_middle_of_a_series(start: Start) -> None:
    holdings = Holdings(films(1, 1, 4))
    pacs = start(holdings)
    pacs.time = FakeTime(datetime.datetime(2026, 3, 1, 5, 59, 30))
    limits = {"hours": ("20:00", "06:00"), "per_second": 0.05}
    assert_whole(pacs, pacs.fetch(fetch=limits), holdings.instances)
    assert pacs.time.seconds > 14 * 3600


def test_a_job_that_waits_for_its_hours_can_be_stopped(start: Start) -> None:
    pacs = start(Holdings(films(2)))
    rows = pacs.listing().rows
    source = pacs.source(fetch={"hours": ("20:00", "20:01")})
    results = fetch(rows, source, NONE, LOG, FakeTime().clock)
    with contextlib.closing(results):
        next(results)


def test_a_slow_server_is_waited_for_up_to_the_timeout(start: Start) -> None:
    holdings = Holdings(films(1), Faults(seconds=0.2))
    pacs = start(holdings)
    rows = pacs.fetch()
    assert_whole(pacs, rows, holdings.instances)
    shutil.rmtree(pacs.root)
    holdings.faults.seconds = 1.5
    with pytest.raises(UserError, match="2 times in a row"):
        fetched = fetch(
            list_rows(pacs, holdings),
            pacs.source(fetch={"timeout": 0.5, "retries": 1}),
            NONE,
            LOG,
            pacs.time.clock,
        )
        list(fetched)


def list_rows(pacs: Pacs, holdings: Holdings) -> list[dict]:
    seconds, holdings.faults.seconds = holdings.faults.seconds, 0.0
    rows = list_instances(pacs.source(), NONE, LOG, pacs.time.clock).rows
    holdings.faults.seconds = seconds
    return rows


def test_threads_end_with_the_job(start: Start) -> None:
    before = set(threading.enumerate())
    pacs = start(Holdings(films(3)))
    servers = set(threading.enumerate()) - before
    results = fetch(pacs.listing().rows, pacs.source(), NONE, LOG, pacs.time.clock)
    with contextlib.closing(results):
        next(results)
    names = {t.name for t in set(threading.enumerate()) - before - servers}
    assert not [name for name in names if name.startswith("connection")]
