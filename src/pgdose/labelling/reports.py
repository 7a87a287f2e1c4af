"""Labels out of free-text radiological reports, with the words that they rest on.

Every label of a lexicon (`norm`, then its findings) is present, absent, uncertain or unmentioned
in a report, and every mention is told by its position and by the entries of the lexicon that
decided; no report text ever reaches a table, an exception or a log:

    lexicon = load_lexicon(Path("resources/lexicons/ru.yaml"))
    states("Пневмосклероз справа, очаговых теней не выявлено.", lexicon)
    # {"norm": "unmentioned", "pneumosclerosis": "present", "focal_shadows": "absent", ...}

All words live in the lexicon (`lexicon.py`). Here a report is cut into words and clauses;
`clauses.py` knows how a clause denies and doubts.
"""

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgdose.errors import UserError
from pgdose.labelling.clauses import Hit, read_clause
from pgdose.labelling.lexicon import HEADS, Lexicon, Token, Word, pieces
from pgdose.labelling.lexicon import load_lexicon as load_lexicon

Label = dict[str, int | None]
Span = tuple[int, int]

_RANK = {"unmentioned": 0, "absent": 1, "uncertain": 2, "present": 3}
_SENTENCE_ENDS = {".", ";", "?"}
_LETTER = re.compile(r"[^\W_]")


class Mention(NamedTuple):
    """Where a report speaks of a label, and what it says.

    `text[start:end]` are the words, in the report as it was handed over. `pattern` is the entry
    of the lexicon that they fit (findings.pneumonia.patterns[0], norm.phrases[3]), `cue` the one
    that denies or doubts them (negation.both[1], uncertainty[3]), None where they are stated.
    """

    label: str
    state: str  # present, absent or uncertain
    start: int
    end: int
    pattern: str
    cue: str | None


EVIDENCE = list(Mention._fields)


# --- reading ----------------------------------------------------------------------------------


def read_report(text: str, lexicon: Lexicon, negation: bool = True) -> list[Mention]:
    """All mentions in a report, in the order of its text; none without any words.

    A report that is one of the norm phrases, or whose conclusion is, mentions `norm`. With
    `negation=False` the labels are plain key words: every mention is present, and norm is the
    whole report alone.
    """
    if not _has_words(text):
        return []
    cut = pieces(text)
    words, places = _words(cut[1::2], lexicon)
    turns = [at for at, word in enumerate(words) if word.turns]
    heads = _heads(words, turns)
    found: list[tuple[int, int, str, str, str, str | None]] = []
    for first, last in [(0, len(words)), *(_conclusions(words, heads) if negation else ())]:
        if rule := lexicon.norm_rule(words[first:last]):
            found.append((first, last, "norm", "present", rule, None))
    for first, last in _clauses(words, turns, heads):
        for start, end, entry, state, cue in read_clause(tuple(words[first:last]), negation):
            found.append((first + start, first + end, entry.label, state, entry.rule, cue))
    found.sort()
    ends = list(accumulate(map(len, cut))) if found else []
    return [
        Mention(name, state, ends[2 * places[first]], ends[2 * places[last - 1] + 1], rule, cue)
        for first, last, name, state, rule, cue in found
    ]


def states(text: str, lexicon: Lexicon, negation: bool = True) -> dict[str, str]:
    """present, absent, uncertain or unmentioned for every label; unmentioned without any words.

    Of several mentions present beats uncertain, and uncertain absent. `norm` is uncertain in a
    conflict: where a finding outside the norm's words is present or uncertain.
    """
    return _settle(read_report(text, lexicon, negation), lexicon)


def label(text: str, lexicon: Lexicon, negation: bool = True) -> Label:
    """The labels of one report: 1 present, 0 absent or unmentioned, None uncertain.

    All None without any words.
    """
    if not _has_words(text):
        return dict.fromkeys(lexicon.names)
    return _labels(read_report(text, lexicon, negation), lexicon)


def label_reports(
    texts: pd.Series, lexicon: Lexicon, negation: bool = True
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of many reports, and the mentions that they rest on. Equal texts are read once.

    labels: columns `label_<name>` (Int8: 1, 0, or NA for uncertain and for no text), the index
    of `texts`. mentions: columns `index` (that of `texts`) and those of a Mention, a row each,
    in the order of the texts.
    """
    codes, unique = pd.factorize(texts.astype(object), use_na_sentinel=False)
    nothing: Label = dict.fromkeys(lexicon.names)
    labels, mentions, counts = [], [], np.zeros(len(unique), int)
    with _no_garbage():
        for i, text in enumerate(unique):
            found = read_report(text, lexicon, negation)
            labels.append(_labels(found, lexicon) if _has_words(text) else nothing)
            mentions += found
            counts[i] = len(found)
    table = pd.DataFrame(labels, columns=lexicon.names, dtype="Int8").iloc[codes]
    rows, repeated = _ranges(counts, codes)
    evidence = pd.DataFrame(mentions, columns=EVIDENCE)
    evidence = evidence.astype({"start": "int32", "end": "int32"})
    evidence = evidence.iloc[rows].reset_index(drop=True)
    evidence.insert(0, "index", texts.index.take(repeated))
    return table.set_axis(texts.index).add_prefix("label_"), evidence


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Reading makes no cycles, and looking for them takes a quarter of its time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def conflicts(labels: pd.DataFrame, mentions: pd.DataFrame) -> pd.Index:
    """Of the tables of `label_reports` the index of the reports that are norm and are not.

    They hold a norm phrase, and elsewhere a finding that is present or uncertain.
    """
    norm = mentions.loc[mentions["label"] == "norm", "index"]
    return labels.index[labels["label_norm"].isna() & labels.index.isin(norm)]


def check_encoding(texts: pd.Series, field: str, name: str) -> None:
    """Raise UserError if the texts look as Cyrillic does that was read in a wrong encoding.

    cp1251 read as Latin-1 is letters like Ïíåâìî, UTF-8 read as cp1251 every other letter Р or С.
    `field` and `name` (of the file) go into the message.
    """
    text = " ".join(texts.dropna().astype(str).head(1000))
    letters = "".join(_LETTER.findall(text))
    if text.count("\ufffd") > 0.01 * len(letters) or _share(letters, "\u00c0", "\u00ff") > 0.5:
        may = "cp1251 may be the right one"
    elif sum(letters.count(letter) for letter in "РС") > 0.35 * len(letters):
        may = "utf-8 may be the right one"
    else:
        return
    raise UserError(f"{field}.encoding: the texts of {name} are not read as they should be; {may}")


def _share(letters: str, first: str, last: str) -> float:
    return sum(first <= letter <= last for letter in letters) / max(len(letters), 1)


def _settle(mentions: list[Mention], lexicon: Lexicon) -> dict[str, str]:
    found = dict.fromkeys(lexicon.names, "unmentioned")
    for mention in mentions:
        if _RANK[mention.state] > _RANK[found[mention.label]]:
            found[mention.label] = mention.state
    if found["norm"] == "present":
        spans = [(norm.start, norm.end) for norm in mentions if norm.label == "norm"]
        said = [mention.start for mention in mentions if mention.state != "absent"]
        if not all(any(start <= at < end for start, end in spans) for at in said):
            found["norm"] = "uncertain"
    return found


def _labels(mentions: list[Mention], lexicon: Lexicon) -> Label:
    values: Label = {"present": 1, "uncertain": None}
    return {name: values.get(state, 0) for name, state in _settle(mentions, lexicon).items()}


def _ranges(counts: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table sorted by code, with counts[code] rows each, for a sequence of codes;
    and for each of the rows its place in the sequence."""
    places = np.repeat(np.arange(len(codes)), counts[codes])
    first = np.cumsum(counts) - counts
    begin = np.cumsum(counts[codes]) - counts[codes]
    return np.arange(len(places)) + (first[codes] - begin)[places], places


# --- words, clauses, sections -----------------------------------------------------------------


def _has_words(text: object) -> bool:
    return isinstance(text, str) and _LETTER.search(text) is not None


def _words(pieces: list[str], lexicon: Lexicon) -> tuple[list[Word], Sequence[int]]:
    """The words and marks of a report's tokens, and which of the tokens each of them is.

    Where the typist ended a sentence without a mark a full stop is put in; line breaks and the
    dots of abbreviations are left out.
    """
    text = "".join(pieces)
    cased = not (text.isupper() or text.islower())
    tokens = [lexicon.tokens[piece] for piece in pieces]
    left_out, stops = set(), set()
    for i, token in enumerate(tokens):
        if not token.stirs:
            continue
        if token.line_break:
            left_out.add(i)
            if token.paragraph or (cased and tokens[i + 1 :] and tokens[i + 1].capital):
                stops.add(i)
        elif token.word.text == ".":
            if not _ends_sentence(tokens, i, cased, lexicon):
                left_out.add(i)
        elif token.opens and cased and lexicon.capitals and i and tokens[i - 1].small:
            stops.add(i)
    words = [token.word for token in tokens]
    if not left_out and not stops:
        return words, range(len(tokens))
    places = list(range(len(tokens)))
    stop = lexicon.tokens["."].word
    for i in sorted(left_out | stops, reverse=True):
        put = [stop] if i in stops else []
        put += [] if i in left_out else [words[i]]
        words[i : i + 1] = put
        places[i : i + 1] = [i] * len(put)
    return words, places


def _ends_sentence(tokens: list[Token], i: int, cased: bool, lexicon: Lexicon) -> bool:
    """Whether a dot does. One after an abbreviation or a letter does before a capital only.

    In capitals throughout those tell nothing; and the dot of "2012 г." is taken for an end. None
    does before a comma: "очаг., инф. теней".
    """
    following = tokens[i + 1] if i + 1 < len(tokens) else tokens[i]
    if following.word.text == ",":
        return False
    last = tokens[i - 1].word if i else tokens[i].word
    letter = last.letter and not (i > 1 and tokens[i - 2].word.text == "0")
    if not letter and last.text not in lexicon.abbreviations:
        return True
    return not following.plain and (cased or not following.capital)


def _clauses(words: list[Word], turns: list[int], heads: dict[int, Hit]) -> Iterator[Span]:
    """From which word to before which the clauses go that mention a finding.

    A clause ends before a terminator, after a question mark, and where a section begins. `turns`:
    where words stand that end a clause or begin a mention.
    """
    start, finds = 0, False
    for at in turns:
        word = words[at]
        end = _terminator(words, at) if word.ends else 0
        if end or at in heads:
            if finds and at > start:
                yield start, at
            # Marks and heads stay outside, words such as `but` begin the next clause.
            start = heads[at].end if at in heads else end if word.mark else at
            finds = False
        elif word.text == "?" and at > start:
            if finds:
                yield start, at + 1
            start, finds = at + 1, False
        finds = finds or (word.finds and at >= start)
    if finds:
        yield start, len(words)


def _terminator(words: list[Word], at: int) -> int:
    """Where the terminator ends that begins here; 0 if there is none."""
    if words[at].mark:
        return at + 1
    return max((end for end, _ in words[at].fitting(words, at, ("terminators",))), default=0)


def _heads(words: list[Word], turns: list[int]) -> dict[int, Hit]:
    """The heads of sections by where they begin: at the start of a sentence, or before a colon."""
    found = {}
    for at in turns:
        for end, entry in words[at].fitting(words, at, HEADS) if words[at].heads else ():
            starts = at == 0 or words[at - 1].text in _SENTENCE_ENDS
            if starts or (end < len(words) and words[end].text == ":"):
                found[at] = Hit(at, end, entry)
    return found


def _conclusions(words: list[Word], heads: dict[int, Hit]) -> Iterator[Span]:
    """The sections that a head of a conclusion begins, up to the next head or the end."""
    ends = [*heads, len(words)][1:]
    for hit, end in zip(heads.values(), ends, strict=True):
        start = hit.end
        while start < end and not words[start].text[0].isalnum():
            start += 1
        if hit.entry.role == "conclusion" and start < end:
            yield start, end
