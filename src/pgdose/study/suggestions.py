"""Words for messages: the nearest of several names, and what may stand there."""

import difflib
import re
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str], likeness: float = 0.6) -> str:
    """`, did you mean 'NAME'?` with the most similar of the choices; empty if none is similar.

    likeness: from 0 to 1, how similar a choice must be at least.
    """
    similar = difflib.get_close_matches(name, list(choices), n=1, cutoff=likeness)
    return f", did you mean {similar[0]!r}?" if similar else ""


def nearest_of(name: str, choices: Iterable[str]) -> str | None:
    """The choice that was meant; None if no choice is near.

    First one that differs by capitals, spaces, hyphens and underscores alone, then the only one
    that begins with the name, then the most similar one.
    """
    choices = list(choices)
    letters = {choice: _letters(choice) for choice in choices}
    alike = [choice for choice in choices if letters[choice] == _letters(name)]
    beginning = [choice for choice in choices if letters[choice].startswith(_letters(name))]
    if alike or (len(beginning) == 1 and len(_letters(name)) > 1):
        return (alike or beginning)[0]
    similar = difflib.get_close_matches(name, choices, n=1)
    return similar[0] if similar else None


def _letters(name: str) -> str:
    """A name without what is easily written otherwise."""
    return re.sub(r"[\s_-]", "", name).casefold()


def one_of(choices: Iterable[str]) -> str:
    """`use one of: NAME, NAME`."""
    return f"use one of: {', '.join(choices) or '(there is none)'}"
