"""Words for messages: the nearest of several names, and what may stand there."""

import difflib
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str], likeness: float = 0.6) -> str:
    """`, did you mean 'NAME'?` with the most similar of the choices; empty if none is similar.

    likeness: from 0 to 1, how similar a choice must be at least.
    """
    similar = difflib.get_close_matches(name, list(choices), n=1, cutoff=likeness)
    return f", did you mean {similar[0]!r}?" if similar else ""


def one_of(choices: Iterable[str]) -> str:
    """`use one of: NAME, NAME`."""
    return f"use one of: {', '.join(choices) or '(there is none)'}"
