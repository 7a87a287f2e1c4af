"""What a clause of a report says of each finding that it mentions: present, absent or uncertain.

One sentence on its way through the labeller, with the Russian lexicon (a test runs this example):

    text        "Пнeвмосклероз справа, очаг. теней не видно."      its second letter e is Latin

    tokens      Пнeвмосклероз | справа | , | очаг | . | теней | не | видно | .
                spelling.tokenize

    words       0 пневмосклероз   1 unknown_   2 ,   3 очаг   4 теней   5 не   6 видно   7 .
                vocabulary, segments: Latin letters become Cyrillic; no entry concerns "справа"; the
                dot of an abbreviation before a small letter is left out

    clause      words 0 to 6: the last dot is in negation.terminators
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

from functools import lru_cache
from typing import NamedTuple

from pgdose.labelling.cue_scope import CueScopes
from pgdose.labelling.entries import CUE_ROLES, Entry, Word
from pgdose.labelling.hits import Hit, find_hits, longest, select_subjects, without_overlaps


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
    statements = []
    for k, (start, end, entry) in enumerate(subjects):
        if entry.role != "patterns":
            continue  # another thing, which only keeps a cue from the findings
        if k in denied:
            state, cue = "absent", denied[k]
        elif k in doubted:
            state, cue = "uncertain", doubted[k]
        else:
            state, cue = "present", None
        statements.append(Statement(start, end, entry, state, cue))
    return tuple(statements)


def _denied_and_doubted(
    words: tuple[Word, ...], subjects: list[Hit], hits: dict[str, list[Hit]]
) -> tuple[dict[int, str], dict[int, str]]:
    """The subjects that cues deny, and those that they doubt, each with the first cue's rule.

    Cues of doubt may contain one of denial ("не исключена"), `not_cues` either ("без динамики").
    """
    doubts = without_overlaps(longest(hits["uncertainty"]), hits["not_cues"])
    denials = longest([hit for role in CUE_ROLES for hit in hits[role]])
    denials = without_overlaps(denials, hits["not_cues"] + doubts)
    if not (denials or doubts):
        return {}, {}
    scopes = CueScopes(words, subjects, denials + doubts, hits)
    rules: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for cues, rule_of in zip((denials, doubts), rules, strict=True):
        for cue in cues:
            for k in scopes.subjects_of(cue):
                rule_of.setdefault(k, cue.entry.rule)
    return rules
