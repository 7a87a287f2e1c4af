"""The words by which reports are read: a lexicon's entries, and the file that holds them.

A lexicon is a YAML file that a radiologist can read and extend (`docs/labelling.md`). Each of its
entries is a pattern of one or several words and stands in a list that says what it does:

    пневмосклероз*     a word that begins so
    *ая                a word that ends so
    *                  any one word
    норма              exactly this word
    очагов* .. тен*    words that follow one another; `..` is up to three words (and commas)

Words are compared in one spelling (`spell`), those of a report and those of the file alike.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pgdose.errors import UserError

_LOOK_ALIKE = str.maketrans("aeopcyxkmthbi", "аеорсухкмтнві")
_CYRILLIC = re.compile(r"[а-яўі]")
_MARKS = "\u00ad\u200b\ufeff\u0300-\u036f"  # soft hyphens, spaces of no width, accents
_INSIDE = re.compile(f"['’ʼ`{_MARKS}]")
# A number is one word; a mark is a word of its own, and so is a new line.
_TOKEN = re.compile(
    rf"(\d+(?:[.,]\d+)+|\w+(?:['’ʼ`{_MARKS}]+\w+)*[{_MARKS}]*|[.,;:?!]|[\r\n]\s*[-–—•*]?)"
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")  # numbers are all alike
_STOPS = {".", ",", ";", ":", "!"}
_ENDS = {".", ";", "?"}
_PARTS = {".", ";", ","}
_ENTRY_MARKS = {".", ",", ";", "?"}
_GAP = 3  # words that may stand for `..`; commas between them do not count

_TYPED = 7  # letters: shorter words are not looked at for typing errors
_STEM = 6  # nor for those of shorter stems
_MOST_TOKENS = 200_000  # kept in memory by a lexicon
_UNKNOWN = "unknown_"  # stands for all words that no entry is about

HEADS = ("conclusion", "sections")
CUES = ("before", "after", "both", "plural", "lists")
_TYPED_ROLES = ("patterns", "uncertainty", *CUES)
_CLAUSES = ("terminators", "not_cues", "conjunctions", "statements", "others")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


# --- spelling ---------------------------------------------------------------------------------


def spell(word: str) -> str:
    """A word in the spelling in which words are compared.

    NFC, lower case, `ё` as `е`, no accents, soft hyphens and apostrophes; in a word with Cyrillic
    letters the Latin letters that look like Cyrillic ones become those.
    """
    word = unicodedata.normalize("NFC", word).lower().replace("ё", "е").replace("ë", "е")
    word = _INSIDE.sub("", word)
    return word.translate(_LOOK_ALIKE) if _CYRILLIC.search(word) else word


def pieces(text: str) -> list[str]:
    """A text in pieces: what is between tokens, and in the odd places the tokens.

    Tokens are words, numbers, the marks `. , ; : ? !`, and line breaks (with a bullet after).
    """
    return _TOKEN.split(text)


def tokens(text: str) -> list[str]:
    return pieces(text)[1::2]


def corrected(word: str, stem: str) -> str | None:
    """`word` with its first letters put right if they are `stem` with one typing error.

    One letter wrong, missing, too many, or two neighbours swapped, and not among the stem's last
    two letters, where another word may begin: пневмон|эктомия.
    """
    if word[0] != stem[0] and stem[1:3] not in word[:4]:
        return None  # for speed: most words are nothing like the stem
    i = 0
    while i < len(stem) and i < len(word) and stem[i] == word[i]:
        i += 1
    doubled = 0 < i < len(word) and word[i] == word[i - 1]
    if doubled and word.startswith(stem[i:], i + 1):
        return stem + word[i + 1 + len(stem) - i :]  # фибрроз
    if i > len(stem) - 3:
        return None
    wrong, missing, extra = stem[i + 1 :], stem[i + 1 :], stem[i:]
    for at, rest in ((i + 1, wrong), (i, missing), (i + 1, extra)):
        if word.startswith(rest, at):
            return stem + word[at + len(rest) :]
    if word.startswith(stem[i + 1] + stem[i] + stem[i + 2 :], i):
        return stem + word[len(stem) :]
    return None


# --- entries ----------------------------------------------------------------------------------


class Element(NamedTuple):
    """One word of an entry; `..` has neither text nor stars."""

    text: str
    before: bool  # any letters may stand before the text
    after: bool

    @property
    def gap(self) -> bool:
        return not (self.text or self.after)

    def fits(self, word: str) -> bool:
        if not self.text:
            return word[0].isalnum()
        if self.before:
            return self.text in word if self.after else word.endswith(self.text)
        return word.startswith(self.text) if self.after else word == self.text


@dataclass(slots=True, eq=False)
class Entry:
    """A pattern, what it does and where it stands in the file."""

    role: str  # the list it stands in: patterns, exclude, before, uncertainty, ...
    rule: str  # such as findings.pneumonia.patterns[2]
    elements: tuple[Element, ...]
    label: str = ""  # of a finding's pattern
    bits: tuple[int, ...] = ()  # of each element, 0 for `..` and any word (see `Word.later`)
    later: int = 0  # those of its later words together

    def end(self, words: Sequence["Word"], start: int) -> int:
        """Where the words that fit end if the first of them, at `start`, does; 0 if they do not."""
        return self._end(words, start + 1, 1)

    def _end(self, words: Sequence["Word"], at: int, k: int) -> int:
        for i in range(k, len(self.bits)):
            bit = self.bits[i]
            if not bit and self.elements[i].gap:
                return self._beyond_gap(words, at, i + 1)
            if at == len(words) or not (words[at].later & bit if bit else not words[at].mark):
                return 0
            at += 1
        return at

    def _beyond_gap(self, words: Sequence["Word"], at: int, k: int) -> int:
        skipped = 0
        while at < len(words) and skipped <= _GAP and words[at].text not in _ENDS:
            if end := self._end(words, at, k):
                return end
            skipped += not words[at].mark
            at += 1
        return 0


class Word:
    """A word as it is spelled, and what the lexicon makes of it.

    short, long: the entries of one and of several words that may begin here; those of statements
    and conjunctions are told by `states` and `joins` if of one word. later: which words of
    entries, after the first, it fits (see `Entry.later`).
    """

    __slots__ = (
        *("ends", "finds", "heads", "idle", "ignored", "joins", "later", "letter", "long", "mark"),
        *("short", "states", "text", "turns"),
    )

    def __init__(self, text: str, entries: list[Entry], later: int) -> None:
        short = [entry for entry in entries if len(entry.elements) == 1]
        roles = {entry.role for entry in entries}
        single = {entry.role for entry in short}
        flags = {"statements", "conjunctions"}
        self.text = text
        self.mark = not text[0].isalnum()
        self.letter = len(text) == 1 and text.isalpha()
        self.ends = "terminators" in roles
        self.finds = "patterns" in roles
        self.ignored = "ignore" in roles
        self.heads = not roles.isdisjoint(HEADS)
        self.states = "statements" in single
        self.joins = "conjunctions" in single
        self.short = tuple(entry for entry in short if entry.role not in flags)
        self.long = tuple(entry for entry in entries if len(entry.elements) > 1)
        self.idle = not (self.short or self.long)
        self.later = later
        self.turns = self.finds or self.ends or self.heads or text == "?"

    def fitting(
        self, words: Sequence["Word"], at: int, roles: Iterable[str]
    ) -> Iterator[tuple[int, Entry]]:
        """The entries of some roles that begin here, with the word before which each ends."""
        for entry in (*self.short, *self.long):
            if entry.role in roles and (end := entry.end(words, at)):
                yield end, entry


class Token:
    """A word as it stands in a report."""

    __slots__ = ("capital", "line_break", "opens", "paragraph", "plain", "small", "stirs", "word")

    def __init__(self, raw: str, word: Word) -> None:
        self.word = word
        self.capital = raw[0].isupper()
        self.small = raw[-1].islower()
        self.opens = self.capital and raw[1:].islower() and bool(word.short or word.long)
        self.line_break = raw[0] in "\r\n"
        # An empty line, or a bullet on the next one
        self.paragraph = self.line_break and (raw.count("\n") > 1 or not raw[-1].isspace())
        self.plain = not (self.capital or word.mark)
        # May change where sentences end
        self.stirs = self.line_break or self.opens or word.text == "."


def counted(words: Sequence[Word]) -> Iterator[str]:
    """The words that count in a comparison with norm phrases: no stops, nothing to be ignored."""
    at = 0
    while at < len(words):
        word, end = words[at], 0
        if word.ignored:
            end = max((end for end, _ in word.fitting(words, at, ("ignore",))), default=0)
        if not end and word.text not in _STOPS and not word.text.isspace():
            yield word.text
        at = max(at + 1, end)


def _has_word(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


class _Index:
    """Values by an element that a word has to fit."""

    def __init__(self) -> None:
        self.whole: dict[str, list[Any]] = {}
        self.begins: dict[str, list[Any]] = {}
        self.others: list[tuple[Element, Any]] = []

    def add(self, element: Element, value: Any) -> None:
        if element.before:
            self.others.append((element, value))
        else:
            texts = self.begins if element.after else self.whole
            texts.setdefault(element.text, []).append(value)

    def find(self, word: str) -> list[Any]:
        found = list(self.whole.get(word, ()))
        for i in range(len(word) + 1):
            if word[:i] in self.begins:
                found += self.begins[word[:i]]
        found += [value for element, value in self.others if element.fits(word)]
        return found


class _Tokens(dict[str, Token]):
    """Tokens by how they stand in a report; each is looked up among the entries once.

    All words that neither an entry nor `kept` knows are one word, so that clauses that differ in
    them alone are read once (`clauses.read_clause`).
    """

    def __init__(self, entries: list[Entry], kept: set[str]) -> None:
        self.kept = kept
        self.words: dict[str, Word] = {}
        self.first, self.later = _Index(), _Index()
        bits: dict[Element, int] = {}
        for entry in entries:
            self.first.add(entry.elements[0], entry)
            for element in entry.elements[1:]:
                if element.text and element not in bits:
                    bits[element] = 1 << len(bits)
                    self.later.add(element, bits[element])
            entry.bits = (0, *(bits.get(element, 0) for element in entry.elements[1:]))
            for bit in entry.bits:
                entry.later |= bit
        own = {e for entry in entries if entry.role in _TYPED_ROLES for e in entry.elements}
        self.stems = sorted({e.text for e in own if len(e.text) >= _STEM and not e.before})

    def __missing__(self, raw: str) -> Token:
        if len(self) > _MOST_TOKENS:
            self.clear()
            self.words.clear()
        text = "0" if _NUMBER.fullmatch(raw) else "." if raw == "!" else spell(raw) or raw
        if text not in self.words:
            self.words[text] = self.word(text)
        token = Token(raw, self.words[text])
        if text != "0" or len(raw) < 4:  # there are too many long numbers
            self[raw] = token
        return token

    def word(self, text: str) -> Word:
        if len(text) >= _TYPED and not self.knows(text):
            text = next((fix for stem in self.stems if (fix := corrected(text, stem))), text)
        entries, later = self.first.find(text), sum(self.later.find(text))
        if not entries and not later and len(text) > 1 and text[0].isalnum():
            text = text if text in self.kept else _UNKNOWN
        if text not in self.words:
            self.words[text] = Word(text, entries, later)
        return self.words[text]

    def knows(self, text: str) -> bool:
        """Whether the lexicon has to do with the word: then it is no typing error."""
        begun = any(not entry.elements[0].before for entry in self.first.find(text))
        return begun or text in self.kept or bool(self.later.find(text))


@dataclass(frozen=True)
class Lexicon:
    """What `load_lexicon` made of a file."""

    language: str
    findings: tuple[str, ...]
    norm: dict[str, str]  # key of a whole report, the words that count -> its rule, norm.phrases[3]
    abbreviations: frozenset[str]
    capitals: bool  # a capital inside a line may begin a sentence
    tokens: dict[str, Token] = field(repr=False)  # of any word of a report, as it stands there

    @cached_property
    def longest_norm(self) -> int:
        return max((key.count(" ") + 1 for key in self.norm), default=0)

    @cached_property
    def norm_words(self) -> frozenset[str]:
        return frozenset(word for key in self.norm for word in key.split())

    def norm_rule(self, words: Sequence[Word]) -> str | None:
        """The rule of the norm phrase that the words are, if they are one or several.

        "Норма. Патологических изменений не выявлено": the first of them.
        """
        whole = self._norm_phrase(words)
        if whole or self.longest_norm < len(words) / 4:
            return whole
        ends = [i for i, word in enumerate(words) if word.text in _PARTS]
        starts = [0, *(i + 1 for i in ends)]
        parts = [words[a:b] for a, b in zip(starts, [*ends, len(words)], strict=True)]
        rules = [self._norm_phrase(part) for part in parts if any(counted(part))]
        return rules[0] if rules and all(rules) else None

    def _norm_phrase(self, words: Sequence[Word]) -> str | None:
        key = []
        for text in counted(words):
            if text not in self.norm_words:
                return None
            key.append(text)
        return self.norm.get(" ".join(key))

    @property
    def names(self) -> list[str]:
        """The labels in the order of the table: `norm`, then the findings as the file has them."""
        return ["norm", *self.findings]


# --- the file ---------------------------------------------------------------------------------


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
        needed = {"language", "norm", "findings", "negation", "uncertainty"}
        top = self.section(content, "", needed, {"abbreviations", "capitals"})
        language, capitals = top["language"], top.get("capitals", False)
        if not isinstance(language, str):
            raise self.mistake("language", language, "a text such as ru")
        if not isinstance(capitals, bool):
            raise self.mistake("capitals", capitals, "true or false")

        norm = self.section(top["norm"], "norm", {"phrases"}, {"ignore", *HEADS})
        findings = self.mapping(top["findings"], "findings", "names of findings")
        cues = self.section(
            top["negation"],
            "negation",
            {"before", "after", "terminators"},
            {*CUES, *_CLAUSES},
        )
        groups = [  # within a group an entry may stand once
            self.findings(findings),
            self.lists(cues, "negation", CUES),
            *(self.lists(cues, "negation", (name,)) for name in _CLAUSES),
            self.entries(top["uncertainty"], "uncertainty", "uncertainty"),
            self.lists(norm, "norm", HEADS),
            self.lists(norm, "norm", ("ignore",)),
        ]
        abbreviations = self.abbreviations(top.get("abbreviations", []))
        entries = [entry for group in groups for entry in group]
        phrases = self.norm(norm["phrases"])
        in_norm = {spell(token) for texts in phrases.values() for t in texts for token in tokens(t)}
        known = _Tokens(entries, in_norm | abbreviations)
        keys = self.norm_keys(phrases, known)
        return Lexicon(language, tuple(findings), keys, abbreviations, capitals, known)

    def findings(self, findings: dict[Any, Any]) -> list[Entry]:
        """The entries of all findings; no pattern may stand twice, be it in two findings."""
        patterns: list[Entry] = []
        excluded: list[Entry] = []
        for name, value in findings.items():
            at = f"findings.{name}"
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "norm":
                may = "a name of lower-case Latin letters, digits and _, other than norm"
                raise self.mistake("findings", name, may)
            entry = self.section(value, at, {"patterns"}, {"exclude"})
            own = self.entries(entry["patterns"], f"{at}.patterns", "patterns", name, empty=False)
            but = self.entries(entry.get("exclude", []), f"{at}.exclude", "exclude", name)
            self.unique([*own, *but])
            patterns += own
            excluded += but
        self.unique(patterns)
        return patterns + excluded

    def lists(self, section: dict[str, Any], at: str, names: Iterable[str]) -> list[Entry]:
        entries = [
            entry
            for name in names
            for entry in self.entries(section.get(name, []), f"{at}.{name}", name)
        ]
        self.unique(entries)
        return entries

    def entries(
        self, value: Any, at: str, role: str, label: str = "", empty: bool = True
    ) -> list[Entry]:
        texts = self.texts(value, at, empty)
        rules = [f"{at}[{i}]" for i in range(len(texts))]
        entries = [
            Entry(role, rule, self.elements(text, rule), label)
            for text, rule in zip(texts, rules, strict=True)
        ]
        self.unique(entries)
        return entries

    def unique(self, entries: list[Entry]) -> None:
        seen: dict[tuple[Element, ...], str] = {}
        for entry in entries:
            if (first := seen.setdefault(entry.elements, entry.rule)) != entry.rule:
                raise UserError(f"{self.file}: {entry.rule}: stands already at {first}")

    def elements(self, text: str, at: str) -> tuple[Element, ...]:
        words = text.split()
        if words[0] in ("..", "*") or words[-1] == "..":
            raise self.mistake(at, text, "a word first, and .. only between words")
        return tuple(element for word in words for element in self.element(word, text, at))

    def element(self, word: str, text: str, at: str) -> list[Element]:
        """One word of an entry; with a hyphen in it, two."""
        if word == "..":
            return [Element("", False, False)]
        if word in _ENTRY_MARKS:
            return [Element(word, False, False)]
        stem = word.strip("*")
        parts = [spell(token) for token in tokens(stem)]
        before, after = word.startswith("*"), word.endswith("*")
        if "*" in stem or any(not part[0].isalnum() for part in parts) or not (parts or after):
            raise self.mistake(at, text, "words, with * only where one begins or ends")
        if not parts:
            return [Element("", False, True)]
        last = len(parts) - 1
        return [Element(p, before and i == 0, after and i == last) for i, p in enumerate(parts)]

    def norm(self, value: Any) -> dict[str, list[str]]:
        """The rules of norm phrases, with all the whole reports that each stands for."""
        found = {}
        for i, phrase in enumerate(self.texts(value, "norm.phrases")):
            choices = [part.split("|") for part in re.split(r"[()]", phrase)]
            texts = ["".join(chosen) for chosen in product(*choices)]
            alternating = all(len(part) == 1 for part in choices[::2]) and len(choices) % 2
            if not alternating or re.search(r"[*\d]", phrase) or not all(map(_has_word, texts)):
                may = "a whole report in words, without * or numbers; (a|b) for one of several"
                raise self.mistake(f"norm.phrases[{i}]", phrase, may)
            found[f"norm.phrases[{i}]"] = texts
        return found

    def norm_keys(self, phrases: dict[str, list[str]], known: "_Tokens") -> dict[str, str]:
        """What counts in whole reports, with their rules."""
        found: dict[str, str] = {}
        for rule, texts in phrases.items():
            words = [[known[token].word for token in tokens(text)] for text in texts]
            keys = [" ".join(counted(of_text)) for of_text in words]
            if all(key in found for key in keys):
                raise UserError(f"{self.file}: {rule}: stands already at {found[keys[0]]}")
            found = dict.fromkeys(keys, rule) | found
        return found

    def abbreviations(self, value: Any) -> frozenset[str]:
        texts = self.texts(value, "abbreviations", empty=True)
        for i, text in enumerate(texts):
            if not text.removesuffix(".").isalpha():
                raise self.mistake(f"abbreviations[{i}]", text, "one word, with its dot or without")
        return frozenset(spell(text.removesuffix(".")) for text in texts)

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
