"""The five conclusions on simulated studies whose truth is known: how often each verdict is said.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/conclusions.py [--studies 300] [--only levels_off]

A study has four X-ray and four histology groups. Each image has a threshold, part of it its
patient's, and is flipped at a dose where the dose's strength is over it, so flips are correlated
within patients, patients are correlated over the groups of their kind, and the rate that a curve
tends to is exactly the one asked for. The outcomes go the way of a real study's: draws, then
the conclusion. Where a verdict would be wrong it may be said in at most 5 % of the studies;
where one is clearly right it should be said in at least 80 %, if the study is large enough. The
second table is the coverage of the interval of a rate, beside Wilson's over images. All of it takes
about 20 minutes of one core.
"""

import argparse
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from pgdose.analysis import bootstrap, conclusions
from pgdose.analysis.bootstrap import Patients, draw_patients
from pgdose.analysis.conclusion_draws import ConclusionDraws, conclusion_draws
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.outcomes import Outcomes
from pgdose.analysis.verdicts import Finding
from pgdose.study.doses import Doses
from pgdose.tables.keyed import generator

MODALITY = {f"{kind[0].upper()}{i}": kind for kind in ("xray", "histology") for i in range(1, 5)}
EPSILONS = tuple(np.round(np.arange(1, 11) * 0.02, 2).tolist())
OPERATING, LAST = 0.1, 20
STEPS = (1, 15, 20)  # the iterations that levelling off asks about
DRAWS = 400
WEIGHTS = 20  # sets of bootstrap weights that the studies of a size take in turn, for time
WRONG, RIGHT = 0.05, 0.80
VERDICTS = ("supported", "contradicted", "undecided")
ICC = 0.3  # the patient's share of the variance of an image's threshold
RATES = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)  # whose intervals are looked at
BLOCK = 100


@dataclass(frozen=True)
class Size:
    """Attacked images and patients of a group; training sizes, each with its repeats."""

    images: int
    xray: int
    histology: int
    trainings: tuple[int, ...]


SIZES = {
    "default": Size(40, 35, 9, (72, 72, 144, 144, 288)),
    "small": Size(180, 150, 150, (500, 1000, 2000) * 2),
    "medium": Size(400, 300, 300, (500, 1000, 2000, 4000) * 3),
    "large": Size(4000, 1500, 1500, (6250, 12_500, 25_000, 50_000) * 3 + (100_000,)),
}


# --- a simulated study ------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """The people of a study, and how alike their images are.

    `person`: what a patient brings to all groups of the kind; `shared` is its part of the
    patient's share `icc` of the thresholds' variance. `wobble` is the share that is drawn anew at
    each dose: without it, an image that is flipped stays so at every stronger dose.
    """

    rng: np.random.Generator
    size: Size
    patients: dict[str, Patients]
    person: dict[str, np.ndarray]
    icc: float = ICC
    wobble: float = 0.1
    shared: float = 0.5

    def flips(self, kind: str, rates: np.ndarray, images: int | None = None) -> np.ndarray:
        """Images x points, for rates of points or of images x points."""
        whose = self.patients[kind].of_image[:images]
        person = self.person[kind]
        anew = np.sqrt(1 - self.shared) * self._normal(len(person))
        people = np.sqrt(self.shared) * person + anew
        threshold = np.sqrt(self.icc) * people[whose, None]
        threshold = threshold + np.sqrt(1 - self.icc - self.wobble) * self._normal(len(whose), 1)
        if self.wobble:
            noise = self._normal(len(whose), np.shape(rates)[-1])
            threshold = threshold + np.sqrt(self.wobble) * noise
        return threshold < ndtri(rates)

    def _normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape, np.float32)


@functools.cache
def weights(kind: str, images: int, patients: int, number: int) -> Patients:
    return draw_patients((f"{kind}-{i % patients}" for i in range(images)), DRAWS, number)


def world(rng: np.random.Generator, size: Size, number: int) -> World:
    """The `number`-th study of a size."""
    people = {"xray": size.xray, "histology": size.histology}
    return World(
        rng,
        size,
        {kind: weights(kind, size.images, n, number % WEIGHTS) for kind, n in people.items()},
        {kind: rng.standard_normal(n) for kind, n in people.items()},
    )


def draws_of(
    flipped: np.ndarray,
    patients: Patients,
    *,
    epsilons: Sequence[float] = (OPERATING,),
    iterations: Sequence[int] = (LAST,),
    confidence: float | np.ndarray = 0.9,
) -> ConclusionDraws:
    """Draws of flips, images x (epsilons x iterations); no other iteration was measured."""
    n = len(flipped)
    predicted = np.zeros((n, len(epsilons), LAST + 1), np.int16)
    predicted[:, :, iterations] = flipped.reshape(n, len(epsilons), len(iterations))
    measured = np.zeros(predicted.shape[1:], bool)
    measured[:, iterations] = True
    result = Outcomes(
        members=np.arange(n),
        true=np.zeros(n, np.int64),
        predicted=predicted,
        measured=measured,
        confidence=np.broadcast_to(confidence, n),
        doses=Doses(tuple(epsilons), LAST),
        n_unknown=0,
    )
    some = patients.subset(np.arange(n))
    return conclusion_draws(result, some, epsilon=OPERATING, iteration=LAST, success="final")


# --- truths -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """What holds, the verdicts that are wrong then, and the one that should be found."""

    conclusion: str
    what: str
    wrong: tuple[str, ...]
    right: str
    study: Callable[[World], Finding]


def straight(rise: float, low: float = 0.3) -> np.ndarray:
    """A straight curve over eps."""
    return np.linspace(low, low + rise, len(EPSILONS))


def step(rise: float, low: float = 0.3) -> np.ndarray:
    """A curve with one step in its middle and the same rise."""
    up = np.arange(len(EPSILONS)) >= len(EPSILONS) // 2
    ranks = np.arange(len(EPSILONS)) - (len(EPSILONS) - 1) / 2
    return low + up * rise / (up @ ranks / (ranks @ ranks) * (len(EPSILONS) - 1))


def over_epsilon(here: World, curves: Sequence[np.ndarray]) -> dict[str, ConclusionDraws]:
    return {
        group: draws_of(here.flips(kind, curve), here.patients[kind], epsilons=EPSILONS)
        for (group, kind), curve in zip(MODALITY.items(), curves, strict=True)
    }


def grows(*curves: np.ndarray, **how: float) -> Callable[[World], Finding]:
    """The groups take the curves in turn."""

    def study(here: World) -> Finding:
        in_turn = [curves[i % len(curves)] for i in range(len(MODALITY))]
        groups = over_epsilon(replace(here, **how), in_turn)
        return conclusions.grows_with_epsilon(groups)[0]

    return study


def kinds(xray: float, histology: float, spread: float = 0.1, **how: float):  # type: ignore[no-untyped-def]
    """Mean rises of the kinds, around which those of their groups are drawn."""
    means = {"xray": xray, "histology": histology}

    def study(here: World) -> Finding:
        rises = [means[kind] + spread * here.rng.standard_normal() for kind in MODALITY.values()]
        groups = over_epsilon(
            replace(here, **how), [straight(np.clip(r, 0, 0.9), 0.05) for r in rises]
        )
        return conclusions.histology_less_sensitive(groups, MODALITY)

    return study


def levels(*curves: Sequence[float], **how: float) -> Callable[[World], Finding]:
    """ASR at STEPS, which the groups take in turn."""

    def study(here: World) -> Finding:
        one = replace(here, **how)
        groups = {
            group: draws_of(
                one.flips(kind, np.array(curves[i % len(curves)])),
                one.patients[kind],
                iterations=STEPS,
            )
            for i, (group, kind) in enumerate(MODALITY.items())
        }
        return conclusions.levels_off(groups)[0]

    return study


def drops(
    ratio: float, scale: float = 1.0, only: int | None = None, **how: float
) -> Callable[[World], Finding]:
    """ASR over 0.95 is `ratio` of that under it in each group.

    Groups are of unequal size, and those that flip more are the more confident ones, so that all
    images in one pot would hide the drop (Simpson). `only` is the number of groups.
    """

    def study(here: World) -> Finding:
        one, groups = replace(here, **how), {}
        # Patients' confidence is no matter of their thresholds, or the ratio would be another one.
        other = replace(one, person={k: here.rng.permutation(v) for k, v in one.person.items()})
        for i, (group, kind) in enumerate(list(MODALITY.items())[:only]):
            part = i % 4 / 3
            n = int(one.size.images * (1 - 0.6 * part))
            sure = other.flips(kind, np.array([0.2 + 0.6 * part]), n)
            rates = scale * (0.2 + 0.7 * part) * np.where(sure, ratio, 1.0)
            groups[group] = draws_of(
                one.flips(kind, rates, n),
                one.patients[kind],
                confidence=np.where(sure[:, 0], 0.99, 0.8),
            )
        return conclusions.drops_above_confidence(groups)

    return study


def trainings(slope: float, spread: float = 0.03, **how: float) -> Callable[[World], Finding]:
    """ASR of networks by training size, `spread` between trainings of one size."""

    def study(here: World) -> Finding:
        one = replace(here, wobble=0.3, **how)
        sizes = np.array(one.size.trainings)
        rates = 0.45 + slope * np.log10(sizes / sizes.mean())
        rates = np.clip(rates + spread * one.rng.standard_normal(len(sizes)), 0.001, 0.999)
        flipped, patients = one.flips("histology", rates), one.patients["histology"]
        runs = {f"run{i}": draws_of(flipped[:, [i]], patients) for i in range(len(sizes))}
        by_run = {f"run{i}": int(size) for i, size in enumerate(sizes)}
        return conclusions.training_size(runs, by_run, OPERATING)

    return study


UP, DOWN = ("supported",), ("contradicted",)
ONCE = {"wobble": 0.0}  # a flip stays
TRUTHS = [
    Truth("grows_with_epsilon", "half rise by 0.5, half are flat", UP, "contradicted",
          grows(straight(0.5), straight(0))),
    Truth("grows_with_epsilon", "all flat, flips come and go", UP, "contradicted",
          grows(straight(0), wobble=0.4)),
    Truth("grows_with_epsilon", "all flat, a flip stays", UP, "contradicted",
          grows(straight(0), **ONCE)),
    Truth("grows_with_epsilon", "five rise by 0.05, three are flat", DOWN, "",
          grows(*[straight(0.05)] * 5, *[straight(0)] * 3)),
    Truth("grows_with_epsilon", "the same in one step, a flip stays", DOWN, "",
          grows(*[step(0.05)] * 5, *[step(0)] * 3, **ONCE)),
    Truth("grows_with_epsilon", "the same, 0.05 in all, from 0", DOWN, "",
          grows(step(0.05, 1e-9), **ONCE)),
    Truth("grows_with_epsilon", "five rise by 0.3, three are flat", (), "supported",
          grows(*[straight(0.3)] * 5, *[straight(0)] * 3)),
    Truth("grows_with_epsilon", "all rise by 0.5", (), "supported", grows(straight(0.5))),
    Truth("histology_less_sensitive", "the same mean, sd 0.1", UP, "", kinds(0.4, 0.4)),
    Truth("histology_less_sensitive", "the same, no spread, all the patients' part shared", UP, "",
          kinds(0.4, 0.4, spread=0, icc=0.6, shared=1)),
    Truth("histology_less_sensitive", "the same, sd 0.1, all the patients' part shared", UP, "",
          kinds(0.4, 0.4, icc=0.6, shared=1)),
    Truth("histology_less_sensitive", "histology 0.05 less", DOWN, "", kinds(0.45, 0.4)),
    Truth("histology_less_sensitive", "histology 0.3 less", (), "supported", kinds(0.6, 0.3)),
    Truth("histology_less_sensitive", "histology 0.3 more", (), "contradicted", kinds(0.3, 0.6)),
    Truth("levels_off", "half level off, half still rise by 0.05", UP, "",
          levels((0.2, 0.6, 0.6), (0.2, 0.55, 0.6))),
    Truth("levels_off", "the same, a flip stays", UP, "",
          levels((0.2, 0.6, 0.6), (0.2, 0.55, 0.6), **ONCE)),
    Truth("levels_off", "none grows", UP, "contradicted", levels((0.4, 0.4, 0.4))),
    Truth("levels_off", "five still rise by 0.05, three never grow", DOWN, "",
          levels(*[(0.2, 0.55, 0.6)] * 5, *[(0.4, 0.4, 0.4)] * 3)),
    Truth("levels_off", "five grow by 0.05 and stop, three never grow", DOWN, "",
          levels(*[(0.3, 0.35, 0.35)] * 5, *[(0.3, 0.3, 0.3)] * 3, **ONCE)),
    Truth("levels_off", "all grow by 0.4 and stop", (), "supported",
          levels((0.2, 0.595, 0.6), **ONCE)),
    Truth("levels_off", "all still rise by 0.2", (), "contradicted", levels((0.2, 0.5, 0.7))),
    Truth("drops_above_confidence", "ratio 0.5", UP + DOWN, "", drops(0.5)),
    Truth("drops_above_confidence", "ratio 0.5, few flip", UP + DOWN, "", drops(0.5, scale=0.15)),
    Truth("drops_above_confidence", "ratio 0.5, one group", UP + DOWN, "", drops(0.5, 2.0, only=1)),
    Truth("drops_above_confidence", "ratio 0.5, alike in a patient", UP + DOWN, "",
          drops(0.5, icc=0.7, shared=1.0)),
    Truth("drops_above_confidence", "ratio 0.2", (), "supported", drops(0.2)),
    Truth("drops_above_confidence", "ratio 1", UP, "contradicted", drops(1.0)),
    Truth("training_size", "slope 0", DOWN, "supported", trainings(0.0)),
    Truth("training_size", "slope 0, like networks", DOWN, "supported", trainings(0.0, 0.002)),
    Truth("training_size", "slope 0.05", DOWN, "supported", trainings(0.05)),
    Truth("training_size", "slope 0.10", (*UP, *DOWN), "", trainings(0.10)),
    Truth("training_size", "slope 0.30", UP, "contradicted", trainings(0.30)),
]  # fmt: skip


# --- tables -----------------------------------------------------------------------------------


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def head(*cells: str) -> str:
    """The first two lines of a table in Markdown."""
    return f"{row(*cells)}\n{'|---' * len(cells)}|"


def share(hits: int, n: int) -> str:
    """Percent, and the Monte Carlo standard error."""
    p = hits / n
    return f"{100 * p:.1f} ± {100 * np.sqrt(p * (1 - p) / n):.1f}"


def judged(truth: Truth, said: Sequence[str]) -> str:
    """Whether the wrong verdicts keep to their error, within two standard errors, and the power."""
    n, words = len(said), []
    if truth.wrong:
        most = WRONG + 2 * np.sqrt(WRONG * (1 - WRONG) / n)
        wrong = sum(said.count(verdict) for verdict in truth.wrong) / n
        words.append(f"wrong {'at most 5 %' if wrong <= most else 'TOO OFTEN'}")
    if truth.right:
        words.append("power" if said.count(truth.right) / n >= RIGHT else "too small to tell")
    return ", ".join(words)


def verdicts(
    truths: Sequence[Truth], sizes: Sequence[str], studies: int, seed: int
) -> Iterator[str]:
    """Lines of the table, as they come."""
    meant = ["conclusion", "truth", "wrong", "right", "size"]
    yield head(*meant, *(f"{verdict} %" for verdict in VERDICTS), "so")
    for truth in truths:
        for size in sizes:
            # keyed, so that `--only` and `--sizes` don't change a cell
            rng = generator(seed, "simulation", f"{truth.conclusion}/{truth.what}/{size}")
            said = [truth.study(world(rng, SIZES[size], i)).verdict for i in range(studies)]
            shares = [share(said.count(verdict), studies) for verdict in VERDICTS]
            wrong = " or ".join(truth.wrong)
            yield row(
                truth.conclusion, truth.what, wrong, truth.right, size, *shares, judged(truth, said)
            )


def coverage(studies: int, seed: int) -> Iterator[str]:
    """How often a rate's 95 % interval holds the truth: by patients / Wilson's by images."""
    yield head("patients", *(f"ASR {rate}" for rate in RATES))
    blocks = -(-studies // BLOCK)
    for patients in (5, 10, 20, 50, 200):
        cells = []
        for rate in RATES:
            rng = generator(seed, "coverage", f"{patients}/{rate}")
            shares = np.mean([held(rng, patients, rate, i) for i in range(blocks)], axis=0)
            cells.append(" / ".join(f"{100 * held:.1f}" for held in shares))
        yield row(str(patients), *cells)


def held(
    rng: np.random.Generator, number: int, rate: float, block: int, images: int = 8
) -> tuple[float, float]:
    """How often either interval holds the rate, in a block of studies with the same weights."""
    patients = draw_patients((f"{i % number}" for i in range(number * images)), 2000, block)
    person = rng.standard_normal((number, BLOCK))[patients.of_image]
    threshold = np.sqrt(ICC) * person + np.sqrt(1 - ICC) * rng.standard_normal(person.shape)
    flipped = threshold < ndtri(rate)
    drawn = bootstrap.rates(flipped, np.ones_like(flipped), patients)
    by_image = wilson(flipped.sum(axis=0), np.full(BLOCK, len(flipped)))
    return tuple(  # type: ignore[return-value]
        float(((low <= rate) & (rate <= high)).mean())
        for low, high in (rate_interval(drawn, number), by_image)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--seed", type=int, default=2019)
    names = sorted({truth.conclusion for truth in TRUTHS})
    parser.add_argument("--only", nargs="+", choices=[*names, "coverage"], default=[])
    arguments = parser.parse_args()
    truths = [t for t in TRUTHS if not arguments.only or t.conclusion in arguments.only]
    if truths:
        for line in verdicts(truths, arguments.sizes, arguments.studies, arguments.seed):
            print(line, flush=True)
    if not arguments.only or "coverage" in arguments.only:
        print("\nCoverage of the 95 % interval by patients / Wilson's by images, %\n")
        for line in coverage(arguments.studies, arguments.seed):
            print(line, flush=True)


if __name__ == "__main__":
    main()
