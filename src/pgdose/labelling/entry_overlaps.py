"""Entries of a lexicon that stand twice, that contradict each other, or that another one covers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pgdose.labelling.entries import CUE_ROLES, HEADING_ROLES, Element, Entry
from pgdose.labelling.lexicon_mistakes import LexiconMistakes, Place

MOST_COMPARISONS = 200_000  # of entries with each other; a warning is not worth more time

# An entry may stand in one list of each group only: it cannot do both.
_EXCLUSIVE_ROLES = (
    ("patterns",),  # of different findings
    (*CUE_ROLES, "uncertainty", "not_cues"),
    HEADING_ROLES,
)


def check_overlaps(entries: dict[Place, Entry], mistakes: LexiconMistakes) -> None:
    """Add a mistake for each contradiction, a warning for each entry without effect."""
    contradictory = _contradictions(entries, mistakes)
    lists: dict[tuple[str, str, int], dict[Place, Entry]] = defaultdict(dict)
    for place, entry in entries.items():
        if place not in contradictory:
            lists[entry.role, entry.label, len(entry.elements)][place] = entry
    budget = MOST_COMPARISONS
    for of_list in lists.values():
        budget = _warn_of_covered(of_list, mistakes, budget)


def _contradictions(entries: dict[Place, Entry], mistakes: LexiconMistakes) -> set[Place]:
    """The places of entries that stand in two lists of which one entry may be in one only."""
    contradictory = set()
    for kind in _kinds():
        first: dict[tuple[tuple[Element, ...], str], tuple[Place, Entry]] = {}
        for place, entry in entries.items():
            if entry.role not in kind:
                continue
            key = (entry.elements, entry.label if "exclude" in kind else "")
            other_place, other = first.setdefault(key, (place, entry))
            if (entry.role, entry.label) != (other.role, other.label):
                contradictory.add(place)
                mistakes.add(
                    place,
                    f"is the same as {mistakes.line_of(other_place)}, in another list; "
                    "remove one of the two",
                )
    return contradictory


def _kinds() -> Iterator[Sequence[str]]:
    yield from _EXCLUSIVE_ROLES
    yield ("patterns", "exclude")  # of one finding


def _warn_of_covered(entries: dict[Place, Entry], mistakes: LexiconMistakes, budget: int) -> int:
    """Warn of entries of one list that others of it cover; all have as many elements.

    Returns what is left of the budget of comparisons.
    """
    by_first: dict[Element, list[Place]] = defaultdict(list)
    for place, entry in entries.items():
        by_first[entry.elements[0]].append(place)
    order = {place: n for n, place in enumerate(entries)}
    for place, entry in entries.items():
        for first in wider_elements(entry.elements[0]):
            for other in by_first.get(first, ()):
                budget -= 1
                if budget < 0:
                    return budget
                if other == place or not covers(entries[other].elements, entry.elements):
                    continue
                is_same = entries[other].elements == entry.elements
                if is_same and order[other] > order[place]:
                    continue  # the later one of two is the one to remove
                if is_same:
                    text = f"is the same as {mistakes.line_of(other)}; remove it"
                else:  # a longer word in full is known with typing errors, too
                    text = f"is covered by {mistakes.line_of(other)}; remove it, unless it is "
                    text += "there so that typing errors in its words are known"
                mistakes.warn(place, text)
                break
            else:
                continue
            break
    return budget


def covers(wide: Sequence[Element], narrow: Sequence[Element]) -> bool:
    """Whether an entry fits all that another one of as many elements fits, and no more words of it.

    Behind a gap (`..`) the elements have to be the same: a wider one could match earlier.
    """
    gap = next((i for i, element in enumerate(narrow) if element.is_gap), len(narrow))
    return wide[gap:] == narrow[gap:] and all(
        element_covers(a, b) for a, b in zip(wide[:gap], narrow[:gap], strict=True)
    )


def element_covers(wide: Element, narrow: Element) -> bool:
    if wide.is_gap or narrow.is_gap:
        return wide == narrow
    if not wide.text:  # `*`
        return not narrow.text or narrow.text[0].isalnum()
    if wide.any_before and wide.any_after:
        return wide.text in narrow.text
    if wide.any_before:
        return not narrow.any_after and narrow.text.endswith(wide.text)
    if wide.any_after:
        return not narrow.any_before and narrow.text.startswith(wide.text)
    return wide == narrow


def wider_elements(element: Element) -> Iterable[Element]:
    """The element, and those that fit all that it fits (but for `*x*`, which few entries have)."""
    text = element.text
    yield element
    if not text or element.is_gap:
        return
    for i in range(1, len(text) + 1):
        if not element.any_before and (i < len(text) or not element.any_after):
            yield Element(text[:i], False, True)
        if not element.any_after and (i < len(text) or not element.any_before):
            yield Element(text[-i:], True, False)
