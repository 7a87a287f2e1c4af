"""The five conclusions on simulated studies whose truth is known: how often each verdict is said.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/conclusions.py [--studies 200] [--only levels_off]

A study has four X-ray and four histology groups. Each image has a threshold, part of it its
patient's, and is flipped at a dose where the dose's strength is over it, so flips are correlated
within patients, patients are correlated over the groups of their kind, and the rate that a curve
tends to is exactly the one asked for. The outcomes go the way of a real study's: draws, then
the conclusion. A verdict is wrong if the statement with its scope ("supported, on average over the
groups") is; that may happen in at most 5 % of the studies. Where a verdict is clearly right it
should be said in at least 80 %, if the study is large enough. The second table is the coverage of
the interval of a rate, beside Wilson's over images.
"""

import argparse
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from pgdose.analysis import bootstrap, conclusions, confidence_drop, network_conclusions
from pgdose.analysis.bootstrap import Patients, draw_patients
from pgdose.analysis.conclusion_draws import ConclusionDraws
from pgdose.analysis.conclusion_tables import corrected
from pgdose.analysis.group_draws import GroupDraws
from pgdose.analysis.intervals import rate_interval, wilson
from pgdose.analysis.most_groups import majority
from pgdose.analysis.needed_dose import pair_counts
from pgdose.analysis.size_slopes import SizedDraws
from pgdose.analysis.verdicts import MATTERS, Finding
from pgdose.study.doses import Doses
from pgdose.tables.keyed import generator

MODALITY = {
    **dict.fromkeys(("X-NR2", "X-NR3", "X-AO", "X-TB"), "xray"),
    **dict.fromkeys(("H-OV", "H-TH", "H-OV-TH", "H-BR"), "histology"),
}
EPSILONS = tuple(np.round(np.arange(1, 11) * 0.02, 2).tolist())
DOSES = Doses(EPSILONS, 20)
DRAWS = 400
WEIGHTS = 20  # sets of bootstrap weights that the studies of a size take in turn, for time
WRONG, RIGHT = 0.05, 0.80
VERDICTS = ("supported", "contradicted", "undecided")
ICC = 0.3  # the patient's share of the variance of an image's threshold
RATES = (0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)  # whose intervals are looked at
BLOCK = 100
TWICE = confidence_drop.TWICE
NAN = float("nan")


@dataclass(frozen=True)
class Size:
    """Attacked images of a group, and patients of each group: those from the first to the last.

    `spread`: standard deviation of the logarithm of a patient's number of images; `networks`: of a
    group; `trainings`: the sizes of all trainings.
    """

    images: int
    patients: Mapping[str, tuple[int, int]]
    trainings: tuple[int, ...]
    spread: float = 0.0
    networks: int = 1


def alike(xray: int, histology: int) -> dict[str, tuple[int, int]]:
    """Groups of one kind are of the same patients, as far as possible."""
    return {group: (0, xray if kind == "xray" else histology) for group, kind in MODALITY.items()}


# The paper: validation parts of 23 + 23 patients and of 500 slides; of X-ray patients it has tens
# of thousands, which 1,000 stand for.
PAPER = alike(1000, 0) | {"H-OV": (0, 5), "H-TH": (5, 10), "H-OV-TH": (0, 9), "H-BR": (10, 110)}
SMALL = Size(180, alike(150, 150), (500, 1000, 2000) * 2)
SIZES = {
    "default": Size(40, alike(35, 9), (72, 72, 144, 144, 288)),
    "paper": Size(1000, PAPER, (6250, 12_500, 25_000, 50_000) * 3 + (100_000,)),
    "small": SMALL,
    "unequal": replace(SMALL, patients=alike(60, 40), spread=1.0),
    "medium": Size(400, alike(300, 300), (500, 1000, 2000, 4000) * 3),
    "2 networks": replace(SMALL, networks=2),
    "3 networks": replace(SMALL, networks=3),
    "5 networks": replace(SMALL, networks=5),
}
MAIN = ("default", "paper", "small", "unequal", "medium")


# --- a simulated study ------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """The people of a study, and how alike their images are.

    `person`: what a patient brings to all groups of the kind; `shared` is its part of the
    patient's share `icc` of the thresholds' variance. `wobble` is the share that is drawn anew at
    each dose: without it, an image that is flipped stays so at every stronger dose. `luck` is the
    standard deviation between networks, of what the study says depends on the network.
    """

    rng: np.random.Generator
    size: Size
    patients: dict[str, Patients]
    person: dict[str, np.ndarray]
    icc: float = ICC
    wobble: float = 0.1
    shared: float = 0.5
    luck: float = 0.05

    def flips(self, group: str, rates: np.ndarray, images: int | None = None) -> np.ndarray:
        """Images x points, for rates of points or of images x points."""
        noise = self._normal(len(self.patients[group].of_image[:images]), np.shape(rates)[-1])
        threshold = self.threshold(group, images)[:, None] * np.sqrt(1 - self.wobble)
        return threshold + np.sqrt(self.wobble) * noise < ndtri(rates)

    def threshold(self, group: str, images: int | None = None) -> np.ndarray:
        """That of each image, a standard normal number."""
        whose = self.patients[group].of_image[:images]
        first, last = self.size.patients[group]
        person = self.person[MODALITY[group]][first:last]
        people = np.sqrt(self.shared) * person
        people = people + np.sqrt(1 - self.shared) * self._normal(len(person))
        return np.sqrt(self.icc) * people[whose] + np.sqrt(1 - self.icc) * self._normal(len(whose))

    def _normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape, np.float32)


@functools.cache
def weights(kind: str, first: int, last: int, images: int, spread: float, number: int) -> Patients:
    """Patients of unequal numbers of images, at least one each."""
    rng = np.random.default_rng(number)
    parts = np.exp(spread * rng.standard_normal(last - first))
    extra = rng.choice(last - first, max(images - (last - first), 0), p=parts / parts.sum())
    whose = np.concatenate([np.arange(last - first), extra])
    if not spread:
        whose = np.arange(images) % (last - first)
    # Names that sort in the order of their numbers.
    return draw_patients((f"{kind}-{first + i:06d}" for i in rng.permutation(whose)), DRAWS, number)


def world(rng: np.random.Generator, size: Size, number: int) -> World:
    """The `number`-th study of a size."""
    last = dict.fromkeys(set(MODALITY.values()), 0)
    for group, (_, end) in size.patients.items():
        last[MODALITY[group]] = max(last[MODALITY[group]], end)
    return World(
        rng,
        size,
        {
            group: weights(MODALITY[group], *ends, size.images, size.spread, number % WEIGHTS)
            for group, ends in size.patients.items()
        },
        {kind: rng.standard_normal(n) for kind, n in last.items()},
    )


def draws_of(patients: Patients, **parts: np.ndarray) -> ConclusionDraws:
    """Draws of flips: images x epsilons, or images x the three iterations."""
    rates = {
        name: bootstrap.rates(flips, np.ones((len(flips), 1), bool), patients)
        for name, flips in parts.items()
        if name != "pairs"
    }
    nothing = np.full((DRAWS + 1, 4), NAN)
    return ConclusionDraws(
        doses=DOSES,
        by_epsilon=rates.get("by_epsilon", np.full((DRAWS + 1, len(EPSILONS)), NAN)),
        by_iteration=rates.get("by_iteration", nothing[:, :3]),
        pairs=parts.get("pairs", nothing),
        is_dose=(True,) * len(EPSILONS),
        epsilon=0.1,
        reached=(0.1, NAN, NAN, NAN),
    )


def group_of(
    here: World, group: str, networks: Sequence[ConclusionDraws], **columns: np.ndarray
) -> GroupDraws:
    """A group whose images have the patients that are drawn."""
    numbers = here.size.patients[group][0] + here.patients[group].of_image
    patient = np.char.add(f"{MODALITY[group]}-", numbers.astype(str))
    images = pd.DataFrame({"patient": patient, **columns})
    return GroupDraws(networks, [images] * len(networks))


# --- truths -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What is said, of what, and whether it is wrong."""

    verdict: str
    wrong: bool


@dataclass(frozen=True)
class Truth:
    """What holds, and the verdict that should be found; empty if none should.

    `sizes`: those that it is tried at, other than `MAIN`.
    """

    conclusion: str
    what: str
    right: str
    study: Callable[[World], Answer]
    sizes: tuple[str, ...] = MAIN


def judge(
    finding: Finding, is_true: Mapping[str, Mapping[str, bool]], p: Sequence[float] | None = None
) -> Answer:
    """`is_true` says for each scope whether supported and contradicted may be said."""
    verdict, scope = finding.answer(p)
    return Answer(verdict, scope is not None and not is_true[scope.name][verdict])


def of_groups(shows: np.ndarray, matters: np.ndarray, mean_shows: bool, mean_matters: bool):  # type: ignore[no-untyped-def]
    """What may be said of most groups, and of their mean."""
    most = majority(len(shows))
    return {
        "for most groups": {
            "supported": shows.sum() >= most,
            "contradicted": matters.sum() < most,
        },
        "on average over the groups": {
            "supported": mean_shows,
            "contradicted": not mean_matters,
        },
    }


def straight(rise: float, low: float = 0.3) -> np.ndarray:
    """A straight curve over eps."""
    return np.linspace(low, low + rise, len(EPSILONS))


def step(rise: float, low: float = 0.3) -> np.ndarray:
    """A curve with one step in its middle and the same rise."""
    up = np.arange(len(EPSILONS)) >= len(EPSILONS) // 2
    ranks = np.arange(len(EPSILONS)) - (len(EPSILONS) - 1) / 2
    return low + up * rise / (up @ ranks / (ranks @ ranks) * (len(EPSILONS) - 1))


def rise_of(curve: np.ndarray) -> float:
    ranks = np.arange(len(curve)) - (len(curve) - 1) / 2
    return float(curve @ (ranks / (ranks @ ranks)) * (len(curve) - 1))


TILT = np.linspace(-0.5, 0.5, len(EPSILONS))


def over_epsilon(
    here: World, curves: Mapping[str, np.ndarray]
) -> tuple[dict[str, GroupDraws], dict[str, float]]:
    """Groups, and what their rise truly is: that of the one network, or of all that might be.

    Networks differ in their rise by `luck`.
    """
    groups, rises = {}, {}
    for group, curve in curves.items():
        patients = here.patients[group]
        tilts = here.luck * here.rng.standard_normal(here.size.networks)
        if here.size.networks == 1:
            tilts *= 0  # the statement is about this network: its curve is the truth
        several = [np.clip(curve + TILT * tilt, 1e-9, 1 - 1e-9) for tilt in tilts]
        networks = [draws_of(patients, by_epsilon=here.flips(group, c)) for c in several]
        level = np.zeros(len(patients.of_image), int)
        groups[group] = group_of(here, group, networks, smallest_level=level)
        rises[group] = rise_of(curve)
    return groups, rises


def in_turn(curves: Sequence) -> dict:  # type: ignore[type-arg]
    return {group: curves[i % len(curves)] for i, group in enumerate(MODALITY)}


def of_rises(rises: Mapping[str, float]):  # type: ignore[no-untyped-def]
    r = np.round(list(rises.values()), 9)
    mean = round(r.mean(), 9)
    return of_groups(r > 0, r >= MATTERS, mean > 0, mean >= MATTERS)


def grows(*curves: np.ndarray, attacks: int = 1, **how: float) -> Callable[[World], Answer]:
    """The groups take the curves in turn; with several attacks, an answer is wrong if any is."""

    def study(here: World) -> Answer:
        findings = {}
        for attack in range(attacks):
            groups, rises = over_epsilon(replace(here, **how), in_turn(curves))
            findings[str(attack)] = conclusions.grows_with_epsilon(groups)[0]
        p = corrected(findings)
        said = [judge(findings[a], of_rises(rises), p[a]) for a in findings]
        return Answer(said[0].verdict, any(one.wrong for one in said))

    return study


def kinds(
    xray: float, histology: float, spread: float = 0.1, **how: float
) -> Callable[[World], Answer]:
    """Mean rises of the kinds, around which those of their groups are drawn."""
    means = {"xray": xray, "histology": histology}

    def study(here: World) -> Answer:
        drawn = {g: means[k] + spread * here.rng.standard_normal() for g, k in MODALITY.items()}
        curves = {group: straight(float(np.clip(r, 0, 0.9)), 0.05) for group, r in drawn.items()}
        groups, rises = over_epsilon(replace(here, **how), curves)
        finding = network_conclusions.histology_less_sensitive(groups, MODALITY)
        of_kind = {k: np.mean([rises[g] for g in MODALITY if MODALITY[g] == k]) for k in means}
        true = {
            "for these kinds of image": histology - xray,
            "for the groups of this study": of_kind["histology"] - of_kind["xray"],
        }
        return judge(
            finding,
            {
                scope: {"supported": d < -1e-9, "contradicted": d > -MATTERS + 1e-9}
                for scope, d in true.items()
            },
        )

    return study


def levels(*curves: Sequence[float], **how: float) -> Callable[[World], Answer]:
    """ASR at the three iterations, which the groups take in turn."""

    def study(here: World) -> Answer:
        one, groups = replace(here, **how), {}
        for group, curve in in_turn(curves).items():
            patients = one.patients[group]
            networks = []
            for _ in range(one.size.networks):
                luck = one.luck * one.rng.standard_normal() if one.size.networks > 1 else 0
                rates = np.clip(np.array(curve) + luck * np.array([-1, 0.5, 0.5]), 1e-9, 1 - 1e-9)
                networks.append(draws_of(patients, by_iteration=one.flips(group, rates)))
            groups[group] = group_of(one, group, networks)
        true = np.array(list(in_turn(curves).values()))
        growth, quarter = (np.round(true[:, 2] - true[:, i], 9) for i in (0, 1))
        mean_growth, mean_quarter = round(growth.mean(), 9), round(quarter.mean(), 9)
        return judge(
            conclusions.levels_off(groups)[0],
            of_groups(
                (growth > 0) & (quarter < MATTERS),
                (growth >= MATTERS) & (quarter <= MATTERS),
                mean_growth > 0 and mean_quarter < MATTERS,
                mean_growth >= MATTERS and mean_quarter <= MATTERS,
            ),
        )

    return study


@functools.cache
def shift_for(share: float, edges: tuple[float, ...]) -> float:
    """How much more the confident need, so that this is their share of the pairs that differ."""
    low, high = -4.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        over, under = (np.diff(ndtr(np.array([-np.inf, *edges, np.inf]) - m)) for m in (middle, 0))
        more = (over * (np.cumsum(under) - under)).sum()
        less = (over * (1 - np.cumsum(under))).sum()
        low, high = (middle, high) if more / (more + less) < share else (low, middle)
    return (low + high) / 2


FULL = tuple(np.linspace(-2, 2, 30).tolist())  # the doses, as thresholds
FEW = tuple(np.linspace(-3, -1.3, 30).tolist())  # nearly all need more than the largest
CEILING = tuple(np.linspace(1.3, 3, 30).tolist())  # nearly all need no more than the smallest


def drops(
    share: float,
    edges: tuple[float, ...] = FULL,
    only: int | None = None,
    by_patient: bool = False,
    **how: float,
) -> Callable[[World], Answer]:
    """In `share` of the pairs that differ the confident image needs more.

    Groups are of unequal size, and those whose images need less are the more confident ones, so
    that all images in one pot would hide the drop (Simpson).
    """

    def study(here: World) -> Answer:
        one, groups = replace(here, **how), {}
        for i, group in enumerate(list(MODALITY)[:only]):
            patients = one.patients[group]
            n = len(patients.of_image)
            part = 0.2 + 0.2 * (i % 4)
            sure = one.rng.random(n) < part
            if by_patient:
                sure = (one.rng.random(patients.of_image.max() + 1) < part)[patients.of_image]
            needed = one.threshold(group) + sure * shift_for(share, edges)
            luck = [0.0]
            if one.size.networks > 1:
                luck = (one.luck * 4 * one.rng.standard_normal(one.size.networks)).tolist()
            confidence = np.where(sure, 0.99, 0.8)
            networks = [
                draws_of(
                    patients,
                    pairs=pair_counts(np.digitize(needed + sure * x, edges), confidence, patients),
                )
                for x in luck
            ]
            groups[group] = group_of(one, group, networks, confidence=confidence)
        return judge(
            confidence_drop.drops_above_confidence(groups)[0],
            {"": {"supported": share > TWICE + 1e-9, "contradicted": share < TWICE - 1e-9}},
        )

    return study


def trainings(slope: float, spread: float = 0.03, **how: float) -> Callable[[World], Answer]:
    """ASR of networks by training size, `spread` between trainings of one size."""

    def study(here: World) -> Answer:
        one = replace(here, wobble=0.3, **how)
        sizes = np.array(one.size.trainings)
        rates = 0.45 + slope * np.log10(sizes / sizes.mean())
        rates = np.clip(rates + spread * one.rng.standard_normal(len(sizes)), 0.001, 0.999)
        flipped, patients = one.flips("H-BR", rates), one.patients["H-BR"]
        runs = {
            f"run{i}": draws_of(patients, by_epsilon=np.repeat(flipped[:, [i]], len(EPSILONS), 1))
            for i in range(len(sizes))
        }
        by_run = {f"run{i}": int(size) for i, size in enumerate(sizes)}
        finding = network_conclusions.training_size({"H-BR": SizedDraws(runs, by_run)}, 0.1)
        equal, size = network_conclusions.EQUAL, abs(slope)
        true = {"supported": size < equal - 1e-9, "contradicted": size > equal + 1e-9}
        return judge(finding, {"": true})

    return study


ONCE = {"wobble": 0.0}  # a flip stays
LUCK = ("2 networks", "3 networks", "5 networks")
ALL = MAIN + LUCK
TRUTHS = [
    Truth("grows_with_epsilon", "half rise by 0.5, half are flat", "",
          grows(straight(0.5), straight(0)), ALL),
    Truth("grows_with_epsilon", "half rise by 0.2, half fall by 0.2", "contradicted",
          grows(straight(0.2), straight(-0.2, 0.5))),
    Truth("grows_with_epsilon", "all flat, flips come and go", "contradicted",
          grows(straight(0), wobble=0.4), ALL),
    Truth("grows_with_epsilon", "all flat, a flip stays", "contradicted",
          grows(straight(0), **ONCE)),
    Truth("grows_with_epsilon", "all flat, under four attacks", "",
          grows(straight(0), attacks=4, wobble=0.4)),
    Truth("grows_with_epsilon", "five rise by 0.05, three are flat", "",
          grows(*[straight(0.05)] * 5, *[straight(0)] * 3)),
    Truth("grows_with_epsilon", "the same in one step, a flip stays", "",
          grows(*[step(0.05)] * 5, *[step(0)] * 3, **ONCE)),
    Truth("grows_with_epsilon", "the same, 0.05 in all, from 0", "",
          grows(step(0.05, 1e-9), **ONCE)),
    Truth("grows_with_epsilon", "five rise by 0.3, three are flat", "supported",
          grows(*[straight(0.3)] * 5, *[straight(0)] * 3)),
    Truth("grows_with_epsilon", "all rise by 0.5", "supported", grows(straight(0.5)), ALL),
    Truth("histology_less_sensitive", "the same mean, sd 0.1", "", kinds(0.4, 0.4), ALL),
    Truth("histology_less_sensitive", "the same, no spread, all the patients' part shared", "",
          kinds(0.4, 0.4, spread=0, icc=0.6, shared=1)),
    Truth("histology_less_sensitive", "the same, sd 0.1, all the patients' part shared", "",
          kinds(0.4, 0.4, icc=0.6, shared=1)),
    Truth("histology_less_sensitive", "histology 0.05 less", "", kinds(0.45, 0.4)),
    Truth("histology_less_sensitive", "histology 0.3 less", "supported", kinds(0.6, 0.3), ALL),
    Truth("histology_less_sensitive", "histology 0.3 more", "contradicted", kinds(0.3, 0.6)),
    Truth("levels_off", "half level off, half still rise by 0.05", "",
          levels((0.2, 0.6, 0.6), (0.2, 0.55, 0.6))),
    Truth("levels_off", "the same, a flip stays", "",
          levels((0.2, 0.6, 0.6), (0.2, 0.55, 0.6), **ONCE)),
    Truth("levels_off", "all still rise by 0.05, a flip stays", "",
          levels((0.2, 0.55, 0.6), **ONCE), ALL),
    Truth("levels_off", "none grows", "contradicted", levels((0.4, 0.4, 0.4)), ALL),
    Truth("levels_off", "five still rise by 0.05, three never grow", "",
          levels(*[(0.2, 0.55, 0.6)] * 5, *[(0.4, 0.4, 0.4)] * 3)),
    Truth("levels_off", "five grow by 0.05 and stop, three never grow", "",
          levels(*[(0.3, 0.35, 0.35)] * 5, *[(0.3, 0.3, 0.3)] * 3, **ONCE)),
    Truth("levels_off", "all grow by 0.4 and stop", "supported",
          levels((0.2, 0.595, 0.6), **ONCE), ALL),
    Truth("levels_off", "a perfect plateau", "supported", levels((0.2, 0.6, 0.6), **ONCE)),
    Truth("levels_off", "all still rise by 0.2", "contradicted", levels((0.2, 0.5, 0.7))),
    Truth("drops_above_confidence", "share 2/3", "", drops(TWICE), ALL),
    Truth("drops_above_confidence", "share 2/3, few flip", "", drops(TWICE, FEW)),
    Truth("drops_above_confidence", "share 2/3, at the ceiling", "", drops(TWICE, CEILING)),
    Truth("drops_above_confidence", "share 2/3, one group", "", drops(TWICE, only=1)),
    Truth("drops_above_confidence", "share 2/3, alike in a patient", "",
          drops(TWICE, icc=0.7, shared=1.0)),
    Truth("drops_above_confidence", "share 2/3, confidence by patient", "",
          drops(TWICE, by_patient=True)),
    Truth("drops_above_confidence", "share 0.9", "supported", drops(0.9), ALL),
    Truth("drops_above_confidence", "share 0.9, at the ceiling", "supported", drops(0.9, CEILING)),
    Truth("drops_above_confidence", "share 1/2", "contradicted", drops(0.5)),
    Truth("training_size", "slope 0", "supported", trainings(0.0)),
    Truth("training_size", "slope 0, like networks", "supported", trainings(0.0, 0.002)),
    Truth("training_size", "slope 0.05", "supported", trainings(0.05)),
    Truth("training_size", "slope 0.10", "", trainings(0.10)),
    Truth("training_size", "slope 0.30", "contradicted", trainings(0.30)),
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


def judged(truth: Truth, said: Sequence[Answer]) -> str:
    """Whether the wrong verdicts keep to their error, within two standard errors, and the power."""
    n, words = len(said), []
    most = WRONG + 2 * np.sqrt(WRONG * (1 - WRONG) / n)
    if np.mean([answer.wrong for answer in said]) > most:
        words.append("WRONG TOO OFTEN")
    if truth.right:
        found = sum(a.verdict == truth.right and not a.wrong for a in said) / n
        words.append("power" if found >= RIGHT else "too small to tell")
    return ", ".join(words)


def verdicts(
    truths: Sequence[Truth], sizes: Sequence[str], studies: int, seed: int
) -> Iterator[str]:
    """Lines of the table, as they come."""
    yield head(
        "conclusion", "truth", "right", "size", *(f"{v} %" for v in VERDICTS), "wrong %", "so"
    )
    for truth in truths:
        for size in [size for size in sizes if size in truth.sizes]:
            # keyed, so that `--only` and `--sizes` don't change a cell
            rng = generator(seed, "simulation", f"{truth.conclusion}/{truth.what}/{size}")
            said = [truth.study(world(rng, SIZES[size], i)) for i in range(studies)]
            shares = [share(sum(a.verdict == v for a in said), studies) for v in VERDICTS]
            wrong = share(sum(answer.wrong for answer in said), studies)
            yield row(
                truth.conclusion, truth.what, truth.right, size, *shares, wrong, judged(truth, said)
            )


def coverage(studies: int, seed: int) -> Iterator[str]:
    """How often a rate's 95 % interval holds the truth: by patients / Wilson's by images."""
    yield head("patients", "spread", *(f"ASR {rate}" for rate in RATES))
    blocks = -(-studies // BLOCK)
    for patients in (4, 5, 6, 10, 20, 50, 200):
        for spread in (0.0, 1.0):
            cells = []
            for rate in RATES:
                rng = generator(seed, "coverage", f"{patients}/{spread}/{rate}")
                shares = np.mean(
                    [held(rng, patients, spread, rate, i) for i in range(blocks)], axis=0
                )
                cells.append(" / ".join(f"{100 * held:.1f}" for held in shares))
            yield row(str(patients), f"{spread:g}", *cells)


def held(
    rng: np.random.Generator, number: int, spread: float, rate: float, block: int, images: int = 8
) -> tuple[float, float]:
    """How often either interval holds the rate, in a block of studies with the same weights.

    `spread` is that of the logarithm of a patient's number of images.
    """
    sizes = np.exp(spread * rng.standard_normal(number) - spread**2 / 2) * images
    whose = np.repeat(np.arange(number), np.maximum(np.round(sizes), 1).astype(int))
    patients = draw_patients((f"{i:04d}" for i in whose), 1000, block)
    person = rng.standard_normal((number, BLOCK))[patients.of_image]
    threshold = np.sqrt(ICC) * person + np.sqrt(1 - ICC) * rng.standard_normal(person.shape)
    flipped = threshold < ndtri(rate)
    drawn = bootstrap.rates(flipped, np.ones_like(flipped), patients)
    by_image = wilson(flipped.sum(axis=0), np.full(BLOCK, len(flipped)))
    return tuple(  # type: ignore[return-value]
        float(((low <= rate) & (rate <= high)).mean())
        for low, high in (rate_interval(drawn, patients.clusters), by_image)
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
