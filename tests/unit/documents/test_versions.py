"""Of several versions of one report, which ones count."""

import time
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdose.documents.versions import Version, settle


def version(text: str, time: str = "", status: str = "final", **more) -> Version:  # type: ignore[no-untyped-def]
    """The text names it in the tests, even where it is unread."""
    values = {"id": "A1", "uid": "", "replaces": (), "path": Path(text), "part": 1} | more
    return Version(text=text, time=time, status=status, **values)  # type: ignore[arg-type]


def settled(*versions: Version) -> tuple[list[str], dict[str, str]]:
    result = settle(versions)
    outdated = {one.text: reason for one, reason in result.outdated}
    return [one.text for one in result.current], outdated


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("20200102030405", "20200102030405.500"),
        ("202001020304", "20200102030430"),
        ("20200102", "20200102"),
        ("", ""),
        ("20200102", "2020010203"),
        ("2020010203", "20200102040506"),
    ],
)
@pytest.mark.parametrize("status", ["corrected", "withdrawn"])
def test_of_two_corrections_the_later_one_counts(earlier: str, later: str, status: str) -> None:
    """Where their times may be the same, files decide."""
    versions = [
        version("report", "2019", path=Path("0")),
        version("one", earlier.replace(".", ""), "corrected", path=Path("9.hl7")),
        version("two", later.replace(".", ""), status, path=Path("10.hl7")),
    ]
    for order in permutations(versions):
        assert settled(*order)[0] == ([] if status == "withdrawn" else ["two"])


def test_the_order_is_that_of_times_then_files_then_messages() -> None:
    texts, _ = settled(
        version("d", "2020", path=Path("b"), part=2),
        version("c", "2020", path=Path("b"), part=1),
        version("e", "2021"),
        version("b", "2019"),
        version("a", ""),
    )
    assert texts == list("abcde")


@pytest.mark.parametrize("draft", ["preliminary", "unverified"])
@pytest.mark.parametrize("first", [True, False])
def test_a_final_report_takes_the_place_of_drafts(draft: str, first: bool) -> None:
    times = ("2019", "2021") if first else ("2021", "2019")
    texts, left_out = settled(version("final", times[1]), version("draft", times[0], draft))
    assert texts == ["final"] and left_out == {"draft": "preliminary"}


def test_of_preliminary_reports_alone_the_newest_counts() -> None:
    drafts = [version(str(n), str(n), "preliminary") for n in range(3)]
    assert settled(*drafts) == (["2"], {"0": "preliminary", "1": "preliminary"})


def test_unverified_reports_alone_are_left_to_several() -> None:
    assert settled(*(version(str(n), str(n), "unverified") for n in range(2)))[0] == ["0", "1"]


def test_a_correction_replaces_what_came_before_it() -> None:
    texts, left_out = settled(
        version("a", "1"), version("b", "2", "corrected"), version("addendum", "3")
    )
    assert texts == ["b", "addendum"] and left_out == {"a": "corrected"}


def test_a_withdrawal_leaves_nothing_but_what_comes_later() -> None:
    texts, left_out = settled(version("a", "1"), version("", "2", "withdrawn"), version("b", "3"))
    assert texts == ["b"] and left_out == {"a": "withdrawn", "": "withdrawal"}
    assert settled(version("a", "1"), version("", "2", "withdrawn"))[0] == []


def test_other_ids_are_left_alone() -> None:
    texts, _ = settled(version("a", "1"), version("", "2", "withdrawn", id="A2"))
    assert texts == ["a"]


def test_a_document_replaces_the_predecessors_that_it_names() -> None:
    texts, left_out = settled(
        version("a", "1", uid="1"),
        version("b", "2", uid="2", replaces=("1", "9")),
        version("c", "3", uid="3", id="A2", replaces=("2",)),
    )
    assert texts == ["b", "c"] and left_out == {"a": "replaced"}


def test_orders_of_one_message_leave_each_other_alone() -> None:
    """Two examinations of one request, corrected together, or one of them cancelled."""
    message = {"path": Path("a"), "part": 2}
    texts, left_out = settled(
        version("old", "1"),
        version("chest", "2", "corrected", **message),
        version("knee", "2", "corrected", **message),
    )
    assert texts == ["chest", "knee"] and left_out == {"old": "corrected"}
    texts, left_out = settled(
        version("old", "1"),
        version("chest", "2", **message),
        version("", "2", "withdrawn", **message),
    )
    assert texts == ["chest"] and left_out == {"old": "withdrawn", "": "withdrawal"}


def test_a_draft_replaces_drafts_alone() -> None:
    """Even where a draft names the finished document that it is to replace some day."""
    texts, left_out = settled(
        version("final", "1", uid="1"),
        version("draft", "2", "preliminary", uid="2", replaces=("1",)),
    )
    assert texts == ["final"] and left_out == {"draft": "preliminary"}
    texts, left_out = settled(
        version("first", "1", "preliminary", uid="1"),
        version("second", "2", "preliminary", uid="2", replaces=("1",)),
    )
    assert texts == ["second"] and left_out == {"first": "replaced"}


NO_TIMES = [("", ""), ("20200102", "20200102"), ("2020010203", "2020010203")]
UNSURE = [("20200102", "2020010203"), ("", "2020010203"), ("2020010203 20200101", "2020010203")]


@pytest.mark.parametrize("times", [*NO_TIMES, *UNSURE])
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("files", [("msg9.hl7", "msg10.hl7"), ("b", "a"), ("a", "b")])
def test_at_one_time_corrections_follow_reports_and_withdrawals_follow_both(
    times: tuple[str, str], is_turned: bool, files: tuple[str, str]
) -> None:
    first, second = reversed(times) if is_turned else times
    paths = [{"path": Path(name)} for name in files]
    report = version("report", first, **paths[0])
    correction = version("correction", second, "corrected", **paths[1])
    assert settled(correction, report) == (["correction"], {"report": "corrected"})
    withdrawal = version("withdrawal", second, "withdrawn", **paths[1])
    for one in (report, version("report", first, "corrected", **paths[0])):
        assert settled(withdrawal, one) == ([], {"report": "withdrawn", "withdrawal": "withdrawal"})


def test_reports_later_than_a_withdrawal_are_corrected_by_what_has_no_time() -> None:
    versions = [
        version("a", "1"),
        version("", "2", "withdrawn"),
        version("b", "3"),
        version("c", "", "corrected"),
    ]
    assert settled(*versions)[0] == ["c"]


def test_files_come_by_the_numbers_in_their_names() -> None:
    names = ["msg2.hl7", "msg10.hl7", "msg9.hl7", "day 3/msg1.hl7"]
    texts, _ = settled(*(version(name, "2020") for name in names))
    assert texts == ["day 3/msg1.hl7", "msg2.hl7", "msg9.hl7", "msg10.hl7"]


@given(st.lists(st.text("0129٣²a./", min_size=1), unique=True))
def test_files_of_any_name_have_an_order(names: list[str]) -> None:
    texts, _ = settled(*(version(name, "2020", path=Path(name)) for name in names))
    assert sorted(texts) == sorted(names)


@given(st.permutations(range(5)))
def test_the_order_of_reading_changes_nothing(order: list[int]) -> None:
    versions = [
        version("a", "20200101"),
        version("b", "20200102", "corrected"),
        version("c", "2020010203", "withdrawn"),
        version("d", "2020010304"),
        version("e", "", "preliminary"),
    ]
    texts, left_out = settled(*(versions[n] for n in order))
    reasons = {"a": "corrected", "b": "withdrawn", "c": "withdrawal", "e": "corrected"}
    assert texts == ["d"] and left_out == reasons


def test_zones_are_compared_within_one_report() -> None:
    early, late = "20200102100000+0300", "20200102090000+0000"
    assert settled(version("b", late), version("a", early))[0] == ["a", "b"]
    texts, _ = settled(version("c", late), version("b", early), version("a", "20200102093000"))
    assert texts == ["c", "a", "b"]


def test_all_drafts_of_the_newest_message_count() -> None:
    message = {"path": Path("a"), "part": 2}
    texts, left_out = settled(
        version("old", "1", "preliminary"),
        version("findings", "2", "preliminary", **message),
        version("impression", "2", "preliminary", **message),
    )
    assert texts == ["findings", "impression"] and left_out == {"old": "preliminary"}


@pytest.mark.parametrize("between", ["preliminary", "unverified", "final"])
@pytest.mark.parametrize("is_unread", [False, True])
def test_replacing_goes_through_what_stands_between(between: str, is_unread: bool) -> None:
    chain = [
        version("a", "1", uid="1"),
        version("b", "2", between, uid="2", replaces=("1",), is_unread=is_unread),
        version("c", "3", uid="3", replaces=("2",)),
    ]
    texts, left_out = settled(*chain)
    assert texts == ["c"] and left_out["a"] == "replaced"


def test_a_missing_document_is_counted_where_it_leaves_a_doubt() -> None:
    last = version("c", "3", uid="3", replaces=("2",))
    first = version("a", "1", uid="1")
    assert settle([first, last]).unknown_predecessors == 1
    assert settle([last]).unknown_predecessors == 0
    assert settle([first, last, version("b", id="A2", uid="2")]).unknown_predecessors == 0


# Versions that cannot be read


@pytest.mark.parametrize(
    ("earlier", "status"),
    [
        ("final", "corrected"),
        ("corrected", "corrected"),
        ("preliminary", "final"),
        ("preliminary", "corrected"),
        ("preliminary", "preliminary"),
    ],
)
def test_an_outdated_report_does_not_count_where_the_newer_one_is_unread(
    earlier: str, status: str
) -> None:
    old = version("old", "1", earlier)
    unread = version("unread", "2", status, is_unread=True)
    assert settled(old, unread) == ([], {"old": "newer_unread"})
    readable = version("new", "3", status)
    assert settled(old, unread, readable)[0] == ["new"]
    assert settled(old, unread, version("", "3", "withdrawn"))[0] == []
    assert settled(old._replace(id="A2"), unread)[0] == ["old"]


def test_what_is_added_to_a_correction_that_is_unread_does_not_count_alone() -> None:
    texts, left_out = settled(
        version("old", "1"),
        version("unread", "2", "corrected", is_unread=True),
        version("addendum", "3"),
    )
    assert texts == [] and left_out == {"old": "newer_unread", "addendum": "newer_unread"}


def test_what_was_withdrawn_before_keeps_its_reason() -> None:
    texts, left_out = settled(
        version("a", "1"),
        version("", "2", "withdrawn"),
        version("b", "3"),
        version("unread", "4", "corrected", is_unread=True),
    )
    assert texts == []
    assert left_out == {"a": "withdrawn", "": "withdrawal", "b": "newer_unread"}


def test_where_nothing_could_be_read_before_nothing_is_outdated() -> None:
    unread = [version(n, n, "corrected", is_unread=True) for n in "12"]
    assert settled(*unread, version("later", "3")) == (["later"], {})


@pytest.mark.parametrize("status", ["final", "preliminary", "unverified"])
def test_what_is_unread_and_changes_nothing_leaves_a_final_report(status: str) -> None:
    report = version("report", "1")
    assert settled(report, version("unread", "2", status, is_unread=True)) == (["report"], {})


@pytest.mark.parametrize("status", ["final", "corrected", "preliminary"])
def test_an_order_without_a_text_beside_one_with_it(status: str) -> None:
    message = {"path": Path("a"), "part": 2}
    texts, _ = settled(
        version("old", "1", status),
        version("unread", "2", status, is_unread=True, **message),
        version("text", "2", status, **message),
    )
    assert texts[-1] == "text"


def test_a_document_that_is_unread_replaces_the_ones_that_it_names() -> None:
    old = version("old", "1", uid="1")
    draft = version("draft", "2", "preliminary", uid="2", replaces=("1",))
    beside = version("beside", "1", uid="9")
    unread = version("unread", "3", uid="3", replaces=("2",), is_unread=True)
    reasons = dict.fromkeys(("old", "draft", "beside"), "newer_unread")
    assert settled(old, draft, beside, unread) == ([], reasons)
    texts, _ = settled(old, draft, unread, version("new", "4", uid="4", replaces=("3",)))
    assert texts == ["new"]


def test_an_unread_draft_leaves_a_finished_successor() -> None:
    old = version("old", "1", uid="1")
    new = version("new", "2", uid="2", replaces=("1",))
    draft = version("draft", "3", "preliminary", uid="3", replaces=("1",), is_unread=True)
    assert settled(old, new, draft) == (["new"], {"old": "replaced"})


@pytest.mark.parametrize("status", ["final", "unverified", "preliminary"])
@pytest.mark.parametrize("replaces", [(), ("8",)])
def test_a_scanned_paper_is_no_version_of_a_report(status: str, replaces: tuple[str]) -> None:
    paper = version("paper", "2", uid="9", replaces=replaces, is_unread=True)
    assert settled(version("report", "1", status, uid="1"), paper) == (["report"], {})


# Patients


@pytest.mark.parametrize("status", ["final", "corrected", "withdrawn"])
@pytest.mark.parametrize("is_unread", [False, True])
def test_reports_of_several_patients_with_one_number_do_not_count(
    status: str, is_unread: bool
) -> None:
    texts, left_out = settled(
        version("a", "1", patient=("P1",)),
        version("b", "2", status, patient=("P2",), is_unread=is_unread),
        version("c", "2", patient=("P2",), id="A2"),
    )
    assert texts == ["c"] and set(left_out.values()) == {"other_patient"}
    assert ("b" in left_out) == (not is_unread)


def test_an_unknown_patient_may_be_any_and_numbers_are_not_shortened() -> None:
    one = version("a", "1", patient=("01 ",))
    assert settled(one, version("b", "2", patient=("01",)), version("c", "3"))[0] == ["a", "b", "c"]
    assert settled(one, version("b", "2", patient=("7", "1")))[0] == ["a", "b"]
    assert settled(one, version("b", "2", patient=("10",)))[0] == []


def test_many_reports_with_one_number_take_no_minutes() -> None:
    """As where a system writes one word in place of a missing number."""
    started = time.process_time()
    kinds = [
        {},
        {"uid": "1", "replaces": ("2",)},
        {"status": "preliminary"},
        {"status": "corrected"},
        {"status": "withdrawn"},
        {"status": "corrected", "is_unread": True},
    ]
    for kind in kinds:
        settle(version(str(n), f"{n}", **kind) for n in range(20_000))
    assert len(settled(*(version(str(n), str(n), uid=str(n)) for n in range(20_000)))[0]) == 20_000
    assert time.process_time() - started < 10
