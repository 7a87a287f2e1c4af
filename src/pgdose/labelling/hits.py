"""Hits: the places of a clause where entries of the lexicon match, and which of them count."""

from collections import defaultdict
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from pgdose.labelling.entries import Entry, Word


class Hit(NamedTuple):
    """An entry that matches the words from `start` to before `end`."""

    start: int
    end: int
    entry: Entry


def find_hits(words: Sequence[Word]) -> dict[str, list[Hit]]:
    """All hits among the words of a clause by role, in the order of the words."""
    hits: dict[str, list[Hit]] = defaultdict(list)
    bits_of = [word.fitted_bits for word in words]
    fitted_bits = reduce(or_, bits_of, 0)
    bits_of.append(0)
    for i, word in enumerate(words):
        if word.begins_nothing:
            continue
        for entry in word.single_entries:
            hits[entry.role].append(Hit(i, i + 1, entry))
        next_bits = bits_of[i + 1]
        for second_bit, entry in word.multi_entries:
            if second_bit and not second_bit & next_bits:
                continue  # the next word does not fit
            if entry.required_bits & fitted_bits != entry.required_bits:
                continue  # one of its words is nowhere in the clause
            end = i + 2 if second_bit and len(entry.bits) == 2 else entry.match_end(words, i)
            if end:
                hits[entry.role].append(Hit(i, end, entry))
    return hits


def select_subjects(hits: dict[str, list[Hit]]) -> list[Hit]:
    """What the clause speaks of, in order: mentions of findings, and other things.

    Of mentions of one finding that overlap the first counts, of those that begin together the
    longest. A mention that begins inside an `exclude` of its finding does not count; the excluded
    words and the things in `others` are subjects that no label belongs to.
    """
    mentions: list[Hit] = []
    mentioned_until: dict[str, int] = {}
    exclusions = hits["exclude"]
    for hit in sorted(hits["patterns"], key=lambda hit: (hit.start, -hit.end)):
        label = hit.entry.label
        if hit.start < mentioned_until.get(label, 0):
            continue
        if exclusions and _is_excluded(hit, exclusions):
            continue
        mentions.append(hit)
        mentioned_until[label] = hit.end
    others = without_overlaps(hits["others"] + exclusions, mentions)
    if not others:
        return mentions
    return sorted(mentions + others, key=lambda hit: (hit.start, hit.end))


def _is_excluded(hit: Hit, exclusions: list[Hit]) -> bool:
    label = hit.entry.label
    return any(no.entry.label == label and no.start <= hit.start < no.end for no in exclusions)


def longest(hits: list[Hit]) -> list[Hit]:
    """The longest of hits that overlap; of equally long ones the last in the list."""
    if len(hits) < 2:
        return hits
    chosen: list[Hit] = []
    taken: set[int] = set()
    last_first = hits[::-1]
    for hit in sorted(last_first, key=lambda hit: hit.start - hit.end):
        places = range(hit.start, hit.end)
        if taken.isdisjoint(places):
            chosen.append(hit)
            taken.update(places)
    return sorted(chosen, key=lambda hit: hit.start)


def without_overlaps(hits: list[Hit], others: list[Hit]) -> list[Hit]:
    """The hits that overlap none of the others."""
    if not hits or not others:
        return hits
    taken = positions(others)
    return [hit for hit in hits if taken.isdisjoint(range(hit.start, hit.end))]


def overlap(a: Hit, b: Hit) -> bool:
    return a.start < b.end and b.start < a.end


def positions(hits: list[Hit]) -> set[int]:
    """The positions of all words that the hits cover."""
    return {i for hit in hits for i in range(hit.start, hit.end)}
