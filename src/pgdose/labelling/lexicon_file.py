"""Reading a lexicon file: YAML that a radiologist can read and extend (`docs/labelling.md`).

`load_lexicon` checks the whole file. Every message names the file, the field, what stands there and
what to write instead.
"""

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pgdose.errors import UserError
from pgdose.labelling.entries import CLAUSE_ROLES, CUE_ROLES, HEADING_ROLES, Element, Entry
from pgdose.labelling.lexicon import Lexicon, norm_words
from pgdose.labelling.spelling import spell, tokenize
from pgdose.labelling.vocabulary import Vocabulary
from pgdose.study.yaml_file import read_yaml

_FINDING_NAME = re.compile(r"[a-z][a-z0-9_]*")
MOST_GAPS = 10  # `..` of an entry
MOST_REPORTS = 10_000  # that one norm phrase stands for
MOST_REPORTS_OF_ALL = 30_000
_ENTRY_MARKS = {".", ",", ";", "?"}  # marks that an entry may consist of


def load_lexicon(path: Path) -> Lexicon:
    """Read and check a lexicon. Raises UserError that names the file, the field and the mistake."""
    return _LexiconReader(path.name).lexicon(read_yaml(path, path.name).content)


@dataclass(frozen=True)
class _LexiconReader:
    """Turns the parsed YAML into a Lexicon. `file` is the file's name, for messages."""

    file: str

    def lexicon(self, content: Any) -> Lexicon:
        required = {"language", "norm", "findings", "negation", "uncertainty"}
        top = self.section(content, "", required, {"abbreviations", "capitals"})
        language, capitals = top["language"], top.get("capitals", False)
        if not isinstance(language, str):
            raise self.mistake("language", language, "a text such as ru")
        if not isinstance(capitals, bool):
            raise self.mistake("capitals", capitals, "true or false")

        norm = self.section(top["norm"], "norm", {"phrases"}, {"ignore", *HEADING_ROLES})
        findings = self.mapping(top["findings"], "findings", "names of findings")
        negation = self.section(
            top["negation"],
            "negation",
            {"before", "after", "terminators"},
            {*CUE_ROLES, *CLAUSE_ROLES},
        )
        groups = [  # an entry may stand once within a group
            self.finding_entries(findings),
            self.entries_of_lists(negation, "negation", CUE_ROLES),
            *(self.entries_of_lists(negation, "negation", (role,)) for role in CLAUSE_ROLES),
            self.entries(top["uncertainty"], "uncertainty", "uncertainty"),
            self.entries_of_lists(norm, "norm", HEADING_ROLES),
            self.entries_of_lists(norm, "norm", ("ignore",)),
        ]
        abbreviations = self.abbreviations(top.get("abbreviations", []))
        entries = [entry for group in groups for entry in group]
        phrases = self.norm_phrases(norm["phrases"])
        in_norm = {
            spell(token) for texts in phrases.values() for t in texts for token in tokenize(t)
        }
        vocabulary = Vocabulary(entries, in_norm | abbreviations)
        norm_rules = self.norm_rules(phrases, vocabulary)
        return Lexicon(language, tuple(findings), norm_rules, abbreviations, capitals, vocabulary)

    # Entries

    def finding_entries(self, findings: dict[Any, Any]) -> list[Entry]:
        """The entries of all findings; no pattern may stand twice, not even in two findings."""
        patterns: list[Entry] = []
        exclusions: list[Entry] = []
        for name, value in findings.items():
            at = f"findings.{name}"
            if not isinstance(name, str) or not _FINDING_NAME.fullmatch(name) or name == "norm":
                may = "a name of lower-case Latin letters, digits and _, other than norm"
                raise self.mistake("findings", name, may)
            finding = self.section(value, at, {"patterns"}, {"exclude"})
            new_patterns = self.entries(
                finding["patterns"], f"{at}.patterns", "patterns", name, may_be_empty=False
            )
            new_exclusions = self.entries(
                finding.get("exclude", []), f"{at}.exclude", "exclude", name
            )
            self.check_unique([*new_patterns, *new_exclusions])
            patterns += new_patterns
            exclusions += new_exclusions
        self.check_unique(patterns)
        return patterns + exclusions

    def entries_of_lists(
        self, section: dict[str, Any], at: str, roles: Iterable[str]
    ) -> list[Entry]:
        """The entries of the lists of a section that are named by these roles."""
        entries = [
            entry
            for role in roles
            for entry in self.entries(section.get(role, []), f"{at}.{role}", role)
        ]
        self.check_unique(entries)
        return entries

    def entries(
        self, value: Any, at: str, role: str, label: str = "", may_be_empty: bool = True
    ) -> list[Entry]:
        texts = self.texts(value, at, may_be_empty)
        rules = [f"{at}[{i}]" for i in range(len(texts))]
        entries = [
            Entry(role, rule, self.elements(text, rule), label)
            for text, rule in zip(texts, rules, strict=True)
        ]
        self.check_unique(entries)
        return entries

    def check_unique(self, entries: list[Entry]) -> None:
        rules: dict[tuple[Element, ...], str] = {}
        for entry in entries:
            if (first := rules.setdefault(entry.elements, entry.rule)) != entry.rule:
                raise self.repetition(entry.rule, first)

    def elements(self, text: str, at: str) -> tuple[Element, ...]:
        words = text.split()
        if words[0] in ("..", "*") or words[-1] == "..":
            raise self.mistake(
                at, text, "an entry that begins with a word and has .. only between words"
            )
        if words.count("..") > MOST_GAPS:
            raise self.mistake(at, text, f"an entry with at most {MOST_GAPS} gaps (..)")
        return tuple(element for word in words for element in self.elements_of(word, text, at))

    def elements_of(self, word: str, text: str, at: str) -> list[Element]:
        """One word of the entry `text`; a hyphenated word makes several elements."""
        if word == "..":
            return [Element("", False, False)]
        if word in _ENTRY_MARKS:
            return [Element(word, False, False)]
        stem = word.strip("*")
        parts = [spell(token) for token in tokenize(stem)]
        before, after = word.startswith("*"), word.endswith("*")
        if "*" in stem or any(not part[0].isalnum() for part in parts) or not (parts or after):
            raise self.mistake(at, text, "words, with * only at the beginning or end of a word")
        if not parts:
            return [Element("", False, True)]
        last = len(parts) - 1
        return [Element(p, before and i == 0, after and i == last) for i, p in enumerate(parts)]

    # Norm phrases and abbreviations

    def norm_phrases(self, value: Any) -> dict[str, list[str]]:
        """By rule, all the whole reports that a norm phrase stands for: `(a|b)` is a or b."""
        reports = {}
        total = 0
        for i, phrase in enumerate(self.texts(value, "norm.phrases")):
            parts = [part.split("|") for part in re.split(r"[()]", phrase)]
            count = math.prod(map(len, parts))
            total += count
            if count > MOST_REPORTS or total > MOST_REPORTS_OF_ALL:
                raise self.mistake(
                    f"norm.phrases[{i}]",
                    phrase,
                    f"a phrase with fewer alternatives: at most {MOST_REPORTS} reports of one "
                    f"phrase, {MOST_REPORTS_OF_ALL} of all",
                )
            texts = ["".join(choice) for choice in product(*parts)]
            balanced = all(len(part) == 1 for part in parts[::2]) and len(parts) % 2
            if not balanced or re.search(r"[*\d]", phrase) or not all(map(_has_letter, texts)):
                may = (
                    "a whole report in words, without * or numbers, and with (a|b) for alternatives"
                )
                raise self.mistake(f"norm.phrases[{i}]", phrase, may)
            reports[f"norm.phrases[{i}]"] = texts
        return reports

    def norm_rules(self, phrases: dict[str, list[str]], vocabulary: Vocabulary) -> dict[str, str]:
        """The rule of each whole report, by its words that count (`Lexicon.norm`)."""
        rules: dict[str, str] = {}
        for rule, texts in phrases.items():
            reports = [[vocabulary[token].word for token in tokenize(text)] for text in texts]
            keys = [" ".join(norm_words(report)) for report in reports]
            if all(key in rules for key in keys):
                raise self.repetition(rule, rules[keys[0]])
            rules = dict.fromkeys(keys, rule) | rules
        return rules

    def abbreviations(self, value: Any) -> frozenset[str]:
        texts = self.texts(value, "abbreviations", may_be_empty=True)
        for i, text in enumerate(texts):
            if not text.removesuffix(".").isalpha():
                raise self.mistake(f"abbreviations[{i}]", text, "one word, with or without its dot")
        return frozenset(spell(text.removesuffix(".")) for text in texts)

    # Shapes and messages

    def section(
        self, value: Any, field: str, required: set[str], optional: set[str] | None = None
    ) -> dict[str, Any]:
        """A mapping with all required keys and no others than the optional ones."""
        keys = sorted(required | (optional or set()))
        section = self.mapping(value, field, f"the keys {', '.join(keys)}")
        prefix = f"{self.file}: {field}." if field else f"{self.file}: "
        for key in section:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, n=1)
                hint = f", did you mean {near[0]!r}?" if near else ""
                raise UserError(f"{prefix}{key}: unknown key{hint}; use one of: {', '.join(keys)}")
        for key in sorted(required - section.keys()):
            raise UserError(f"{prefix}{key}: missing; add it")
        return section

    def mapping(self, value: Any, field: str, may: str) -> dict[Any, Any]:
        if not isinstance(value, dict) or not value:
            raise self.mistake(field, value, f"a mapping with {may}")
        return value

    def texts(self, value: Any, field: str, may_be_empty: bool = False) -> list[str]:
        if not isinstance(value, list) or not (value or may_be_empty):
            raise self.mistake(field, value, "a list of words or phrases")
        for i, text in enumerate(value):
            if not isinstance(text, str) or not text.strip():
                raise self.mistake(f"{field}[{i}]", text, "a text; put it in quotes")
        return value

    def mistake(self, field: str, value: Any, may: str) -> UserError:
        where = f"{self.file}: {field}" if field else self.file
        shown = "null" if value is None else f"{value!r:.80}"
        return UserError(f"{where}: {shown} must be {may}")

    def repetition(self, rule: str, first: str) -> UserError:
        return UserError(f"{self.file}: {rule}: is the same as {first}; remove one of the two")


def _has_letter(text: str) -> bool:
    return any(letter.isalpha() for letter in text)
