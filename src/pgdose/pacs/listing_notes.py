"""Notes on what a PACS claims and does not list: they go to `tables/sources.csv` and the page."""

from collections.abc import Mapping

from pgdose.errors import UserError

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
    """UserError if nothing was listed; it says how much each filter left out."""
    if rows:
        return
    left_out = [
        f"{n} {name.removeprefix('left_out_').replace('_', ' ')}"
        for name, n in counts.items()
        if name.startswith("left_out_")
    ]
    whys = [f"left out: {', '.join(left_out)}"] if left_out else []
    whys += listing_notes(counts)
    why = f" ({'; '.join(whys)})" if whys else ""
    raise UserError(f"find: the PACS lists nothing that fits it{why}; widen it, or correct it")
