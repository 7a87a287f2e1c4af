"""Notes on what a PACS claims and does not list: they go to `tables/sources.csv` and the page."""

from collections.abc import Mapping

from pgdose.errors import UserError
from pgdose.pacs.failures import stopped
from pgdose.pacs.listing import BEGINS_ANEW

TEXTS = {  # of the counts of a listing, those that stand for films that may be missing
    "claimed_not_listed": "{} instances that the PACS counts are not there in its lists",
    "claimed_series_not_listed": "{} series that the PACS counts are not there in its lists",
    "studies_not_listed": "the PACS fails to list {} of its studies: their films are not there",
    "hours_maybe_cut": (
        "the PACS may have cut {} lists of the studies of an hour: some may be not there"
    ),
    "impossible_uids": "{} instances that the PACS lists have a UID that is not understood",
}


def listing_notes(counts: Mapping[str, int]) -> list[str]:
    """A note for each count of TEXTS that is not 0."""
    return [text.format(counts[name]) for name, text in TEXTS.items() if counts.get(name)]


def check_not_empty(rows: list[dict], counts: Mapping[str, int]) -> None:
    """UserError if nothing was listed; it says how much each filter left out.

    If the server failed to list studies, the error is about the server and not about `find`.
    """
    if rows:
        return
    left_out = [
        f"{n} {name.removeprefix('left_out_').replace('_', ' ')}"
        for name, n in counts.items()
        if name.startswith("left_out_")
    ]
    whys = [f"left out: {', '.join(left_out)}"] if left_out else []
    failed = counts.get("studies_not_listed")
    whys += listing_notes({**counts, "studies_not_listed": 0})
    why = f" ({'; '.join(whys)})" if whys else ""
    if failed:
        what = f"it fails to list {failed} of its studies, and lists no other that fits 'find'{why}"
        raise stopped(what, 1, then=BEGINS_ANEW)
    raise UserError(f"find: the PACS lists nothing that fits it{why}; widen it, or correct it")
