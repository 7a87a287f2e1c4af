"""`pgdose label FILE --lexicon L`: what the labeller reads in reports, and why.

For people who write or tune a lexicon: it shows the texts themselves, which no result holds.
"""

import argparse
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pgdose.analysis import agreement
from pgdose.cli.label_lines import LabelLines, aligned, has_colours
from pgdose.cli.report_files import Report, ReportFile, as_options
from pgdose.errors import UserError
from pgdose.labelling.explanations import Explainer
from pgdose.labelling.lexicon import Lexicon
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.labelling.lexicon_rules import LexiconRules
from pgdose.report.label_page import STATES, Card, HandLabel, Heading, write_label_page
from pgdose.study.suggestions import nearest, one_of
from pgdose.tables.keyed import draw
from pgdose.user_tables.formats import TableFormat

FIRST = 50  # reports that are shown unless another number is asked for
SHOWN_WARNINGS = 20
DIFFER = "differ"  # the condition that a person's label is another one


class Condition(NamedTuple):
    """label=state, or `differ`, whose state is empty."""

    label: str
    state: str


@dataclass(frozen=True)
class Selection:
    """Which reports are shown: of those that fit the first so many, or as many by chance."""

    number: int
    by_chance: bool
    seed: int
    conditions: list[Condition]

    def fits(self, card: Card) -> bool:
        return all(
            bool(card.differences) if not state else card.explanation.states.get(label) == state
            for label, state in self.conditions
        )

    def select(self, cards: Iterable[Card]) -> tuple[list[Card], int]:
        """The cards to show in the order of the reports, and how many reports were read."""
        chosen: list[tuple[float, int, Card]] = []  # a heap: the least likely first
        read = 0
        for card in cards:
            read += 1
            if not self.fits(card):
                continue
            if not self.by_chance:
                chosen.append((0.0, read, card))
                if len(chosen) == self.number:
                    break
                continue
            place = -float(draw(self.seed, "shown report", [str(read)])[0])
            if len(chosen) < self.number:
                heapq.heappush(chosen, (place, read, card))
            else:
                heapq.heappushpop(chosen, (place, read, card))
        return [card for _, _, card in sorted(chosen, key=lambda one: one[1])], read

    def sentence(self, shown: int, read: int) -> str:
        """What is shown of the reports that were read."""
        of_these = f"{shown} of {read} reports"
        if self.by_chance:
            return f"{of_these}, by chance (--seed {self.seed})"
        if shown == self.number:
            return (
                f"the first {shown} reports, of {read} read; --first shows more, --sample some "
                "by chance"
            )
        return f"{of_these} are shown"


def label(arguments: argparse.Namespace) -> list[str]:
    """The lines to print; writes the page if the arguments ask for one."""
    path: Path = arguments.lexicon
    lexicon, rules = load_lexicon(path), LexiconRules(path)
    selection = _selection(arguments, lexicon)
    if arguments.norm == "composed" and (lexicon.composed is None or arguments.no_negation):
        raise UserError(
            "--norm: 'composed' needs norm.composed in the lexicon, and no --no-negation; change "
            "one of them"
        )
    explainer = Explainer(lexicon, not arguments.no_negation, arguments.norm)
    separator = "\t" if arguments.separator == "tab" else arguments.separator
    written = TableFormat(separator, arguments.encoding)
    file = ReportFile(arguments.file, arguments.text, arguments.id, written)
    notes = _warnings(path, lexicon)
    measures: list[list[str]] = []
    if arguments.hand_labels:
        hand = _hand_states(arguments, lexicon)
        judged = _judged(file.reports(notes), explainer, hand, notes)
        found = pd.DataFrame({id: card.explanation.states for id, card in judged.items()}).T
        found = found.reindex(columns=lexicon.names).fillna("unmentioned")
        measures = _measure_rows(agreement.measure_agreement(found, hand))
        cards, read = selection.select(judged.values())
    else:
        reports = file.reports(notes)
        cards, read = selection.select(Card(id, explainer.explain(text)) for id, text in reports)
    notes.append(selection.sentence(len(cards), read))
    lines = [*_card_lines(cards, LabelLines(rules, has_colours(arguments.color)))]
    lines += [*aligned(_count_rows(lexicon.names, cards)), ""]
    lines += [*aligned(measures), ""] if measures else []
    if arguments.html:
        title = f"What {path.name} reads in {Path(arguments.file).name}"
        heading = Heading(title, str(path), lexicon.names, notes, measures)
        write_label_page(arguments.html, heading, cards, rules)
        notes.append(f"wrote {arguments.html}; it holds texts of reports: keep it private")
    return [*lines, *dict.fromkeys(notes)]


def _warnings(path: Path, lexicon: Lexicon) -> list[str]:
    """What in the lexicon has no effect."""
    lines = [f"warning: {path}, {warning}" for warning in lexicon.warnings]
    more = len(lines) - SHOWN_WARNINGS
    return [*lines[:SHOWN_WARNINGS], *([f"and {more} more warnings"] if more > 0 else [])]


def _selection(arguments: argparse.Namespace, lexicon: Lexicon) -> Selection:
    conditions = []
    for text in arguments.only or []:
        name, _, state = text.partition("=")
        if text == DIFFER:
            if not arguments.hand_labels:
                raise UserError(f"--only {DIFFER}: there are no labels by hand; add --hand-labels")
        elif name not in lexicon.names:
            hint = f"{nearest(name, lexicon.names)}; {one_of(lexicon.names)}"
            raise UserError(f"--only {text}: {name!r} is no label of the lexicon{hint}")
        elif state not in STATES:
            raise UserError(f"--only {text}: write LABEL=STATE; {one_of(STATES)} as the state")
        conditions.append(Condition(name, state))
    number = arguments.sample or arguments.first or FIRST
    return Selection(number, bool(arguments.sample), arguments.seed, conditions)


# Labels by hand


def _hand_states(arguments: argparse.Namespace, lexicon: Lexicon) -> pd.DataFrame:
    """The table of a person's labels, by the id of the report."""
    column = arguments.hand_id or arguments.id or "id"
    table = ReportFile(str(arguments.hand_labels)).table({"id": column})
    with as_options():
        return agreement.hand_states(table, lexicon.names)


def _judged(
    reports: Iterator[Report], explainer: Explainer, hand: pd.DataFrame, notes: list[str]
) -> dict[str, Card]:
    """The reports that a person labelled, by id; of several rows with one id the first."""
    names = [str(name) for name in hand]
    by_hand = dict(zip(hand.index, hand.to_dict("records"), strict=True))
    cards: dict[str, Card] = {}
    repeated = 0
    for id, text in reports:
        if id not in by_hand:
            continue
        if id in cards:
            repeated += 1
            continue
        explanation = explainer.explain(text)
        states = explanation.states or dict.fromkeys(names, "unmentioned")
        labels = [HandLabel(name, str(by_hand[id][name]), states[name]) for name in names]
        differing = [one for one in labels if (one.hand == "present") != (one.found == "present")]
        cards[id] = Card(id, explanation, differing)
    if not cards:
        raise UserError(
            f"--hand-labels: none of its {len(hand)} ids is the id of a report; set --id and "
            "--hand-id to the columns that hold the reports' ids"
        )
    if lost := len(hand) - len(cards):
        notes.append(f"{lost} of {len(hand)} ids with labels by hand are the id of no report")
    if repeated:
        notes.append(f"{repeated} more reports have the id of an earlier one; the first counts")
    return cards


def _measure_rows(measures: pd.DataFrame) -> list[list[str]]:
    """The agreement with labels by hand, as texts."""
    rows = [["label", "judged", "present", "precision", "recall", "F1", "kappa"]]
    for row in measures.to_dict("records"):
        cells = [row["label"], str(row["n"]), str(row["n_present"])]
        for name in ("precision", "recall", "f1", "kappa"):
            value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
            cells.append("-" if pd.isna(value) else f"{value:.2f} ({low:.2f} to {high:.2f})")
        rows.append(cells)
    return rows


# Lines


def _card_lines(cards: list[Card], printer: LabelLines) -> Iterator[str]:
    yield printer.legend()
    yield ""
    for card in cards:
        yield from printer.lines(card.report, card.explanation)
        for name, by_hand, found in card.differences:
            yield f"  differs: {name} is {by_hand} by hand, {found} by the labeller"
        yield ""


def _count_rows(labels: list[str], cards: list[Card]) -> list[list[str]]:
    """How many of the reports shown have each label in each state."""
    rows = [["label", *STATES]]
    for name in labels:
        states = [card.explanation.states.get(name) for card in cards]
        rows.append([name, *(str(states.count(state)) for state in STATES)])
    return rows
