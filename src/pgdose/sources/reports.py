"""Labels out of free-text radiological reports: which are norm, which state which finding.

A report becomes one label per finding: 1 (stated), 0 (denied or not mentioned) or None (in doubt),
and `norm`: 1 if the whole report is one of a few agreed phrases. All words live in a lexicon, a
YAML file that a radiologist can read and extend (`resources/lexicons/ru.yaml`); this module only
knows how sentences deny and doubt:

    lexicon = load_lexicon(Path("resources/lexicons/ru.yaml"))
    label("Пневмосклероз справа, очаговых теней не выявлено.", lexicon)
    # {"norm": 0, "pneumosclerosis": 1, "focal_shadows": 0, ...}

A report is normalised, cut into clauses, and in each clause the mentions of findings are looked up
by prefix patterns. `denied` and `doubted` decide what the clause says of each mention.
No report text ever reaches an exception or a log.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pgdose.errors import UserError

_MIXED = re.compile(r"[a-z][а-яўі]|[а-яўі][a-z]")  # one word in two alphabets
_LATIN = re.compile(r"\w*[a-z]\w*")
_CYRILLIC = re.compile(r"[а-яўі]")
_LOOK_ALIKE = str.maketrans("aeopcyxkmthbi", "аеорсухкмтнві")
_INSIDE = re.compile("['’ʼ`\u00ad\u200b\ufeff\u0301]")  # apostrophes, soft hyphens, stress marks
_NEW_LINE = re.compile(r"[\r\n]\s*(?=[A-ZА-ЯЁЎІ])")
_NUMBER = re.compile(r"(?<=\d)[.,](?=\d)")
_TOKEN = re.compile(r"\w+|[.,;?]")
_WORD = re.compile(r"\w")
_WORDS = re.compile(r"\w+(?: \w+)*")
_STOPS = re.compile(r" ?[.,;]")
_MARKS = (".", ",", ";", "?")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_GAP = r"(?: (?:\w+|,)){0,4}?"  # `..`: up to three words, with a comma or so

Label = dict[str, int | None]
Span = tuple[int, int]


@dataclass(frozen=True)
class Lexicon:
    """What `load_lexicon` made of a file; every regular expression fits normalised text."""

    language: str
    norm: frozenset[str]  # whole reports, without stops
    findings: Mapping[str, re.Pattern[str]]  # name -> its mentions: the matches with a group 1
    any_finding: re.Pattern[str]  # finds something wherever one of `findings` does
    before: re.Pattern[str]  # negation cues that deny what follows
    after: re.Pattern[str]  # negation cues that deny what stands before them
    not_cues: re.Pattern[str]  # what looks like a negation cue and is none
    plural: re.Pattern[str]  # negation cues whose subject stands in the nominative
    clause_end: re.Pattern[str]
    nominative: re.Pattern[str]  # words that make a statement of their own between commas
    uncertainty: re.Pattern[str]

    @property
    def names(self) -> list[str]:
        """The labels in the order of the table: `norm`, then the findings as the file has them."""
        return ["norm", *self.findings]


# --- labelling --------------------------------------------------------------------------------


def normalise(text: str) -> str:
    """The words and the marks `. , ; ?` of a text in one spelling, with single spaces between.

    NFC, lower case, `ё` as `е`, Latin look-alikes as Cyrillic inside words with Cyrillic letters,
    no other punctuation; a line that begins with a capital begins a sentence; numbers lose their
    decimal mark. Normalising twice changes nothing.
    """
    text = unicodedata.normalize("NFC", text)
    if not text.isupper():  # in capitals a new line says nothing
        text = _NEW_LINE.sub(". ", text)
    text = _INSIDE.sub("", text.lower().replace("ё", "е").replace("ë", "е").replace("!", "."))
    if _MIXED.search(text):
        text = _LATIN.sub(_cyrillic, text)
    return " ".join(_TOKEN.findall(_NUMBER.sub("", text)))


def _cyrillic(match: re.Match[str]) -> str:
    word = match[0]
    return word.translate(_LOOK_ALIKE) if _CYRILLIC.search(word) else word


def label(text: str, lexicon: Lexicon) -> Label:
    """The labels of one report: 1, 0 or None for `norm` and every finding of the lexicon.

    norm: 1 if the whole report is one of the norm phrases, else 0. A finding: 1 if any mention
    states it, else None if any mention leaves it in doubt, else 0. All None without any words.
    """
    text = normalise(text) if isinstance(text, str) else ""
    if not _WORD.search(text):
        return dict.fromkeys(lexicon.names)
    labels: Label = dict.fromkeys(lexicon.names, 0)
    labels["norm"] = int(_STOPS.sub("", text) in lexicon.norm)
    for clause in lexicon.clause_end.split(text):
        if not lexicon.any_finding.search(clause):  # most clauses; saves half of the time
            continue
        mentions = _mentions(clause, lexicon)
        in_doubt = doubted(clause, [span for _, span in mentions], lexicon)
        for name, span in mentions:
            if span in in_doubt:
                labels[name] = labels[name] or None
            elif not denied(clause, span, lexicon):
                labels[name] = 1
    return labels


def label_reports(texts: pd.Series, lexicon: Lexicon) -> pd.DataFrame:
    """Labels of many reports: columns `label_<name>` (Int8: 1, 0 or NA), the index of `texts`.

    Missing texts get NA throughout. Equal texts are labelled once.
    """
    codes, unique = pd.factorize(texts.astype(object), use_na_sentinel=False)
    labels = [label(text, lexicon) for text in unique]
    table = pd.DataFrame(labels, columns=lexicon.names, dtype="Int8").iloc[codes]
    return table.set_axis(texts.index).add_prefix("label_")


def _mentions(clause: str, lexicon: Lexicon) -> list[tuple[str, Span]]:
    """Where in the clause findings are mentioned: (name, (start, end))."""
    return [
        (name, match.span(1))
        for name, pattern in lexicon.findings.items()
        for match in pattern.finditer(clause)
        if match[1]  # else it is one of the excluded
    ]


def denied(clause: str, mention: Span, lexicon: Lexicon) -> bool:
    """Whether a negation cue of the clause denies the mention at (start, end) in it.

    A cue reaches through its own commaless part, and over commas through a list, up to a word in
    the nominative: `пневмосклероза` but not `пневмосклероз` in "..., очаговых теней не выявлено".
    """
    start, end = mention
    no_cues = [match.span() for match in lexicon.not_cues.finditer(clause)]

    for cue in lexicon.before.finditer(clause):
        if any(_overlap(cue.span(), span) for span in no_cues):
            continue
        if _overlap(cue.span(), mention):  # "аорта не развернута"
            return True
        if clause.startswith(" ,", cue.end()):  # "..., не выявлено, ..." only looks back
            continue
        comma = clause.find(",", cue.end(), start)
        if cue.end() <= start and (comma < 0 or not lexicon.nominative.search(clause, comma, end)):
            return True

    for cue in lexicon.after.finditer(clause):
        if cue.start() < end or any(_overlap(cue.span(), span) for span in no_cues):
            continue
        comma = clause.rfind(",", end, cue.start())
        part = clause.rfind(",", 0, start) + 1  # where the mention's own part begins
        if comma < 0 or not lexicon.nominative.search(clause, part, comma):
            return True
        # "признаки пневмосклероза, эмфиземы отсутствуют": the subject is beyond the comma
        subject = lexicon.nominative.search(clause, comma, cue.start())
        if lexicon.plural.match(clause, cue.start()) and not subject:
            return True
    return False


def doubted(clause: str, mentions: list[Span], lexicon: Lexicon) -> set[Span]:
    """Those mentions of a clause that its words of uncertainty speak of.

    A cue speaks of the mentions between it and the next comma, or if there are none of those
    between it and the comma before: "пневмосклероз с подозрением на туберкулез".
    """
    doubts: set[Span] = set()
    for cue in lexicon.uncertainty.finditer(clause):
        left = clause.rfind(",", 0, cue.start())
        first = not clause[left + 1 : cue.start()].strip()
        right = clause.find(",", cue.end() + 2 * first)  # not the comma of "возможно, пневмония"
        right = len(clause) if right < 0 else right
        following = {m for m in mentions if cue.end() <= m[0] < right}
        doubts |= following or {m for m in mentions if left < m[0] and m[1] <= cue.start()}
    return doubts


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


# --- the lexicon ------------------------------------------------------------------------------


def load_lexicon(path: Path) -> Lexicon:
    """Read and check a lexicon. Raises UserError that names the file, the field and the mistake."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path.name}: there is no such lexicon file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path.name}: a lexicon must be UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise UserError(f"{path.name}: {line}not valid YAML: {problem}") from None
    return _Reader(path.name).lexicon(content)


@dataclass(frozen=True)
class _Reader:
    """Turns the parsed YAML into a Lexicon; knows the file's name for its messages."""

    file: str

    def lexicon(self, content: Any) -> Lexicon:
        top = self.section(content, "", {"language", "norm", "findings", "negation", "uncertainty"})
        language = top["language"]
        if not isinstance(language, str):
            raise self.mistake("language", language, "a text such as ru")
        findings = self.mapping(top["findings"], "findings", "names of findings")
        mentions, starts = {}, []
        for name, value in findings.items():
            field = f"findings.{name}"
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "norm":
                may = "a name of lower-case Latin letters, digits and _, other than norm"
                raise self.mistake("findings", name, may)
            entry = self.section(value, field, {"patterns"}, {"exclude"})
            present = self.patterns(entry["patterns"], f"{field}.patterns")
            exclude = self.patterns(entry.get("exclude", []), f"{field}.exclude", empty=True)
            # What is excluded comes first and takes its words away from the patterns.
            mentions[name] = re.compile(f"{exclude}|({present})")
            starts += [text.split()[0] for text in entry["patterns"]]

        lists = {"before", "after", "terminators"}
        optional = {"both", "plural", "not_cues", "nominative"}
        negation = self.section(top["negation"], "negation", lists, optional)
        cue = {
            name: self.patterns(negation.get(name, []), f"negation.{name}", empty=True)
            for name in lists | optional
        }
        uncertainty = self.patterns(top["uncertainty"], "uncertainty", empty=True)
        return Lexicon(
            language=language,
            norm=frozenset(self.norm(top["norm"])),
            findings=mentions,
            any_finding=re.compile(self.patterns(sorted(set(starts)), "findings")),
            before=re.compile(f"{cue['before']}|{cue['both']}|{cue['plural']}"),
            after=re.compile(f"{cue['after']}|{cue['both']}|{cue['plural']}"),
            plural=re.compile(cue["plural"]),
            not_cues=re.compile(cue["not_cues"]),
            clause_end=re.compile(rf"(?<=\?)|{cue['terminators']}"),
            nominative=re.compile(cue["nominative"]),
            uncertainty=re.compile(uncertainty),
        )

    def mistake(self, field: str, got: Any, may: str) -> UserError:
        where = f"{self.file}: {field}" if field else self.file
        shown = "nothing" if got is None else f"{got!r:.80}"
        return UserError(f"{where}: {shown} stands there; it must be {may}")

    def mapping(self, value: Any, field: str, may: str) -> dict[Any, Any]:
        if not isinstance(value, dict) or not value:
            raise self.mistake(field, value, f"a mapping with {may}")
        return value

    def section(
        self, value: Any, field: str, needed: set[str], optional: set[str] | None = None
    ) -> dict[str, Any]:
        known = sorted(needed | (optional or set()))
        section = self.mapping(value, field, f"the keys {', '.join(known)}")
        dot = f"{field}." if field else ""
        for key in section:
            if key not in known:
                raise UserError(
                    f"{self.file}: {dot}{key}: unknown key; there may be {', '.join(known)}"
                )
        for key in sorted(needed - section.keys()):
            raise UserError(f"{self.file}: {dot}{key}: is missing")
        return section

    def texts(self, value: Any, field: str, empty: bool = False) -> list[str]:
        if not isinstance(value, list) or not (value or empty):
            raise self.mistake(field, value, "a list of words or phrases")
        for i, text in enumerate(value):
            if not isinstance(text, str) or not text.strip():
                raise self.mistake(f"{field}[{i}]", text, "a text (quote it if YAML reads another)")
        return value

    def norm(self, value: Any) -> list[str]:
        phrases = self.texts(value, "norm")
        for i, phrase in enumerate(phrases):
            if "*" in phrase or not _WORD.search(phrase):
                raise self.mistake(f"norm[{i}]", phrase, "a whole report in words, without *")
        return [_STOPS.sub("", normalise(phrase)) for phrase in phrases]

    def patterns(self, value: Any, field: str, empty: bool = False) -> str:
        """A list of entries as one regular expression, without capturing groups."""
        texts = self.texts(value, field, empty)
        parts = [self.pattern(text, f"{field}[{i}]") for i, text in enumerate(texts)]
        # One \b before all words that have it: thrice as fast as one before each.
        words = [part.removeprefix(r"\b") for part in parts if part.startswith(r"\b")]
        others = [part for part in parts if not part.startswith(r"\b")]
        if words:
            others.append(rf"\b(?:{'|'.join(words)})")
        return f"(?:{'|'.join(others)})" if others else r"(?!)"

    def pattern(self, text: str, field: str) -> str:
        """One entry as a regular expression over normalised text."""
        expression = ""
        words = text.split()
        if words[0] in ("..", "*") or words[-1] == "..":
            raise self.mistake(field, text, "a word first, and .. only between words")
        for word in words:
            stem = word.strip("*")  # empty: any word
            space = " " if expression else ""
            if word == "..":
                expression += _GAP
            elif word in _MARKS:
                expression += space + re.escape(word)
            elif stem and ("*" in stem or not _WORDS.fullmatch(normalise(stem))):
                raise self.mistake(field, text, "words, with * only where one begins or ends")
            else:
                begin = r"\w*" if word.startswith("*") else r"\b"
                end = r"\w*" if word.endswith("*") else r"\b"
                expression += space + begin + re.escape(normalise(stem)) + end
        return expression
