"""The scope of a cue: which subjects of its clause it denies or doubts.

A cue speaks of the subject next to it, and from there on of the row of subjects, up to the next one
that makes a statement of its own. Words in `statements` of the lexicon make one: in Russian
nominatives, because what is denied as a whole stands in the genitive:

    Пневмосклероз справа, | очаговых теней, инфильтрации не выявлено
    Без очаговых теней | пневмосклероз справа

`CueScopes.subjects_of(cue)` is the core; the rest is how a row is followed and where it breaks.
"""

from bisect import bisect_left

from pgdose.labelling.entries import Word
from pgdose.labelling.hits import Hit, positions


class CueScopes:
    """A clause with its subjects and cues, asked for the subjects of each cue.

    `subjects` and `cues` are in the order of the words; `cues` are those of denial, of doubt and of
    exception. `denied_attributes` are words of doubt that only describe what is denied.
    Subjects are returned by their position in `subjects`.
    """

    def __init__(
        self,
        words: tuple[Word, ...],
        subjects: list[Hit],
        cues: list[Hit],
        denied_attributes: list[Hit],
        hits: dict[str, list[Hit]],
    ) -> None:
        self.words = words
        self.subjects = subjects
        self.subject_starts = [hit.start for hit in subjects]
        self.subjects_at: dict[int, list[int]] = {}
        for k, hit in enumerate(subjects):
            for i in range(hit.start, hit.end):
                self.subjects_at.setdefault(i, []).append(k)
        self.cue_starts = sorted([cue.start for cue in cues])
        self.links = [hit.start for hit in denied_attributes]
        asides = _asides(words, hits["asides"]) if "asides" in hits else ()
        statements = positions(hits["statements"]) if "statements" in hits else set()
        openers = positions(hits["openers"]) if "openers" in hits else set()
        joints = positions(hits["conjunctions"]) if "conjunctions" in hits else set()
        alternatives, commas, colons = [], [], []
        for i, word in enumerate(words):
            if not word.parts_subjects:
                continue
            if word.is_conjunction:
                joints.add(i)
            if word.is_disjunction:
                alternatives.append(i)
            if i in asides:
                continue
            if word.is_statement:
                statements.add(i)
            if word.is_opener:
                openers.add(i)
            if word.text == ",":
                commas.append(i)
            elif word.text == ":":
                colons.append(i)
        self.commas, self.alternatives, self.openers = commas, alternatives, openers
        self.part_marks = sorted(commas + colons)
        self.statements = sorted(statements.difference(asides))
        self.joints = sorted(joints)

    def subjects_of(self, cue: Hit) -> list[int]:
        """The subjects that the cue is a part of ("аорта не развернута"), then its row."""
        return [*self._subjects_around(cue), *self._row(cue)]

    def _subjects_around(self, cue: Hit) -> list[int]:
        return sorted({k for i in range(cue.start, cue.end) for k in self.subjects_at.get(i, ())})

    def _row(self, cue: Hit) -> list[int]:
        """The row after or before a cue, by its role and by which side has the nearer subject."""
        role = cue.entry.role
        if role in ("before", "lists", "exceptions"):
            return self.row_after(cue)
        if role == "after":
            return self.row_before(cue)
        if role == "uncertainty" and (row := self.row_after(cue)):
            return row
        before = self.row_before(cue)
        beside = before and not _any_in(self.commas, self.subjects[before[0]].end, cue.start)
        if role == "uncertainty":
            return before if beside else []
        if (
            beside
            and self.subjects[before[0]].end == cue.start
            and not self._is_statement(before[0])
        ):
            return before
        after = self.row_after(cue)
        if beside and after and self._is_statement(before[0]) and not self._is_statement(after[0]):
            return after  # "На фоне пневмосклероза не выявлено очаговых теней"
        if beside and after and self._touches(cue, after[0]) and not self._touches(cue, before[0]):
            return before if self._is_statement(after[0]) else after  # "emphysema, resolved nodule"
        return before if beside else after or before

    def _touches(self, cue: Hit, k: int) -> bool:
        return self.subjects[k].start == cue.end or self.subjects[k].end == cue.start

    # The row of subjects on either side, and where it breaks

    def row_after(self, cue: Hit) -> list[int]:
        """The row of subjects that begins after a cue."""
        row: list[int] = []
        at = cue.end
        if cue.entry.role == "uncertainty" and self._begins_part(cue.start) and at in self.commas:
            at += 1  # "возможно, пневмония"
        for k in range(bisect_left(self.subject_starts, cue.end), len(self.subjects)):
            hit = self.subjects[k]
            if hit.start >= at and self._breaks_after(cue, k, at, bool(row)):
                break
            row.append(k)
            at = max(at, hit.end)
        return row

    def _breaks_after(self, cue: Hit, k: int, at: int, has_row: bool) -> bool:
        """Whether the row after a cue, which reaches up to `at` so far, ends before subject k."""
        hit = self.subjects[k]
        comma = _first_in(self.commas, at, hit.start)
        if comma == cue.end or _any_in(self.cue_starts, at, hit.start):
            return True
        if has_row and cue.entry.reaches_one and not self._is_joined(k, at):
            return True
        if _any_in(self.alternatives, at, hit.start) or _any_in(self.links, at, hit.start):
            return False  # "no effusion, or left basal pneumonia"; "no opacity to suggest a nodule"
        if comma is None:
            if has_row and hit.start == at and cue.entry.role == "uncertainty":
                return False  # one thing in two words: "вероятно посттуберкулезный фиброз"
            states = has_row and _any_in(self.statements, at, hit.end)
            return states and not (self._is_joined(k, at) or self._in_closed_list(cue, k))
        if cue.entry.role == "exceptions":
            return True  # "кроме фиброза, очаговых теней нет"
        is_closed = _any_in(self.alternatives, cue.end, comma)  # "no effusion or mass, scarring"
        if is_closed and cue.entry.role != "uncertainty" and not self._precedes_or(cue, hit):
            return True
        states = comma + 1 in self.openers or _any_in(self.statements, comma, hit.end)
        return states and not (
            self._in_open_list(cue, k, comma, hit.start) or self._precedes_or(cue, hit)
        )

    def _precedes_or(self, cue: Hit, hit: Hit) -> bool:
        """Whether a denied list goes on behind a subject: "no effusion, left pneumonia, or nodule".

        A subject that is a statement in itself, as a nominative is, is none of the list.
        """
        end = _first_in(self.alternatives, hit.end, len(self.words))
        if cue.entry.role == "uncertainty" or end is None:
            return False
        ends_before = _any_in(self.statements, hit.start, end)
        return not (ends_before or _any_in(self.cue_starts, hit.end, end))

    def row_before(self, cue: Hit) -> list[int]:
        """The row of subjects that ends before a cue, the nearest first."""
        row: list[int] = []
        at = cue.start
        for k in reversed(range(bisect_left(self.subject_starts, cue.start))):
            hit = self.subjects[k]
            if hit.end > cue.start:
                continue
            if hit.end <= at and self._breaks_before(cue, k, at, bool(row)):
                break
            row.append(k)
            at = min(at, hit.start)
        return row

    def _breaks_before(self, cue: Hit, k: int, at: int, has_row: bool) -> bool:
        """Whether the row before a cue, which reaches back to `at` so far, ends after subject k."""
        hit, role = self.subjects[k], cue.entry.role
        if _any_in(self.cue_starts, hit.end, at):
            return True
        comma = _first_in(self.commas, hit.end, at)
        if comma is None:
            if not has_row or _any_in(self.joints, hit.end, at):
                return False
        elif role == "uncertainty":
            return True
        elif not has_row and (role == "after" or (role == "both" and comma + 1 == cue.start)):
            return False  # nothing else that it could speak of: "пневмония, в динамике разрешилась"
        end = hit.end if comma is None else comma
        if not _any_in(self.statements, self._phrase_start(k), end):
            return False
        # "Признаки фиброза, эмфиземы отсутствуют": nothing nearer is the plural's subject
        is_subject = role == "plural" and not _any_in(self.statements, end, cue.start)
        return not (is_subject or self._in_open_list(cue, k, comma, at))

    # How a subject stands in its row

    def _is_statement(self, k: int) -> bool:
        """Whether a subject makes a statement of its own."""
        return _any_in(self.statements, self._phrase_start(k), self.subjects[k].end)

    def _phrase_start(self, k: int) -> int:
        """Where the words that belong to a subject begin: after a comma or another subject."""
        start = self._part_start(self.subjects[k].start)
        while k and self.subjects[k - 1].end > start:
            last = self.subjects[k - 1].end
            if last <= self.subjects[k].start and not self._is_joined(k, last):
                return last
            k -= 1
        return start

    def _is_joined(self, k: int, last: int) -> bool:
        """Whether a conjunction joins a subject to the one that ends at `last`."""
        return _any_in(self.joints, last, self.subjects[k].start)

    def _in_open_list(self, cue: Hit, k: int, comma: int | None, end: int) -> bool:
        """Whether the cue may have a list of nominatives, and this subject is bare between commas.

        `comma` parts it from its neighbour in the list, which ends or begins at `end`.

        "Пневмосклероз, эмфизема не определяются"; "нельзя исключить пневмонию, туберкулез"
        """
        hit = self.subjects[k]
        ends = [i for i in (*self.commas, *self.cue_starts) if i >= hit.end]
        part = range(self._part_start(hit.start), min(ends, default=len(self.words)))
        is_bare = all(hit.start <= i < hit.end or i in self.joints for i in part)
        takes_list = cue.entry.role in ("plural", "lists", "uncertainty")
        if comma is not None and _any_in(self.commas, comma + 1, end):
            takes_list = False  # something else stands between
        return (takes_list and is_bare) or self._in_closed_list(cue, k)

    def _in_closed_list(self, cue: Hit, k: int) -> bool:
        """Whether the subject stands between a cue that opens a list and one that closes it.

        "Данных за бронхит, очаговую пневмонию не получено"
        """
        return cue.entry.role == "lists" and self.cue_starts[-1] >= self.subjects[k].end

    def _part_start(self, at: int) -> int:
        """Where the part between commas or colons begins that holds the word at `at`."""
        i = bisect_left(self.part_marks, at)
        return self.part_marks[i - 1] + 1 if i else 0

    def _begins_part(self, at: int) -> bool:
        return at == self._part_start(at)


def _asides(words: tuple[Word, ...], hits: list[Hit]) -> set[int]:
    """The positions of asides with their commas: "очаги, описанные ранее, не видны"."""
    asides: set[int] = set()
    for hit in hits:
        if not hit.start or words[hit.start - 1].text != ",":
            continue
        end = next((i for i in range(hit.end, len(words)) if words[i].text == ","), None)
        if end is not None:
            asides.update(range(hit.start - 1, end + 1))
    return asides


def _first_in(rising: list[int], start: int, end: int) -> int | None:
    """The first of rising positions from `start` to before `end`."""
    i = bisect_left(rising, start)
    return rising[i] if i < len(rising) and rising[i] < end else None


def _any_in(rising: list[int], start: int, end: int) -> bool:
    return _first_in(rising, start, end) is not None
