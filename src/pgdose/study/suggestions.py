"""Words for messages: the nearest of several names, and what may stand there."""

import difflib
import re
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str]) -> str:
    """`, did you mean 'NAME'?` with the most similar of the choices; empty if none is similar."""
    choices = list(choices)
    same = [choice for choice in choices if _letters(choice) == _letters(name)]
    similar = same or difflib.get_close_matches(name, choices, n=1)
    return f", did you mean {similar[0]!r}?" if similar else ""


def one_of(choices: Iterable[str]) -> str:
    """`use one of: NAME, NAME`."""
    return f"use one of: {', '.join(choices) or '(there is none)'}"


def _letters(name: str) -> str:
    """A name without what is easily written otherwise: capitals, spaces, hyphens."""
    return re.sub(r"[\s_-]", "", name).casefold()
