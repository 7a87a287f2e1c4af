"""What a clause of a report says of each finding that it mentions: stated, denied or doubted.

The things that a clause speaks of, its subjects, stand in a row: mentions of findings, and other
things that reports deny (`others` of the lexicon). A cue of denial or doubt speaks of the subject
next to it, and from there on of the row up to the next statement of its own. What makes a
statement are the words in `statements`: in Russian nominatives, for what is denied as a whole
stands in the genitive:

    Пневмосклероз справа, | очаговых теней, инфильтрации не выявлено
    Без очаговых теней | пневмосклероз справа
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from pgdose.labelling.lexicon import CUES, Entry, Word


class Hit(NamedTuple):
    """An entry of the lexicon that fits the clause's words from `start` to before `end`."""

    start: int
    end: int
    entry: Entry


class Statement(NamedTuple):
    """What a clause says of the finding of `entry`, and the rule of the cue that says so."""

    start: int
    end: int
    entry: Entry
    state: str
    cue: str | None


@lru_cache(maxsize=50_000)  # reports repeat each other's sentences
def read_clause(words: tuple[Word, ...], negation: bool) -> tuple[Statement, ...]:
    """The mentions of findings among the words of a clause, and what is said of each.

    Without `negation` all are present.
    """
    return tuple(Clause(words).read(negation))


class Clause:
    """The words between two terminators, with what the lexicon's entries find among them."""

    def __init__(self, words: tuple[Word, ...]) -> None:
        hits: dict[str, list[Hit]] = defaultdict(list)
        later = 0
        for word in words:
            later |= word.later
        for i, word in enumerate(words):
            if word.idle:
                continue
            for entry in word.short:
                hits[entry.role].append(Hit(i, i + 1, entry))
            for entry in word.long:
                if entry.later & later == entry.later and (end := entry.end(words, i)):
                    hits[entry.role].append(Hit(i, end, entry))
        self.words = words
        self.subjects = _subjects(hits)
        self.doubts = _without(_longest(hits["uncertainty"]), hits["not_cues"])
        no_cues = hits["not_cues"] + self.doubts
        self.cues = _without(_longest([h for role in CUES for h in hits[role]]), no_cues)
        if self.cues or self.doubts:
            self.cue_starts = sorted(hit.start for hit in self.cues + self.doubts)
            self.commas = [i for i, word in enumerate(words) if word.text == ","]
            several = _inside(hits["statements"])
            self.statements = [i for i, word in enumerate(words) if word.states or i in several]
            several = _inside(hits["conjunctions"])
            self.joints = [i for i, word in enumerate(words) if word.joins or i in several]

    def read(self, negation: bool) -> Iterator[Statement]:
        """The mentions, and what is said of each."""
        denied = self._spoken_of(self.cues) if negation else {}
        doubted = self._spoken_of(self.doubts) if negation else {}
        for k, (start, end, entry) in enumerate(self.subjects):
            if entry.role != "patterns":
                continue
            if k in denied:
                yield Statement(start, end, entry, "absent", denied[k])
            elif k in doubted:
                yield Statement(start, end, entry, "uncertain", doubted[k])
            else:
                yield Statement(start, end, entry, "present", None)

    # --- what a cue speaks of ---------------------------------------------------------------

    def _spoken_of(self, cues: list[Hit]) -> dict[int, str]:
        """Subjects by their number, each with the rule of the first cue that speaks of it."""
        found: dict[int, str] = {}
        for cue in cues:
            for k in [*self._sharing(cue), *self._reach(cue)]:
                found.setdefault(k, cue.entry.rule)
        return found

    def _sharing(self, cue: Hit) -> list[int]:
        """Subjects that the cue is a part of: "аорта не развернута"."""
        return [k for k, hit in enumerate(self.subjects) if _overlap(hit, cue)]

    def _reach(self, cue: Hit) -> list[int]:
        """The subjects that a cue speaks of, by its kind and by which side has the nearer one."""
        role = cue.entry.role
        if role in ("before", "lists"):
            return self.following(cue)
        if role == "after":
            return self.preceding(cue)
        after, before = self.following(cue), self.preceding(cue)
        beside = before and not self._any(self.commas, self.subjects[before[0]].end, cue.start)
        if role == "uncertainty":
            return after or (before if beside else [])
        if beside and after and self._states(before[0]) and not self._states(after[0]):
            return after  # "На фоне пневмосклероза не выявлено очаговых теней"
        return before if beside else after or before

    def following(self, cue: Hit) -> list[int]:
        """The row of subjects that begins after a cue."""
        row: list[int] = []
        at = cue.end
        if cue.entry.role == "uncertainty" and self._begins_part(cue.start) and at in self.commas:
            at += 1  # "возможно, пневмония"
        for k, hit in enumerate(self.subjects):
            if hit.start < cue.end:
                continue
            if hit.start >= at and self._breaks_after(cue, k, at, bool(row)):
                break
            row.append(k)
            at = max(at, hit.end)
        return row

    def _breaks_after(self, cue: Hit, k: int, at: int, listing: bool) -> bool:
        """Whether the row after a cue, which goes up to `at` so far, ends before a subject."""
        hit = self.subjects[k]
        comma = self._next(self.commas, at, hit.start)
        if comma == cue.end or self._any(self.cue_starts, at, hit.start):
            return True
        if comma is None:
            if listing and hit.start == at and cue.entry.role == "uncertainty":
                return False  # one thing in two words: "вероятно посттуберкулезный фиброз"
            states = listing and self._any(self.statements, at, hit.end)
            return states and not (self._joined(k, at) or self._closed(cue, k))
        states = self._any(self.statements, comma, hit.end)
        return states and not self._lists(cue, k, comma, hit.start)

    def preceding(self, cue: Hit) -> list[int]:
        """The row of subjects that ends before a cue, the nearest first."""
        row: list[int] = []
        at = cue.start
        for k in reversed(range(len(self.subjects))):
            hit = self.subjects[k]
            if hit.end > cue.start:
                continue
            if hit.end <= at and self._breaks_before(cue, k, at, bool(row)):
                break
            row.append(k)
            at = min(at, hit.start)
        return row

    def _breaks_before(self, cue: Hit, k: int, at: int, listing: bool) -> bool:
        """Whether the row before a cue, which goes back to `at` so far, ends after a subject."""
        hit, role = self.subjects[k], cue.entry.role
        if self._any(self.cue_starts, hit.end, at):
            return True
        comma = self._next(self.commas, hit.end, at)
        if comma is None:
            if not listing or self._any(self.joints, hit.end, at):
                return False
        elif role == "uncertainty":
            return True
        elif role == "after" and not listing:
            return False  # it has nothing else to speak of: "пневмония, в динамике разрешилась"
        end = hit.end if comma is None else comma
        if not self._any(self.statements, self._begin(k), end):
            return False
        # "Признаки фиброза, эмфиземы отсутствуют": nothing nearer is the plural's subject
        is_subject = role == "plural" and not self._any(self.statements, end, cue.start)
        return not (is_subject or self._lists(cue, k, comma, at))

    # --- how subjects stand in the row ------------------------------------------------------

    def _begin(self, k: int) -> int:
        """Where the words that belong to a subject begin: after a comma or another subject."""
        start = self._part(self.subjects[k].start)
        while k and self.subjects[k - 1].end > start:
            last = self.subjects[k - 1].end
            if last <= self.subjects[k].start and not self._joined(k, last):
                return last
            k -= 1
        return start

    def _states(self, k: int) -> bool:
        return self._any(self.statements, self._begin(k), self.subjects[k].end)

    def _joined(self, k: int, last: int) -> bool:
        """Whether a conjunction joins a subject to the one that ends at `last`."""
        return self._any(self.joints, last, self.subjects[k].start)

    def _lists(self, cue: Hit, k: int, comma: int | None, end: int) -> bool:
        """Whether the cue may have a list of nominatives, and this one is bare between commas.

        `comma` is the one between it and its neighbour in the list, which ends or begins at `end`.

        "Пневмосклероз, эмфизема не определяются"; "нельзя исключить пневмонию, туберкулез"
        """
        hit = self.subjects[k]
        ends = [i for i in (*self.commas, *self.cue_starts) if i >= hit.end]
        words = range(self._part(hit.start), min(ends, default=len(self.words)))
        bare = all(hit.start <= i < hit.end or i in self.joints for i in words)
        listing = cue.entry.role in ("plural", "lists", "uncertainty")
        if comma is not None and self._any(self.commas, comma + 1, end):
            listing = False  # something else stands between
        return (listing and bare) or self._closed(cue, k)

    def _closed(self, cue: Hit, k: int) -> bool:
        """Whether the subject stands between a cue that opens a list and one that closes it.

        "Данных за бронхит, очаговую пневмонию не получено"
        """
        return cue.entry.role == "lists" and self.cue_starts[-1] >= self.subjects[k].end

    def _part(self, at: int) -> int:
        """Where the part between commas begins in which a word stands."""
        i = bisect_left(self.commas, at)
        return self.commas[i - 1] + 1 if i else 0

    def _begins_part(self, at: int) -> bool:
        return at == self._part(at)

    @staticmethod
    def _next(positions: list[int], start: int, end: int) -> int | None:
        i = bisect_left(positions, start)
        return positions[i] if i < len(positions) and positions[i] < end else None

    def _any(self, positions: list[int], start: int, end: int) -> bool:
        return self._next(positions, start, end) is not None


def _subjects(hits: dict[str, list[Hit]]) -> list[Hit]:
    """Mentions, what is excluded from them, and other things, by where they stand."""
    excluded = hits["exclude"]
    found: list[Hit] = []
    taken: dict[str, int] = {}
    for hit in sorted(hits["patterns"], key=lambda hit: (hit.start, -hit.end)):
        label = hit.entry.label
        if hit.start >= taken.get(label, 0) and not _excluded(hit, excluded):
            found.append(hit)
            taken[label] = hit.end
    others = _without(hits["others"] + excluded, found)
    return sorted(found + others, key=lambda hit: (hit.start, hit.end)) if others else found


def _excluded(hit: Hit, excluded: list[Hit]) -> bool:
    label = hit.entry.label
    return any(no.entry.label == label and no.start <= hit.start < no.end for no in excluded)


def _inside(hits: list[Hit]) -> set[int]:
    return {i for hit in hits for i in range(hit.start, hit.end)}


def _longest(hits: list[Hit]) -> list[Hit]:
    """Of hits that overlap the longest, of equally long ones the last given."""
    if len(hits) < 2:
        return hits
    chosen: list[Hit] = []
    last_first = hits[::-1]
    for hit in sorted(last_first, key=lambda hit: hit.start - hit.end):
        if not any(_overlap(hit, other) for other in chosen):
            chosen.append(hit)
    return sorted(chosen, key=lambda hit: hit.start)


def _without(hits: list[Hit], others: list[Hit]) -> list[Hit]:
    if not hits or not others:
        return hits
    return [hit for hit in hits if not any(_overlap(hit, other) for other in others)]


def _overlap(a: Hit, b: Hit) -> bool:
    return a.start < b.end and b.start < a.end
