"""The pages of a TIFF that somebody gave: not those of a ring, nor a million of them."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from pgdose.errors import Rejected

MOST_PAGES = 1000  # levels, label, macro and focal planes of a slide are far fewer


def first_pages(pages: Iterable[Any]) -> list[Any]:
    """The pages (of a file, or SubIFDs of a page). Rejects absurd_size.

    tifffile goes round for ever where each page names the next and the last names the first.
    """
    listed = list(islice(pages, MOST_PAGES + 1))
    if len(listed) > MOST_PAGES:
        raise Rejected("absurd_size", f"the TIFF has over {MOST_PAGES} pages, or a ring of them")
    return listed
