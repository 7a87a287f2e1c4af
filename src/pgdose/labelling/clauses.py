"""What a clause of a report says of each finding that it mentions: present, absent or uncertain.

One sentence on its way through the labeller, with the Russian lexicon (a test runs this example):

    text        "Пнeвмосклероз справа, очаг. теней не видно."      its second letter e is Latin

    tokens      Пнeвмосклероз | справа | , | очаг | . | теней | не | видно | .
                spelling.tokenize

    words       0 пневмосклероз   1 unknown_   2 ,   3 очаг   4 теней   5 не   6 видно   7 .
                vocabulary, segments: Latin letters become Cyrillic; no entry concerns "справа"; the
                dot of an abbreviation before a small letter is left out

    clause      words 0 to 6 (their cores): the last dot is in negation.terminators
                Segments.clauses

    hits        0     patterns   findings.pneumosclerosis: пневмоскл*
                3     patterns   findings.focal_shadows: очаг
                5-6   both       negation.both: не видно
                hits.find_hits: where entries of the lexicon match

    subjects    0 пневмосклероз, 3 очаг; the cue is 5-6
                hits.select_subjects

    scope       the cue denies the subject next to it, 3. The row ends there: a comma follows, and
                "пневмосклероз" is a nominative (negation.statements), a statement of its own
                cue_scope.CueScopes

    statements  0 pneumosclerosis present; 3 focal_shadows absent, by the cue "не видно"
                read_clause

    mentions    the same with places in the text: 0-13 and 22-26
                reports.read_report

    states      pneumosclerosis present, focal_shadows absent, the other labels unmentioned
                reports.states
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pgdose.labelling.cue_scope import CueScopes
from pgdose.labelling.entries import CUE_ROLES, Entry, Word
from pgdose.labelling.hits import (
    Hit,
    find_hits,
    longest,
    select_subjects,
    without_overlaps,
)

_CUES = {*CUE_ROLES, "uncertainty"}
_NEAR = 10  # denials on either side of a word of doubt that may be about it
_WORDS_AROUND_OR = 4  # between two things that an "or" joins


class Statement(NamedTuple):
    """What a clause says of a finding: `entry` mentions it, the rule `cue` denies or doubts it."""

    start: int
    end: int
    entry: Entry
    state: str  # present, absent or uncertain
    cue: str | None  # None where present


@lru_cache(maxsize=50_000)  # reports repeat each other's sentences
def read_clause(words: tuple[Word, ...], negation: bool) -> tuple[Statement, ...]:
    """Each mention of a finding among the words of a clause, with its state.

    With `negation=False` all are present.
    """
    hits = find_hits(words)
    subjects = select_subjects(hits)
    denied, doubted = _denied_and_doubted(words, subjects, hits) if negation else ({}, {})
    has_alternatives = negation and any(word.is_disjunction for word in words)
    statements = []
    for k, (start, end, entry) in enumerate(subjects):
        if entry.role != "patterns":
            continue  # another thing, which only keeps a cue from the findings
        if k in denied:
            state, cue = "absent", denied[k]
        elif k in doubted:
            state, cue = "uncertain", doubted[k]
        elif has_alternatives and _is_alternative(words, subjects, k):
            state, cue = "uncertain", "negation.disjunctions"
        else:
            state, cue = "present", None
        statements.append(Statement(start, end, entry, state, cue))
    return tuple(statements)


def _denied_and_doubted(
    words: tuple[Word, ...], subjects: list[Hit], hits: dict[str, list[Hit]]
) -> tuple[dict[int, str], dict[int, str]]:
    """The subjects that cues deny, and those that they doubt, each with the first cue's rule.

    A cue counts for nothing inside a longer one: "not" in "not excluded", "to suggest" in "nothing
    to suggest"; nor does any inside `not_cues` ("без динамики").
    What is excepted is not denied: "за исключением фиброза изменений нет".
    """
    if hits.keys().isdisjoint(_CUES):
        return {}, {}
    denials = longest([hit for role in CUE_ROLES if role in hits for hit in hits[role]])
    doubts = without_overlaps(longest(hits["uncertainty"]), hits["not_cues"])
    if doubts and denials:
        doubts = _outside_of(doubts, denials)
    denials = without_overlaps(denials, hits["not_cues"] + doubts)
    if not (denials or doubts):
        return {}, {}
    attributes: list[Hit] = []
    if "attributes" in hits:
        attributes = longest(without_overlaps(hits["attributes"], denials))
        attributes = [hit for hit in attributes if _is_denied(words, hit, denials)]
        doubts = without_overlaps(doubts, attributes)
    exceptions = without_overlaps(longest(hits["exceptions"]), hits["not_cues"])
    scopes = CueScopes(words, subjects, denials + doubts + exceptions, attributes, hits)
    excepted = {k for cue in exceptions for k in scopes.subjects_of(cue)}
    rules: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for cues, rule_of in zip((denials, doubts), rules, strict=True):
        for cue in cues:
            for k in scopes.subjects_of(cue):
                rule_of.setdefault(k, cue.entry.rule)
    for k in excepted:
        rules[0].pop(k, None)
    return rules


def _outside_of(hits: list[Hit], others: list[Hit]) -> list[Hit]:
    """The hits that lie inside none of the others, which do not overlap each other."""
    other_at = {i: other for other in others for i in range(other.start, other.end)}
    return [
        hit for hit in hits if (other := other_at.get(hit.start)) is None or hit.end > other.end
    ]


def _is_denied(words: tuple[Word, ...], doubt: Hit, denials: list[Hit]) -> bool:
    """Whether a word of doubt only describes what is denied: "no suspicious nodules".

    The denial stands before it with nothing between that begins a statement or another part of the
    sentence, or after it: "очагов, подозрительных на туберкулез, не выявлено".
    """
    place = bisect_left(denials, doubt.start, key=lambda hit: hit.start)
    before = denials[max(place - _NEAR, 0) : place]
    before = [d for d in before if d.entry.role not in ("after", "plural")]
    if before:
        between = words[before[-1].end : doubt.start]
        last_part = _last_part(between)
        has_comma = len(last_part) < len(between)
        goes_on = not has_comma or any(word.is_disjunction for word in last_part)
        if goes_on and not any(word.is_statement for word in last_part):
            return True
    after = denials[place : place + _NEAR]
    after = [d for d in after if d.entry.role not in ("before", "lists")]
    if not after:
        return False
    rest = words[doubt.start : after[0].start]
    if _has_comma(rest):
        is_aside = doubt.start > 0 and words[doubt.start - 1].text == ","
        return is_aside and not any(word.is_statement for word in _last_part(rest))
    return not any(word.is_statement for word in rest)


def _has_comma(words: Sequence[Word]) -> bool:
    return any(word.text == "," for word in words)


def _last_part(words: Sequence[Word]) -> Sequence[Word]:
    """The words after the last comma."""
    commas = [i for i, word in enumerate(words) if word.text == ","]
    return words[commas[-1] + 1 :] if commas else words


def _is_alternative(words: tuple[Word, ...], subjects: list[Hit], k: int) -> bool:
    """Whether a finding is one of two things that an "or" leaves open: "atelectasis or scar"."""
    hit = subjects[k]
    if any(
        word.is_disjunction
        for word in (*words[hit.start - 1 : hit.start], *words[hit.end : hit.end + 1])
    ):
        beside = [s for s in subjects[max(k - 1, 0) : k + 2] if s is not hit]
        same = [
            s for s in beside if s.entry.label == hit.entry.label and s.entry.role == "patterns"
        ]
        return not same
    for first, second in ((k - 1, k), (k, k + 1)):
        if first < 0 or second == len(subjects):
            continue
        a, b = subjects[first], subjects[second]
        between = words[a.end : b.start]
        if len(between) > _WORDS_AROUND_OR or a.entry.label == b.entry.label:
            continue
        if any(word.is_disjunction for word in between):
            return True
    return False
