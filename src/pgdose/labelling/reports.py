"""Labels of one free-text report, with the mentions that they rest on.

Every label of a lexicon (`norm`, then its findings) is present, absent, uncertain or unmentioned in
a report. Every mention has its position and the entries of the lexicon that decided; no text of a
report ever reaches a table, an exception or a log:

    lexicon = load_lexicon(Path("resources/lexicons/ru.yaml"))
    states("Пневмосклероз справа, очаговых теней не выявлено.", lexicon)
    # {"norm": "unmentioned", "pneumosclerosis": "present", "focal_shadows": "absent", ...}

All words live in the lexicon. `segments` cuts a report into words and clauses, `clauses` shows one
sentence on its way through the labeller, and `report_tables` labels a whole table of reports.
"""

from itertools import accumulate
from typing import NamedTuple

from pgdose.labelling.clauses import read_clause
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.segments import Segments
from pgdose.labelling.spelling import has_words, split_around_tokens

Label = dict[str, int | None]

_RANK = {"unmentioned": 0, "absent": 1, "uncertain": 2, "present": 3}


class Mention(NamedTuple):
    """Where a report speaks of a label, and what it says.

    `text[start:end]` are the words, in the report as it was handed over. `pattern` is the entry of
    the lexicon that matches them (findings.pneumonia.patterns[0], norm.phrases[3]), `cue` the one
    that denies or doubts them (negation.both[1], uncertainty[3]), None where they are present.
    """

    label: str
    state: str  # present, absent or uncertain
    start: int
    end: int
    pattern: str
    cue: str | None


def read_report(text: str, lexicon: Lexicon, negation: bool = True) -> list[Mention]:
    """All mentions in a report, in the order of its text; none for a text without words.

    A report that is a norm phrase, or whose conclusion is, mentions `norm`. With `negation=False`
    the labels are plain key words: every mention is present, and norm must be the whole report.
    """
    if not has_words(text):
        return []
    pieces = split_around_tokens(text)
    report = Segments(pieces[1::2], lexicon)
    words = report.words
    statements: list[tuple[int, int, str, str, str, str | None]] = []
    for first, last in [(0, len(words)), *(report.conclusions() if negation else ())]:
        if rule := lexicon.norm_rule(words[first:last]):
            statements.append((first, last, "norm", "present", rule, None))
    for first, last in report.clauses():
        for start, end, entry, state, cue in read_clause(tuple(words[first:last]), negation):
            place = first + start, first + end
            statements.append((*place, entry.label, state, entry.rule, cue))
    if not statements:
        return []
    statements.sort()
    # Piece i ends at ends[i]; token k is piece 2 k + 1.
    ends, token_of = list(accumulate(map(len, pieces))), report.token_of
    return [
        Mention(name, state, ends[2 * token_of[a]], ends[2 * token_of[b - 1] + 1], rule, cue)
        for a, b, name, state, rule, cue in statements
    ]


def states(text: str, lexicon: Lexicon, negation: bool = True) -> dict[str, str]:
    """present, absent, uncertain or unmentioned for every label; unmentioned without any words."""
    return states_of_mentions(read_report(text, lexicon, negation), lexicon)


def states_of_mentions(mentions: list[Mention], lexicon: Lexicon) -> dict[str, str]:
    """The state of every label in a report with these mentions.

    Of several mentions present beats uncertain, and uncertain absent. `norm` is uncertain in a
    conflict: where a finding outside the words of norm is present or uncertain.
    """
    state_of = dict.fromkeys(lexicon.names, "unmentioned")
    for mention in mentions:
        if _RANK[mention.state] > _RANK[state_of[mention.label]]:
            state_of[mention.label] = mention.state
    if state_of["norm"] == "present":
        norms = [(norm.start, norm.end) for norm in mentions if norm.label == "norm"]
        findings = [mention.start for mention in mentions if mention.state != "absent"]
        if not all(any(start <= at < end for start, end in norms) for at in findings):
            state_of["norm"] = "uncertain"
    return state_of


def label(text: str, lexicon: Lexicon, negation: bool = True) -> Label:
    """The labels of one report: 1 present, 0 absent or unmentioned, None uncertain.

    All None without any words.
    """
    return label_of_mentions(text, read_report(text, lexicon, negation), lexicon)


def label_of_mentions(text: str, mentions: list[Mention], lexicon: Lexicon) -> Label:
    """The same, from the mentions that `read_report` gave for the text."""
    if not has_words(text):
        return dict.fromkeys(lexicon.names)
    values: Label = {"present": 1, "uncertain": None}
    state_of = states_of_mentions(mentions, lexicon)
    return {name: values.get(state, 0) for name, state in state_of.items()}
