"""Of several versions of one report, which ones count."""

import time
from pathlib import Path

import pytest

from pgdose.documents.versions import Version, settle


def version(text: str, time: str = "", status: str = "final", **more) -> Version:  # type: ignore[no-untyped-def]
    values = {"id": "A1", "uid": "", "replaces": (), "path": Path(text), "part": 1} | more
    return Version(text=text, time=time, status=status, **values)  # type: ignore[arg-type]


def settled(*versions: Version) -> tuple[list[str], dict[str, str]]:
    kept, left_out = settle(versions)
    return [one.text for one in kept], {one.text: reason for one, reason in left_out}


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


def test_many_reports_with_one_number_take_no_minutes() -> None:
    """As where a system writes one word in place of a missing number."""
    started = time.process_time()
    assert len(settled(*(version(str(n), str(n), uid=str(n)) for n in range(20_000)))[0]) == 20_000
    assert time.process_time() - started < 10
