"""What a PACS claims and does not list reaches the page, as a warning."""

import pytest

from pgdose.errors import UserError
from pgdose.pacs.listing_notes import TEXTS, check_not_empty, listing_notes
from pgdose.user_tables.notes import LOST


def test_films_that_may_be_missing_are_told() -> None:
    counts = {"claimed_not_listed": 7, "listed_again": 3, "impossible_uids": 0}
    [note] = listing_notes(counts)
    assert note.startswith("7 instances that the PACS counts")
    assert listing_notes({}) == []


def test_each_is_a_warning() -> None:
    assert all(any(word in text for word in LOST) for text in TEXTS.values())


def test_an_empty_list_stops_and_says_what_was_left_out() -> None:
    check_not_empty([{"instance": "1.2"}], {})
    counts = {"left_out_series_other_body_part": 12, "listed_again": 1}
    with pytest.raises(UserError, match=r"^find: .*left out: 12 series other body part.*widen"):
        check_not_empty([], counts)
    with pytest.raises(UserError, match=r"^find: .*\(4 series that the PACS counts are not there"):
        check_not_empty([], {"claimed_series_not_listed": 4})


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({"studies_not_listed": 2}, ""),
        (
            {"studies_not_listed": 2, "left_out_series_other_body_part": 12},
            r" \(left out: 12 series other body part\)",
        ),
    ],
)
def test_an_empty_list_of_a_server_that_fails_is_about_the_server(
    counts: dict[str, int], why: str
) -> None:
    message = rf"^server: it fails to list 2 of its studies, and lists no other.*'find'{why}; when "
    with pytest.raises(UserError, match=message) as error:
        check_not_empty([], counts)
    assert "widen" not in str(error.value) and "start the study anew" in str(error.value)
