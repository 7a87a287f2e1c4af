"""The texts of a lexicon's entries: what a person writes, as elements that match words.

    parse_entry("очаг. тен*", mistakes, place)   # the elements очаг, тен*; очаг is an abbreviation

A comma in an entry fits a comma of the report. A dot behind a word marks an abbreviation: the entry
fits with the dot and without, and the dot ends no sentence.
"""

from typing import NamedTuple

from pgdose.labelling.entries import Element
from pgdose.labelling.lexicon_mistakes import LexiconMistakes, Place
from pgdose.labelling.spelling import spell, tokenize

MOST_GAPS = 10  # `..` of an entry
_LONE_MARKS = {".", ",", ";", "?", "¿"}  # an entry may be one of them, and hold them between spaces
_GAP = Element("", False, False)
_ANY_WORD = Element("", False, True)


class EntryText(NamedTuple):
    """The elements of an entry, and the words of it that are abbreviations."""

    elements: tuple[Element, ...]
    abbreviations: frozenset[str]


class _Refused(Exception):  # noqa: N818 - it names what happened to an entry
    """What an entry must be; the message of a mistake."""


def parse_entry(text: str, mistakes: LexiconMistakes, place: Place) -> EntryText | None:
    """The elements of an entry; None if it is a mistake, which is added."""
    try:
        return _parse(text.split())
    except _Refused as refusal:
        mistakes.refuse(place, text, str(refusal))
        return None


def _parse(words: list[str]) -> EntryText:
    if words[0] in ("..", "*") or words[-1] == "..":
        raise _Refused("an entry that begins with a word and has .. only between words")
    if words.count("..") > MOST_GAPS:
        raise _Refused(f"an entry with at most {MOST_GAPS} gaps (..)")
    elements: list[Element] = []
    abbreviations: set[str] = set()
    for word in words:
        if word == "..":
            elements.append(_GAP)
        elif word in _LONE_MARKS:
            elements.append(Element(word, False, False))
        else:
            elements += _elements_of_word(word, abbreviations)
    if not elements or elements[0].is_gap or elements[-1].is_gap:
        raise _Refused("an entry that begins and ends with a word")
    if len(elements) > 1 and elements[-1].text == ",":
        raise _Refused("an entry that ends with a word; remove the comma behind it")
    return EntryText(tuple(elements), frozenset(abbreviations))


def _elements_of_word(word: str, abbreviations: set[str]) -> list[Element]:
    """The elements of what stands between two spaces: words, and commas behind them.

    A hyphenated word makes several elements; a dash alone makes none, as in reports.
    """
    if word == "*":
        return [_ANY_WORD]
    core = word.rstrip(",.")
    marks = word[len(core) :]
    stem = core.strip("*")
    tokens = tokenize(stem)
    before, after = core.startswith("*"), core.endswith("*")
    if "*" in stem or (not stem and (before or after)):
        raise _Refused("words, with * only at the beginning or end of a word")
    if "." in marks and (after or not tokens):
        raise _Refused("words, with a dot only behind a whole word")
    if any(token in {":", ";", "?", "!"} for token in tokens):
        raise _Refused("words; of marks only commas, and dots of abbreviations, stand inside")
    elements: list[Element] = []
    for i, token in enumerate(tokens):
        if token == ".":
            continue
        is_last = i == len(tokens) - 1
        part = spell(token)
        elements.append(Element(part, before and i == 0, after and is_last))
        if (marks if is_last else "".join(tokens[i + 1 : i + 2])).startswith("."):
            abbreviations.add(part)
    if "," in marks:
        elements.append(Element(",", False, False))
    return elements
