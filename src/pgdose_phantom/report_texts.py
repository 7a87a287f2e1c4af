"""Reports on chest films, as radiologists of a Russian-speaking hospital dictate them.

A report is put together from statements, each of which knows what it says of which finding. So the
hand labels of a report are known without reading it. `report_phrases` has the phrases,
`report_typing` makes typists' texts of them.
"""

from collections.abc import Sequence

import numpy as np

from pgdose_phantom.report_phrases import BELARUSIAN, REPORT_FINDINGS, RUSSIAN
from pgdose_phantom.report_typing import mistype, type_by_hand

PRESENT, ABSENT, UNCERTAIN, UNMENTIONED = "present", "absent", "uncertain", "unmentioned"
BELARUSIAN_SHARE = 0.04
DESCRIBED_NORM_SHARE = 0.1  # norm reports that are a description and a conclusion
DOUBT_SHARE = 0.05  # reports of a finding that leave another in doubt
CONCLUSION_SHARE = 0.25  # reports of a finding that name it in a conclusion, after the rest
TYPING_ERROR_SHARE = 0.025  # reports of a finding with a slip in a word

States = dict[str, str]  # by finding: present, absent (denied), uncertain or unmentioned


def write_report(
    rng: np.random.Generator, findings: frozenset[str], sex: str, age: float
) -> tuple[str, States]:
    """A report that states `findings` (of REPORT_FINDINGS) and no others, and its states.

    Without findings it is a norm report: a norm phrase, at times as the conclusion of a description
    that may deny findings. Otherwise other findings are unmentioned, denied or, in a few reports,
    one of them is in doubt. `sex` (F or M) and `age` (years) add a remark here and there. The same
    state of `rng` gives the same text. Raises ValueError for an unknown finding.
    """
    if unknown := findings - set(REPORT_FINDINGS):
        raise ValueError(f"unknown findings {sorted(unknown)}; use some of {REPORT_FINDINGS}")
    writer = _ReportWriter(rng, sex, age)
    return writer.norm() if not findings else writer.pathology(sorted(findings))


def write_doubt(rng: np.random.Generator, sex: str, age: float) -> tuple[str, States]:
    """A report that leaves one finding in doubt and states none; with its states."""
    return _ReportWriter(rng, sex, age).doubt()


def write_denial(rng: np.random.Generator, sex: str, age: float) -> tuple[str, States]:
    """A report that denies two or three findings and states none; with its states."""
    return _ReportWriter(rng, sex, age).denial()


class _ReportWriter:
    """One report in the making: the states of findings so far, and the unmentioned ones."""

    def __init__(self, rng: np.random.Generator, sex: str, age: float) -> None:
        self.rng = rng
        self.language = BELARUSIAN if rng.random() < BELARUSIAN_SHARE else RUSSIAN
        self.states: States = dict.fromkeys(REPORT_FINDINGS, UNMENTIONED)
        self.unmentioned = _shuffled(rng, REPORT_FINDINGS)
        self.remarks = list(self.language.neutral)
        self.remarks += self.language.women if sex == "F" else ()
        self.remarks += self.language.elderly if age >= 55 else ()

    # Whole reports

    def norm(self) -> tuple[str, States]:
        phrase = _choose(self.rng, list(self.language.norm))
        described = self.rng.random() < DESCRIBED_NORM_SHARE
        for finding in self.language.norm[phrase]:
            self._set_state(ABSENT, finding)
        if not described:
            return self._finish([phrase], None)
        body = _shuffled(self.rng, self.language.normal)[: self.rng.integers(2, 5)]
        if self.rng.random() < 0.7:
            body.insert(0, self._denial(int(self.rng.integers(1, 3))))
        return self._finish(body, phrase)

    def pathology(self, findings: list[str]) -> tuple[str, States]:
        for finding in findings:
            self._set_state(PRESENT, finding)
        statements = self._statements(_shuffled(self.rng, findings))
        if self.unmentioned and self.rng.random() < DOUBT_SHARE:
            statements = self._add_doubt(statements)
        others = []
        if self.unmentioned and self.rng.random() < 0.6:
            others.append(self._denial(int(self.rng.integers(1, 4))))
        others += _shuffled(self.rng, self.remarks)[: self.rng.integers(0, 5)]
        if others and self.rng.random() < CONCLUSION_SHARE:
            return self._finish(others, ". ".join(map(_capital, statements)), slips=True)
        return self._finish(_shuffled(self.rng, [*statements, *others]), None, slips=True)

    def doubt(self) -> tuple[str, States]:
        others = [self._denial(1)] if self.rng.random() < 0.3 else []
        others += _shuffled(self.rng, self.remarks)[: self.rng.integers(0, 3)]
        doubt = self._about(self.language.doubts, UNCERTAIN, 1)
        return self._finish(_shuffled(self.rng, [doubt, *others]), None)

    def denial(self) -> tuple[str, States]:
        # Not of focal shadows alone: that would be a norm phrase, or nearly one.
        denial = self._denial(int(self.rng.integers(2, 4)))
        others = _shuffled(self.rng, self.remarks)[: self.rng.integers(0, 3)]
        return self._finish(_shuffled(self.rng, [denial, *others]), None)

    # Statements

    def _set_state(self, state: str, finding: str | None = None) -> str:
        """Set the state of `finding`, or of one that is unmentioned so far; returns it."""
        if finding is None:
            finding = self.unmentioned.pop()
        elif finding in self.unmentioned:
            self.unmentioned.remove(finding)
        self.states[finding] = state
        return finding

    def _statements(self, findings: list[str]) -> list[str]:
        """All of `findings`: as a list, or one sentence each, which may deny another finding."""
        sentences = []
        if len(findings) > 1 and self.rng.random() < 0.4:
            in_list, findings = findings[:3], findings[3:]
            sentences.append(self._write(_choose(self.rng, self.language.lists), in_list))
        for finding in findings:
            sentence = _choose(self.rng, self.language.present[finding])
            if self.unmentioned and self.rng.random() < 0.3:
                tail = self._about(self.language.tails, ABSENT, 1)
                sentence = tail.replace("{present}", _uncapital(sentence))
            sentences.append(sentence)
        return sentences

    def _add_doubt(self, statements: list[str]) -> list[str]:
        """One more finding, which is in doubt: in a sentence of its own or with another."""
        if self.rng.random() < 0.5:
            return [*statements, self._about(self.language.doubts, UNCERTAIN, 1)]
        tail = self._about(self.language.doubtful_tails, UNCERTAIN, 1)
        return [*statements[:-1], tail.replace("{present}", _uncapital(statements[-1]))]

    def _denial(self, count: int) -> str:
        """Up to `count` findings denied in one sentence."""
        count = min(count, len(self.unmentioned))
        if count == 1 and self.rng.random() < 0.4:
            return _choose(self.rng, self.language.absent[self._set_state(ABSENT)])
        return self._about(self.language.denials, ABSENT, count)

    def _about(self, templates: Sequence[str], state: str, count: int) -> str:
        template = _choose(self.rng, templates)
        return self._write(
            template, [self._set_state(state) for _ in range(count)], state == ABSENT
        )

    def _write(self, template: str, findings: list[str], denied: bool = False) -> str:
        """Put the findings into the template, in the grammatical case that it has a place for."""
        joins = [", ", *self.language.joins[: 1 + denied]]
        for case in ("nominative", "genitive", "accusative"):
            if f"{{{case}}}" in template:
                forms = getattr(self.language, case)
                names = [_choose(self.rng, forms[finding]) for finding in findings]
                template = template.replace(f"{{{case}}}", _join(names, _choose(self.rng, joins)))
        return template

    # The text

    def _finish(
        self, body: list[str], conclusion: str | None, slips: bool = False
    ) -> tuple[str, States]:
        """The text as it comes from many keyboards, and the states of all findings."""
        rng, language = self.rng, self.language
        body = [_capital(self._fill(sentence)) for sentence in body]
        stop = _choose(rng, [". ", ". ", ". ", ". ", ". ", ".\r\n", ".", "; "])
        text = stop.join(body)
        if conclusion is not None:
            if rng.random() < 0.3:
                text = f"{_choose(rng, language.heads)} {text}"
            end = self._fill(conclusion)
            end = _capital(end) if rng.random() < 0.5 else _uncapital(end)
            gap = _choose(rng, [" ", " ", "\r\n"])
            text = f"{text}.{gap}{_choose(rng, language.conclusions)} {end}"
        text += _choose(rng, [".", ".", ".", "", "", " .", "..", "!", "\r\n"])
        if slips and rng.random() < TYPING_ERROR_SHARE:
            text = mistype(rng, text)
        return type_by_hand(rng, text), self.states

    def _fill(self, sentence: str) -> str:
        rng = self.rng
        sentence = sentence.replace("{site}", _choose(rng, self.language.sites))
        sentence = sentence.replace("{year}", str(rng.integers(1999, 2014)))
        size = f"{rng.integers(2, 40) / 10:.1f}".replace(".", _choose(rng, [".", ","]))
        return sentence.replace("{cm}", size)


def _choose(rng: np.random.Generator, phrases: Sequence[str]) -> str:
    return phrases[int(rng.integers(len(phrases)))]


def _shuffled(rng: np.random.Generator, items: Sequence[str]) -> list[str]:
    return [items[i] for i in rng.permutation(len(items))]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncapital(text: str) -> str:
    """Small first letter, but for abbreviations (`ОГК`)."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _join(names: list[str], conjunction: str) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return conjunction.join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
