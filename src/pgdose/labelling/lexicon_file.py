"""Reading a lexicon file: YAML that a radiologist can read and extend.

docs/reference/lexicon.md describes it.

    load_lexicon -> _LexiconReader      the sections of the file
                      entry_texts       one entry of a list
                      norm_phrases      the whole reports that are norm
                      entry_overlaps    entries that contradict or cover each other
                      lexicon_mistakes  all mistakes and warnings, each with its line

A new list of entries needs a role in `entries` and a line in `_LISTS`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pgdose.labelling.entries import CLAUSE_ROLES, CUE_ROLES, HEADING_ROLES, Entry
from pgdose.labelling.entry_overlaps import check_overlaps
from pgdose.labelling.entry_texts import parse_entry
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.lexicon_mistakes import LexiconMistakes, Place, rule_of
from pgdose.labelling.norm_phrases import read_norm_phrases, rules_of_norm
from pgdose.labelling.norm_statements import (
    ComposedNorm,
    Pattern,
    PatternMistake,
    Statements,
    literals_of,
    needs_a_word,
    parse_pattern,
    patterns_of_findings,
)
from pgdose.labelling.spelling import is_number, spell, tokenize
from pgdose.labelling.vocabulary import Vocabulary
from pgdose.study.suggestions import nearest, one_of
from pgdose.study.yaml_file import read_yaml

_OF_FINDINGS = "findings"  # the list of norm.composed that the patterns of the findings make
_FINDING_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SECTIONS = {"language", "norm", "findings", "negation", "uncertainty"}
_MORE_SECTIONS = {"abbreviations", "capitals", "sections", "codes"}
# The lists of entries of a section, by their role.
_LISTS = {
    "negation": (*CUE_ROLES, *CLAUSE_ROLES),
    "norm": ("ignore",),
    "sections": HEADING_ROLES,
}
_OTHER_KEYS = {"negation": (), "norm": ("composed",), "sections": ()}
_REQUIRED = {
    "negation": {"before", "after", "terminators"},
    "norm": {"phrases"},
    "sections": set[str](),
}


def load_lexicon(path: Path) -> Lexicon:
    """Read and check a lexicon. Raises UserError with all mistakes, each with its line and field.

    What only has no effect stands in the lexicon's `warnings`.
    """
    document = read_yaml(path, path.name)
    mistakes = LexiconMistakes(path.name, document)
    return _LexiconReader(mistakes).lexicon(document.content)


class _LexiconReader:
    """Turns the parsed YAML into a Lexicon.

    entries: by their place, as far as they are read; abbreviations: in the lexicon's spelling
    """

    def __init__(self, mistakes: LexiconMistakes) -> None:
        self.mistakes = mistakes
        self.entries: dict[Place, Entry] = {}
        self.abbreviations: set[str] = set()
        self.separators: set[str] = set()  # words between the statements of a composed norm

    def lexicon(self, content: Any) -> Lexicon:
        top = self.section(content, (), _SECTIONS, _MORE_SECTIONS)
        language, capitals = top.get("language", ""), top.get("capitals", False)
        if not isinstance(language, str):
            self.mistakes.refuse(("language",), language, "a text such as ru")
        if not isinstance(capitals, bool):
            self.mistakes.refuse(("capitals",), capitals, "true or false")
        sections = {
            name: self.section(top[name], (name,), required, {*_LISTS[name], *_OTHER_KEYS[name]})
            for name, required in _REQUIRED.items()
            if name in top
        }
        findings = self.read_findings(top)
        for name, section in sections.items():
            for role in _LISTS[name]:
                self.read_entries(section.get(role, []), (name, role), role)
        self.read_entries(top.get("uncertainty", []), ("uncertainty",), "uncertainty")
        self.read_abbreviations(top.get("abbreviations", []))
        check_overlaps(self.entries, self.mistakes)
        norm = sections.get("norm", {})
        phrases = self.texts(norm["phrases"], ("norm", "phrases")) if "phrases" in norm else {}
        reports = read_norm_phrases(phrases, self.mistakes)
        statements = self.read_composed(norm["composed"]) if "composed" in norm else None
        composed = self.composed_norm(statements) if statements else None
        codes = self.read_codes(top["codes"], {"norm", *findings}) if "codes" in top else {}
        self.mistakes.raise_all()

        literals = literals_of(statements) if statements else set()
        in_norm = {
            spell(token) for texts in reports.values() for t in texts for token in tokenize(t)
        }
        in_norm |= {literal.text for literal in literals if not literal.is_stem}
        stems = tuple(literal.text for literal in literals if literal.is_stem)
        vocabulary = Vocabulary(list(self.entries.values()), in_norm | self.abbreviations, stems)
        norm_rules = rules_of_norm(reports, vocabulary, self.mistakes)
        return Lexicon(
            language,
            tuple(findings),
            norm_rules,
            frozenset(self.abbreviations),
            capitals,
            vocabulary,
            composed,
            codes,
            warnings=tuple(self.mistakes.warnings),
        )

    # Lists of entries

    def read_findings(self, top: dict[Any, Any]) -> list[str]:
        """The names of the findings; their entries are read."""
        if "findings" not in top:
            return []
        findings = self.mapping(top["findings"], ("findings",), "names of findings")
        for name, value in findings.items():
            place = ("findings", str(name))
            if not isinstance(name, str) or not _FINDING_NAME.fullmatch(name) or name == "norm":
                may = "a name of lower-case Latin letters, digits and _, other than norm"
                self.mistakes.refuse(("findings",), name, may)
                continue
            finding = self.section(value, place, {"patterns"}, {"exclude"})
            if "patterns" in finding:
                self.read_entries(
                    finding["patterns"], (*place, "patterns"), "patterns", name, may_be_empty=False
                )
            self.read_entries(finding.get("exclude", []), (*place, "exclude"), "exclude", name)
        return list(findings)

    def read_entries(
        self, value: Any, place: Place, role: str, label: str = "", may_be_empty: bool = True
    ) -> None:
        for at, text in self.texts(value, place, may_be_empty).items():
            needs_mark = role in HEADING_ROLES and text.rstrip().endswith(":")
            if needs_mark:
                text = text.rstrip().removesuffix(":")
            if text.strip() and (entry := parse_entry(text, self.mistakes, at)):
                self.entries[at] = Entry(
                    role, rule_of(at), entry.elements, label, needs_mark=needs_mark
                )
                self.abbreviations |= entry.abbreviations

    def read_abbreviations(self, value: Any) -> None:
        for place, text in self.texts(value, ("abbreviations",), may_be_empty=True).items():
            word = text.strip().removesuffix(".")
            if word.isalpha():
                self.abbreviations.add(spell(word))
            else:
                self.mistakes.refuse(place, text, "one word, with or without its dot")

    # Norm by composition, and codes

    def read_composed(self, value: Any) -> Statements | None:
        """The patterns of norm.composed; None if one of its keys is missing."""
        place = ("norm", "composed")
        section = self.section(value, place, {"lists", "lungs", "others"}, {"separators"})
        if not {"lists", "lungs", "others"} <= section.keys():
            return None
        lists: dict[str, Sequence[Pattern]] = {
            str(name): self.patterns(texts, (*place, "lists", str(name)))
            for name, texts in self.mapping(
                section["lists"], (*place, "lists"), "names of lists"
            ).items()
        }
        if _OF_FINDINGS in lists:
            self.mistakes.add((*place, "lists", _OF_FINDINGS), "is made of the findings; rename it")
        patterns = [entry for entry in self.entries.values() if entry.role == "patterns"]
        lists[_OF_FINDINGS] = patterns_of_findings(patterns)
        self.separators = set(self.texts(section.get("separators", []), place, True).values())
        return Statements(
            lists,
            self.patterns(section["lungs"], (*place, "lungs")),
            self.patterns(section["others"], (*place, "others")),
        )

    def patterns(self, value: Any, place: Place) -> list[Pattern]:
        patterns = []
        for at, text in self.texts(value, place).items():
            try:
                pattern = parse_pattern(text)
                if not needs_a_word(pattern):
                    raise PatternMistake("a pattern that has a word in every case")
            except PatternMistake as mistake:
                self.mistakes.refuse(at, text, str(mistake))
            else:
                patterns.append(pattern)
        return patterns

    def composed_norm(self, statements: Statements) -> ComposedNorm | None:
        joints = {
            entry.elements[0].text
            for entry in self.entries.values()
            if entry.role in ("conjunctions", "disjunctions") and len(entry.elements) == 1
        }
        try:
            return ComposedNorm(statements, joints, joints | self.separators)
        except PatternMistake as mistake:
            self.mistakes.add(("norm", "composed"), f"must be {mistake}")
            return None

    def read_codes(self, value: Any, labels: set[str]) -> dict[str, tuple[str, str]]:
        """The label of each code, with its rule."""
        codes: dict[str, tuple[str, str]] = {}
        for name, texts in self.mapping(value, ("codes",), "labels").items():
            if name not in labels:
                self.mistakes.add(("codes", str(name)), f"is no label; {one_of(sorted(labels))}")
                continue
            for at, text in self.texts(texts, ("codes", name)).items():
                if not is_number(text.strip()):
                    self.mistakes.refuse(at, text, "a number in quotes")
                elif text.strip() in codes:
                    self.mistakes.add(at, f"{text!r} stands at {codes[text.strip()][1]}, too")
                else:
                    codes[text.strip()] = name, rule_of(at)
        return codes

    # Shapes of the file; each returns what is usable of it

    def section(
        self, value: Any, place: Place, required: set[str], optional: set[str]
    ) -> dict[str, Any]:
        """A mapping with all required keys and no others than the optional ones."""
        keys = sorted(required | optional)
        if not self.is_mapping(value, place, f"the keys {', '.join(keys)}"):
            return {}
        for key in value:
            if key not in keys:
                hint = f"unknown key{nearest(str(key), keys)}; {one_of(keys)}"
                self.mistakes.add((*place, str(key)), hint)
        for key in sorted(required - value.keys()):
            self.mistakes.add((*place, key), "missing; add it")
        return {key: value[key] for key in keys if key in value}

    def mapping(self, value: Any, place: Place, what: str) -> dict[Any, Any]:
        return value if self.is_mapping(value, place, what) else {}

    def is_mapping(self, value: Any, place: Place, what: str) -> bool:
        if isinstance(value, dict) and value:
            return True
        self.mistakes.refuse(place, value, f"a mapping with {what}")
        return False

    def texts(self, value: Any, place: Place, may_be_empty: bool = False) -> dict[Place, str]:
        """The texts of a list by their places."""
        if not isinstance(value, list) or not (value or may_be_empty):
            self.mistakes.refuse(place, value, "a list of words or phrases")
            return {}
        texts = {}
        for i, text in enumerate(value):
            at = (*place, str(i))
            if isinstance(text, str) and text.strip():
                texts[at] = text
            else:
                self.mistakes.refuse(at, text, "a text; put it in quotes")
        return texts
