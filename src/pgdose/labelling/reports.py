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

# Of several mentions in a report the highest counts.
RANK = {"unmentioned": 0, "absent": 1, "uncertain": 2, "present": 3}


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


def read_report(
    text: str, lexicon: Lexicon, negation: bool = True, norm: str = "phrases"
) -> list[Mention]:
    """All mentions in a report, in the order of its text; none for a text without words.

    norm: which reports mention `norm`. "phrases": those that are a norm phrase as a whole, or whose
    conclusion is; "composed": also those that consist of unremarkable statements. Sections of
    context count for neither; a report of nothing else says nothing of the film, and its norm and
    the findings that it names are uncertain. With `negation=False` the labels are plain key words:
    every mention is present, in every section, and norm is a norm phrase as the whole report.
    """
    if not has_words(text):
        return []
    if lexicon.codes and (code := lexicon.code_in(text)) is not None:
        name, rule = lexicon.codes.get(code, ("", ""))
        start = text.index(code)
        return [Mention(name, "present", start, start + len(code), rule, None)] if name else []
    pieces = split_around_tokens(text)
    report = Segments(pieces, lexicon, negation)
    words, token_of = report.words, report.token_of
    ends = list(accumulate(map(len, pieces)))  # of the pieces; token k is piece 2 k + 1
    mentions = []
    for first, last, section in report.clauses():
        cores = tuple([word.core for word in words[first:last]])
        for start, end, entry, state, cue in read_clause(cores, negation):
            if state == "present" and not section.is_read:
                state, cue = "uncertain", section.rule
            at = ends[2 * token_of[first + start]]
            until = ends[2 * token_of[first + end - 1] + 1]
            mentions.append(Mention(entry.label, state, at, until, entry.rule, cue))
    found = _find_norm(report, lexicon, norm)
    if found:
        first, last, state, rule, cue = found
        at, until = ends[2 * token_of[first]], ends[2 * token_of[last - 1] + 1]
        mentions.append(Mention("norm", state, at, until, rule, cue))
        mentions.sort(key=lambda mention: mention.start)
    return mentions


def _find_norm(
    report: Segments, lexicon: Lexicon, norm: str
) -> tuple[int, int, str, str, str | None] | None:
    """What a report says of norm: the words, from the first to before the last, state, rule, cue.

    The words that make it norm are the last conclusion, or all sections that are read. Where none
    is read it is uncertain.
    """
    words = report.words
    if sections := report.context_only:
        rule = sections[0].rule
        return sections[0].start, sections[-1].end, "uncertain", rule, rule
    read = [section for section in report.sections if section.is_read]
    if not read:
        return None  # nothing but heads
    conclusions = [section for section in read if section.role == "conclusion"]
    for section in conclusions[-1:]:
        start = section.start
        while words[start].is_mark:
            start += 1
        conclusion = words[start : section.end]
        rule_of_norm = lexicon.norm_rule(conclusion)
        if not rule_of_norm and norm == "composed" and lexicon.is_composed_norm(conclusion):
            rule_of_norm = lexicon.first_norm_rule(conclusion)  # "Данных за пневмонию нет, норма."
        if rule_of_norm:
            return start, section.end, "present", rule_of_norm, None
    of_all = words[read[0].start : read[0].end]
    for section in read[1:]:
        of_all = [*of_all, lexicon.stop, *words[section.start : section.end]]
    rule_of_norm = None if conclusions else lexicon.norm_rule(of_all)
    if not rule_of_norm and norm == "composed" and lexicon.is_composed_norm(of_all):
        rule_of_norm = "norm.composed"
    if not rule_of_norm:
        return None
    return read[0].start, read[-1].end, "present", rule_of_norm, None


def states(
    text: str, lexicon: Lexicon, negation: bool = True, norm: str = "phrases"
) -> dict[str, str]:
    """present, absent, uncertain or unmentioned for every label; unmentioned without any words."""
    return states_of_mentions(read_report(text, lexicon, negation, norm), lexicon)


def states_of_mentions(mentions: list[Mention], lexicon: Lexicon) -> dict[str, str]:
    """The state of every label in a report with these mentions.

    Of several mentions present beats uncertain, and uncertain absent. `norm` is uncertain in a
    conflict: where a finding is present or uncertain, be it in the words of norm themselves.
    """
    state_of = dict.fromkeys(lexicon.names, "unmentioned")
    for mention in mentions:
        if RANK[mention.state] > RANK[state_of[mention.label]]:
            state_of[mention.label] = mention.state
    if state_of["norm"] == "present" and any(
        mention.state != "absent" for mention in mentions if mention.label != "norm"
    ):
        state_of["norm"] = "uncertain"
    return state_of


def label(text: str, lexicon: Lexicon, negation: bool = True, norm: str = "phrases") -> Label:
    """The labels of one report: 1 present, 0 absent or unmentioned, None uncertain.

    All None without any words, and where the whole report is a code that the lexicon does not have.
    """
    return label_of_mentions(text, read_report(text, lexicon, negation, norm), lexicon)


def says_something(text: str, lexicon: Lexicon) -> bool:
    """Whether a report has words, and is no code that the lexicon does not have."""
    if not has_words(text):
        return False
    code = lexicon.code_in(text) if lexicon.codes else None
    return code is None or code in lexicon.codes


def label_of_mentions(text: str, mentions: list[Mention], lexicon: Lexicon) -> Label:
    """The same, from the mentions that `read_report` gave for the text."""
    if not says_something(text, lexicon):
        return dict.fromkeys(lexicon.names)
    values: Label = {"present": 1, "uncertain": None}
    state_of = states_of_mentions(mentions, lexicon)
    return {name: values.get(state, 0) for name, state in state_of.items()}
