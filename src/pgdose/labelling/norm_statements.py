"""Norm by composition: reports all of whose statements are unremarkable.

The lexicon holds named lists of words, and patterns of statements made of them:

    lists:   organs: [heart, lungs], fine: [normal, clear]
    lungs:   ["(|the) {organs+} (is|are|) {fine}"]    says that the lungs or the chest are normal
    others:  ["no {denied+}"]                         says nothing against it

    "The heart and lungs are normal. No effusion." is norm: nothing is left over, and one statement
    of `lungs` is among the others.

    {name}   one of the list         {name+}  one or several, with commas and conjunctions
    {name?}  one or nothing          {name*}  several, or nothing
    (a|b)    a or b                  word*    a word that begins so

The patterns become one automaton over words (`_Builder`), which `ComposedNorm` walks once over a
report. Sets of its nodes that were reached before are remembered, so that a word costs a look-up in
a dict, and the time of a report is that of its words, whatever the patterns are.
"""

import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pgdose.labelling.entries import Entry
from pgdose.labelling.spelling import is_number, spell, tokenize

MOST_NODES = 300_000  # of the automaton; each use of a list adds its words
_MOST_STATES = 5000  # remembered sets of nodes
_PART = re.compile(r"\{(\w+)([?+*]?)\}|([()|])|([^\s(){}|]+)|\s+|(.)")
_BETWEEN = {".", ",", ";", "!"}  # marks between statements

_START, _OF_LUNGS, _OF_OTHERS = 0, 1, 2  # nodes: where statements begin, and where they end


class PatternMistake(Exception):  # noqa: N818 - the lexicon's reader makes a message of it
    """What a pattern must be."""


class Literal(NamedTuple):
    text: str
    is_stem: bool


class ListUse(NamedTuple):
    name: str
    times: str  # "", "?", "+" or "*"


class Choice(NamedTuple):
    options: "tuple[Pattern, ...]"


Pattern = tuple[Literal | ListUse | Choice, ...]


class Statements(NamedTuple):
    """The parsed section `norm.composed` of a lexicon."""

    lists: Mapping[str, Sequence[Pattern]]
    lungs: Sequence[Pattern]
    others: Sequence[Pattern]


def parse_pattern(text: str) -> Pattern:
    """Raises PatternMistake with what the pattern must be."""
    stack: list[list[list[Literal | ListUse | Choice]]] = [[[]]]
    for name, times, mark, word, wrong in _PART.findall(text):
        if wrong:
            raise PatternMistake("a pattern of words, (a|b), {list}, {list+}, {list?} or {list*}")
        if name:
            stack[-1][-1].append(ListUse(name, times))
        elif mark == "(":
            stack.append([[]])
        elif mark and len(stack) == 1:
            raise PatternMistake("a pattern with ( before ) and |")
        elif mark == "|":
            stack[-1].append([])
        elif mark == ")":
            options = stack.pop()
            stack[-1][-1].append(Choice(tuple(map(tuple, options))))
        elif word:
            stack[-1][-1] += _literals(word)
    if len(stack) > 1:
        raise PatternMistake("a pattern with ) behind each (")
    return tuple(stack[0][0])


def _literals(word: str) -> list[Literal]:
    is_stem = word.endswith("*")
    tokens = tokenize(word.removesuffix("*"))
    if not tokens or "*" in word[:-1] or not all(token[0].isalnum() for token in tokens):
        raise PatternMistake("a pattern of words without punctuation, with * only behind a word")
    if any(map(is_number, tokens)):
        raise PatternMistake("a pattern without numbers; norm.ignore may hold them")
    texts = [spell(token) for token in tokens]
    return [Literal(text, is_stem and i == len(texts) - 1) for i, text in enumerate(texts)]


def needs_a_word(pattern: Pattern) -> bool:
    """Whether no text without words fits the pattern. Its lists hold patterns that need one."""
    return any(
        isinstance(item, Literal)
        or (isinstance(item, ListUse) and item.times in ("", "+"))
        or (isinstance(item, Choice) and all(map(needs_a_word, item.options)))
        for item in pattern
    )


def literals_of(statements: Statements) -> set[Literal]:
    """All words and stems of the patterns."""
    patterns = [*statements.lungs, *statements.others]
    for of_list in statements.lists.values():
        patterns += of_list
    found: set[Literal] = set()
    while patterns:
        for item in patterns.pop():
            if isinstance(item, Literal):
                found.add(item)
            elif isinstance(item, Choice):
                patterns += item.options
    return found


def patterns_of_findings(entries: Iterable[Entry]) -> Sequence[Pattern]:
    """The list {findings}: what the findings' patterns match, without the words of their gaps."""
    patterns = []
    for entry in entries:
        elements = [element for element in entry.elements if not element.is_gap]
        if any(e.any_before or not e.text or not e.text[0].isalnum() for e in elements):
            continue
        patterns.append(tuple(Literal(e.text, e.any_after) for e in elements))
    return patterns


class _Builder:
    """Nodes with edges by word (`words`), by stem (`stems`) and without a word (`empty`)."""

    def __init__(self, lists: Mapping[str, Sequence[Pattern]], joints: Iterable[str]) -> None:
        self.lists = lists
        self.joints = [",", *joints]
        self.words: list[dict[str, list[int]]] = []
        self.stems: list[dict[str, list[int]]] = []
        self.empty: list[list[int]] = []
        self.open_lists: list[str] = []

    def node(self) -> int:
        if len(self.words) == MOST_NODES:
            raise PatternMistake(f"shorter, with all lists at most {MOST_NODES} words")
        self.words.append({})
        self.stems.append({})
        self.empty.append([])
        return len(self.words) - 1

    def add(self, pattern: Pattern, start: int, end: int | None = None) -> int:
        """Adds a pattern from a node on; returns the node behind it (`end`, if it is given)."""
        at = start
        for item in pattern:
            if isinstance(item, Literal):
                at = self._literal(item, at)
            elif isinstance(item, Choice):
                at = self._choice(item.options, self._behind(at))
            else:
                at = self._list(item, self._behind(at))
        if end is None:
            return at
        self.empty[at].append(end)
        return end

    def _behind(self, at: int) -> int:
        node = self.node()
        self.empty[at].append(node)
        return node

    def _literal(self, item: Literal, at: int) -> int:
        edges = (self.stems if item.is_stem else self.words)[at]
        if item.text not in edges:
            edges[item.text] = [self.node()]
        return edges[item.text][0]

    def _choice(self, options: Sequence[Pattern], start: int) -> int:
        end = self.node()
        for option in options:
            self.add(option, start, end)
        return end

    def _list(self, use: ListUse, start: int) -> int:
        if use.name not in self.lists:
            names = ", ".join(sorted(self.lists))
            raise PatternMistake(f"a pattern with lists of norm.composed.lists ({names})")
        if use.name in self.open_lists:
            raise PatternMistake(f"a pattern without {{{use.name}}}: the list would hold itself")
        self.open_lists.append(use.name)
        end = self._choice(self.lists[use.name], start)
        self.open_lists.pop()
        if use.times in ("?", "*"):
            self.empty[start].append(end)
        if use.times in ("", "?"):
            return end
        again = self._behind(end)
        for joint in self.joints:
            self.words[again][joint] = [again]
        self.empty[again].append(start)
        return self._behind(again)


class _State:
    """A set of nodes: 2 n is node n, and 2 n + 1 the same after a statement of the lungs."""

    __slots__ = ("accepts", "moves", "nodes")

    def __init__(self, nodes: "array[int]") -> None:
        self.nodes = nodes
        self.accepts = 2 * _START + 1 in nodes
        self.moves: dict[str, _State | None] = {}


class ComposedNorm:
    """Decides whether the words of a report are unremarkable statements and nothing else.

    `separators` are words that may stand between statements, `joints` those within a list.
    """

    def __init__(
        self, statements: Statements, joints: Iterable[str], separators: Iterable[str]
    ) -> None:
        builder = _Builder(statements.lists, joints)
        for node in (_START, _OF_LUNGS, _OF_OTHERS):
            assert builder.node() == node
        for end, patterns in ((_OF_LUNGS, statements.lungs), (_OF_OTHERS, statements.others)):
            for pattern in patterns:
                builder.add(pattern, _START, end)
        self._builder = builder
        self._separators = _BETWEEN | set(separators)
        self._closures: dict[int, frozenset[int]] = {}
        self._states: dict[bytes, _State] = {}
        self._first = self._state({2 * _START})

    def accepts(self, texts: Iterable[str]) -> bool:
        """Whether these words (in the common spelling, with their marks) are norm."""
        state: _State | None = self._first
        for text in texts:
            assert state is not None
            if text in state.moves:
                state = state.moves[text]
            else:
                following = self._move(state, text)
                state.moves[text] = following
                state = following
            if state is None:
                return False
        return state is not None and state.accepts

    def _move(self, state: _State, text: str) -> _State | None:
        words, stems = self._builder.words, self._builder.stems
        stems_of_text = [text[:i] for i in range(1, len(text) + 1)]
        reached: set[int] = set()
        for numbered in state.nodes:
            node, after_lungs = divmod(numbered, 2)
            targets = list(words[node].get(text, ()))
            if stems[node]:
                for stem in stems_of_text:
                    targets += stems[node].get(stem, ())
            if node == _START and text in self._separators:
                targets.append(_START)
            reached.update(2 * target + after_lungs for target in targets)
        return self._state(reached) if reached else None

    def _state(self, reached: set[int]) -> _State:
        nodes: set[int] = set()
        for numbered in reached:
            node, after_lungs = divmod(numbered, 2)
            closure = self._closure(node)
            nodes.update(2 * n + after_lungs for n in closure)
            if _OF_LUNGS in closure:
                nodes.update(2 * n + 1 for n in self._closure(_START))
            if _OF_OTHERS in closure:
                nodes.update(2 * n + after_lungs for n in self._closure(_START))
        packed = array("I", sorted(nodes))  # a tuple of so many numbers takes ten times the memory
        key = packed.tobytes()
        if key not in self._states:
            if len(self._states) > _MOST_STATES:
                self._states.clear()
                self._first.moves.clear()
            self._states[key] = _State(packed)
        return self._states[key]

    def _closure(self, node: int) -> frozenset[int]:
        """The nodes that are reached without a word, and from which something follows."""
        if node not in self._closures:
            reached, left = {node}, [node]
            while left:
                for following in self._builder.empty[left.pop()]:
                    if following not in reached:
                        reached.add(following)
                        left.append(following)
            builder = self._builder
            self._closures[node] = frozenset(
                n for n in reached if n <= _OF_OTHERS or builder.words[n] or builder.stems[n]
            )
        return self._closures[node]
