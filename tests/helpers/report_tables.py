"""A made-up study for the tests of the report: all its tables, with values that are missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.plots import style
from pgdose.report.captions import PICTURES
from pgdose.report.data import PAGE_TABLES, Provenance

GROUPS = {"X-NR2": "xray", "X-TB": "xray", "H-BR": "histology"}
TITLES = {"X-NR2": "Age <b>G1</b>", "X-TB": "Tuberculosis & norm", "H-BR": "Breast $x$"}
EPSILONS = {"paper": [0.02, 0.1, 0.2], "sign": [0.0005, 0.02, 0.1], "noise": [0.02, 0.2]}
ITERATIONS = {"paper": 20, "sign": 20, "noise": 1}
CLASSES = ["C1", "C2 <i>"]
TITLES_OF_CLASSES = {"X-TB": {"C1": "Tuberculosis & more"}}
MAIN = {"run": "full", "role": "main", "size": None, "repeat": None}
CLAIMS = [
    "grows_with_epsilon",
    "histology_less_sensitive",
    "levels_off",
    "drops_above_confidence",
    "training_size",
]
#: What each claim is answered with under paper, sign and noise.
ANSWERS = [
    ("supported", "supported", "contradicted"),
    ("undecided", "undecided", "undecided"),
    ("supported", "contradicted", "undecided"),
    ("contradicted", "contradicted", "undecided"),
    ("undecided", "supported", None),
]


def rates(rng: np.random.Generator, n: int) -> dict[str, float]:
    """A rate of n with its two intervals; without images it is unknown."""
    flipped = int(rng.integers(0, n + 1)) if n else 0
    rate = flipped / n if n else np.nan
    low, high = rate * rng.uniform(0.3, 1), rate + (1 - rate) * rng.uniform(0, 0.7)
    wilson = {"wilson_low": rate - 0.05, "wilson_high": rate + 0.05}
    counts = {"n_attacked": n, "n_flipped": flipped}
    return {**counts, "asr": rate, "ci_low": low, "ci_high": high, **wilson}


def attacked(group: str, attack: str, epsilon: float) -> int:
    """X-TB lost its images at one dose."""
    return 0 if (group, attack, epsilon) == ("X-TB", "paper", 0.1) else 37


class Rows:
    """The rows of all tables while they are made up."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(7)
        self.tables: dict[str, list[dict[str, Any]]] = {name: [] for name in PAGE_TABLES}

    def add(self, table: str, *parts: Mapping[str, Any], **more: Any) -> None:
        row = {name: value for part in parts for name, value in part.items()}
        self.tables[table].append({**row, **more})

    def rates(self, n: int) -> dict[str, float]:
        return rates(self.rng, n)

    def count(self) -> int:
        return int(self.rng.integers(0, 2000))


def tables() -> dict[str, pd.DataFrame]:
    rows = Rows()
    for group in GROUPS:
        for attack, epsilons in EPSILONS.items():
            for epsilon in epsilons:
                add_dose(rows, group, attack, epsilon)
            add_attack(rows, group, attack)
        for epsilon in (0.02, 0.1, 0.2):
            worst = {"group": group, "epsilon": epsilon, "attacks": "paper+sign+noise"}
            rows.add("worst_case", worst, rows.rates(37))
        for name in CLASSES:
            of_class = {"group": group, "class": name}
            for to in CLASSES:
                n = rows.count()
                share = {"share": n / 2000, "ci_low": n / 2100, "ci_high": n / 1900}
                rows.add("confusion", of_class, MAIN, share, predicted=to, n=n)
            counts = {"n_images": 100123, "n_training": 80123, "n_validation": 20000}
            counts |= {"n_copies": 123 * (name == "C1"), "n_patients": 1234}
            rows.add("class_counts", of_class, counts)
            for reason, lost in (("lateral", 12 * (name == "C1")), ("blank", 1)):
                left_out = {"stage": "screen", "reason": reason, "n": 1678, "n_left_out": lost}
                p = {"p": 0.0005, "p_adjusted": 0.001} if reason == "lateral" else {}
                uneven = reason == "lateral" and group == "X-TB"
                rows.add(
                    "rejects_by_class", of_class, left_out, p, share=lost / 1678, uneven=uneven
                )
            if group == "X-TB":
                deep = 1400 * (name == "C1")
                of_depth = {"stage": "depth", "reason": "16_bits", "n": 1500, "n_left_out": deep}
                p = {"p": 0.0005, "p_adjusted": 0.001}
                rows.add("rejects_by_class", of_class, of_depth, p, share=deep / 1500, uneven=True)
    for part in ("training", "validation"):
        for value, n in (("F", 1900), ("M", None), ("not known", 0)):
            place = {"group": "X-TB", "part": part, "by": "sex", "value": value}
            rows.add("demographics", place, n_patients=n)
    add_conclusions(rows)
    add_table1(rows)
    add_defences(rows)
    operating = {"group": "H-BR", "attack": "paper", "epsilon": 0.1, "iteration": 20}
    for size, repeats, spread in ((1000, 3, 0.0456), (12345, 1, np.nan)):
        asr = {"size": size, "repeats": repeats, "asr": 0.6789, "asr_sd": spread}
        rows.add("training_size_summary", operating, asr, accuracy=0.9123, accuracy_sd=spread)
    xray = {"found": 1908926, "readable": 1900000, "usable": 1880000, "norm": 12}
    fields = {"found": 4000, "readable": 4000, "usable": 3999, "norm": np.nan}
    rows.add("sources", {"source": "xray"}, xray)
    rows.add("sources", {"source": "fields"}, fields)
    return {name: pd.DataFrame(of_table) for name, of_table in rows.tables.items()}


def add_dose(rows: Rows, group: str, attack: str, epsilon: float) -> None:
    """The rows of one amplitude of an attack on a group."""
    n, last = attacked(group, attack, epsilon), ITERATIONS[attack]
    dose = {"group": group, **MAIN, "attack": attack, "epsilon": epsilon}
    for iteration in range(last + 1):
        counts = {"iteration": iteration, "n_images": 60, "n_correct": 50, **rows.rates(n)}
        counts |= {"n_wrong": 10, "n_unknown": 50 - n}
        rows.add("asr", dose, counts)
        # A part of the images, which no page may take for the whole.
        sized = {"run": "n9-r1", "role": "sized", "size": 9, "repeat": 1}
        rows.add("asr", dose, counts, sized, asr=17.0)
    at_last = {**dose, "iteration": last}
    for low in (0.0, *np.arange(0.5, 1, 0.05).round(2)):
        bins = {"bin_low": low, "bin_high": 0.5 if low < 0.5 else round(low + 0.05, 2)}
        some = 0 if low in (0.0, 0.7) else int(rows.rng.integers(1, 30)) if n else 0
        rows.add("confidence", at_last, bins, rows.rates(some))
    reached = {"largest_change": min(epsilon, 0.1), "reached": epsilon < 0.2}
    rows.add("doses_reached", dose, reached)
    for low, high in ((0.0, 0.9), (0.9, 0.95), (0.95, 0.99)):
        rows.add(
            "confidence_fine", at_last_of(dose, last), rows.rates(9), bin_low=low, bin_high=high
        )
    rows.add("storage", dose, n_attacked=n, survival=0.512, ci_low=0.401, ci_high=0.623)
    for name in CLASSES:
        for to in CLASSES:
            rows.add("transitions", at_last, {"class": name}, flipped_to=to, n=rows.count())
    add_errors(rows, group, at_last, n)
    add_abstention(rows, {**at_last, "choice": "last", "knows_detector": "no"})
    if attack == "paper" and epsilon == 0.02:
        add_abstention(rows, {**at_last, "attack": None, "epsilon": 0.0, "iteration": 0})
    for by, value, apart in (("sex", "F", 0.31), ("sex", "M", -0.31), ("age", "under 40", 0.02)):
        ends = {"difference_low": apart - 0.3, "difference_high": apart + 0.3}
        subgroup = {"by": by, "value": value, **rows.rates(9)}
        rows.add("subgroups", at_last, subgroup, ends, difference=apart)


def add_errors(rows: Rows, group: str, at_last: Mapping[str, Any], n: int) -> None:
    """Missed disease and false alarms; X-NR2 has no class without disease, X-TB has weights."""
    if group == "X-NR2":
        rows.add("harm", at_last, error="C1->C2 <i>", **{"class": "C1"}, rate=0.25)
        return
    told = {"norm_classes": "C1", "norm_from": "where" if group == "X-TB" else "study"}
    points = [at_last]
    if at_last["epsilon"] == EPSILONS[at_last["attack"]][0]:
        points.append({**at_last, "epsilon": 0.0, "iteration": 0})
    for point in points:
        clean = point["epsilon"] == 0.0
        for error, rate in (("missed", 0.1 if clean else 0.7), ("false_alarm", 0.2)):
            ends = {"ci_low": rate / 2, "ci_high": rate * 1.2}
            rows.add("harm", point, told, ends, {"class": ""}, error=error, rate=rate, n_images=n)
            ends = {"ci_low": 0.0, "ci_high": 1.0}
            rows.add("harm", point, told, ends, {"class": "C1"}, error=error, rate=17.0)
        apart = rows.rng.uniform(-0.2, 0.6)
        ends = {"ci_low": apart - 0.3, "ci_high": apart + 0.3, "rate": apart, "class": ""}
        rows.add("harm", point, told, ends, error="asymmetry", verdict="undecided")
        hides = at_last["attack"] == "sign" and group == "X-TB"
        verdict = "the attack hides disease more often than it feigns it" if hides else "undecided"
        if not clean:
            rows.add("harm", point, told, ends, error="asymmetry_change", verdict=verdict)
        ends = {"ci_low": 1.1, "ci_high": 2.2, "rate": 1.5 if clean else 1.9, "class": ""}
        weights = "study" if group == "X-TB" else "equal"
        rows.add("harm", point, told, ends, error="expected_harm", weights=weights)


def add_abstention(rows: Rows, condition: Mapping[str, Any]) -> None:
    """Two scores at two thresholds; where all are rejected there is no error."""
    for score in ("confidence", "margin"):
        for share in (0.0, 0.1, 0.9):
            error = np.nan if share == 0.9 else 0.2 + share
            counts = {"n_images": 60, "rejected": share * 1.1, "n_accepted": 50, "threshold": 0.7}
            ends = {"ci_low": error - 0.1, "ci_high": error + 0.1, "caught": share}
            ends |= {"caught_low": share / 2, "caught_high": np.nan}
            place = {"score": score, "clean_rejected": share}
            rows.add("abstention", condition, place, counts, ends, error=error)


def at_last_of(dose: Mapping[str, Any], last: int) -> dict[str, Any]:
    return {**dose, "iteration": last}


def add_attack(rows: Rows, group: str, attack: str) -> None:
    """The rows of all amplitudes of an attack on a group together."""
    flat = group == "X-TB" and attack == "noise"
    first, second, *_ = EPSILONS[attack]
    median = {"median_epsilon": np.inf if flat else second, "median_low": first}
    area = {"auc": rows.rng.uniform(), "auc_low": 0.0123, "auc_high": 0.9876}
    counts = {"n_attacked": 37, "n_patients": 12, "n_never": 20 if flat else 3}
    counts |= {"n_at_smallest": 7, "smallest_epsilon": first}
    counts |= {"largest_epsilon": EPSILONS[attack][-1]}
    of_attack = {"group": group, **MAIN, "attack": attack}
    rows.add("doses", of_attack, counts, area, median, median_high=np.inf)
    for claim in ("grows_with_epsilon", "levels_off"):
        estimate = {"estimate": rows.rng.uniform(-0.2, 0.9), "ci_low": -0.211, "ci_high": 0.911}
        trend = {"group": group, "attack": attack, "conclusion": claim, "statistic": "rise"}
        rows.add("trends", trend, estimate, n_patients=12, state="can't be told")


def add_conclusions(rows: Rows) -> None:
    for claim, answers in zip(CLAIMS, ANSWERS, strict=True):
        for attack, verdict in zip(EPSILONS, answers, strict=True):
            unknown = verdict in (None, "undecided")
            ends = (np.nan,) * 3 if unknown else (rows.rng.uniform(-1, 1), -1.0111, 1.0222)
            rows.add(
                "conclusions",
                {"conclusion": claim, "attack": attack, "verdict": verdict},
                dict(zip(("estimate", "ci_low", "ci_high"), ends, strict=True)),
                {"test": f"Test of {claim}.", "paper": "7 of 8 groups"},
                reason=f"{attack} says so <i>",
                **answer(claim, attack, verdict),
            )
    for group in GROUPS:
        paper = {"group": group, "conclusion": CLAIMS[0], "attack": "paper", "paper": "yes"}
        rows.add("paper_claims", paper, state="at the ceiling", agrees="open")
    for state, ratio in (("measured", 0.5), ("at the ceiling", np.nan)):
        at_dose = {"attack": "paper", "epsilon": 0.1, "iteration": 20, "state": state}
        counts = {"n_over": 40, "n_flipped_over": 10, "n_under": 50, "n_flipped_under": 25}
        rows.add("confidence_ratio", at_dose, counts, ratio=ratio, ci_low=0.2, ci_high=0.9)


def answer(claim: str, attack: str, verdict: str | None) -> dict[str, Any]:
    """What stands beside a verdict; the last claim applies to one attack alone."""
    more = {"statistic": "mean rise", "p_adjusted": 0.0123, "second": "median", "networks": 1}
    more |= {"second_estimate": 0.0234, "second_low": 0.0111, "second_high": 0.0444}
    fits = (claim, attack) != (CLAIMS[-1], "noise")
    more |= {"applies": fits, "unfit": None if fits else "no other size was attacked"}
    if verdict == "undecided":
        return {**more, "lacking": 1234.0, "unit": "patients", "lacks": "1,234 patients more"}
    return {**more, "scope": "for most groups"}


def add_table1(rows: Rows) -> None:
    paper = {"X-NR2": 0.98, "X-TB": 0.82, "H-BR": np.nan}
    accuracies = {"X-NR2": 0.9412, "X-TB": 0.8123, "H-BR": np.nan}
    for place, (group, title) in enumerate(TITLES.items()):
        accuracy = accuracies[group]
        ends = {"low": accuracy - 0.02, "high": accuracy + 0.03}
        rows.add(
            "table1",
            {"group": group, "title": title, "n_images": 200001 + place, "n_training": 160001},
            {"n_validation": 40000 + place, "n_patients": 1234, "accuracy": accuracy},
            {f"{name}_{end}": at for name in ("ci", "wilson") for end, at in ends.items()},
            {"paper_accuracy": paper[group], "ece": 0.0511},
            ece_low=np.nan,
            ece_high=np.nan,
        )


#: Of each defended network: its verdict, the reason, and the verdict on its accuracy.
DEFENDED = {
    "robust": ("adversarial training (PGD, epsilon 0.01)", "helps", None, "lost"),
    "jpeg": ("JPEG of quality 50 before full", "not to be trusted", "failed check: <i>", "kept"),
    "bits": ("4 bits a channel before full", "does not help", None, "undecided"),
    "median": ("median of 3 x 3 pixels before full", "undecided", None, "kept"),
    "both": ("ensemble of full, robust", None, "under four patients", None),
}


def add_defences(rows: Rows) -> None:
    """Two quantities of each attack, accuracy of all and of some images, the price."""
    for run, (words, verdict, reason, accuracy) in DEFENDED.items():
        network = {"group": "X-TB", **MAIN, "run": run, "role": "further", "defence": words}
        ends = (np.nan, np.nan) if verdict is None else (-0.6111, -0.2222)
        numbers = {"n_images": 60, "n_patients": 40, "undefended": 0.7111, "defended": 0.3111}
        numbers |= {"difference": -0.4, "ci_low": ends[0], "ci_high": ends[1]}
        decided = {"verdict": verdict, "reason": reason}
        nothing = {"epsilon": np.nan, "iteration": np.nan, "attack": None}
        whole = {"by": None, "value": None}
        under = {"attack": "sign", "iteration": 20, "epsilon": np.nan, **whole}
        rows.add("defence", network, under, numbers, decided, quantity="overall")
        rows.add("defence", network, under, numbers, decided, quantity="mean_asr")
        rows.add("defence", network, under, numbers, decided, quantity="mean_robust_accuracy")
        rows.add("defence", network, under, numbers, decided, quantity="asr", epsilon=0.1)
        decided = {"verdict": accuracy, "reason": reason if accuracy is None else None}
        for part in (whole, {"by": "class", "value": "C1"}, {"by": "sex", "value": "F"}):
            row = {**network, **nothing, **numbers, **decided, **part}
            rows.add("defence", row, quantity="accuracy")
        row = {**network, **nothing, **numbers, **whole, "verdict": None, "reason": None}
        for quantity in ("ece", "auc"):
            rows.add("defence", row, quantity=quantity)
        passes = {"undefended": 1.0, "defended": 8.0, "difference": 7.0}
        rows.add("defence", row, passes, quantity="training_passes")


def checks() -> pd.DataFrame:
    columns = ["group", "run", "role", "attack", "check", "verdict", "says"]
    rows = [
        ("X-NR2", "full", "main", "paper", "gradients", "passed", "All is well."),
        ("X-NR2", "full", "main", "sign", "gradients", "failed", "90 % are <i>0</i>."),
        ("X-TB", "full", "main", "sign", "gradients", "failed", "70 % are 0."),
        ("H-BR", "n72-r1", "sized", "sign", "gradients", "failed", "60 % are 0."),
        ("H-BR", "full", "main", "sign", "gradients", "passed", "All is well."),
        ("H-BR", "full", "main", "sign", "box kept", "failed", "One leaves it."),
        ("H-BR", "full", "main", "noise", "gradients", "not done", "It has none."),
    ]
    return pd.DataFrame(rows, columns=columns)


def chosen() -> pd.DataFrame:
    """Of each class the images of class_counts less their copies, and what was left out before."""
    rows = [
        {"group": group, "class": name, "n_fit": 100700, "n_left_out": 13, "n_unreadable": 7}
        for group in GROUPS
        for name in CLASSES
    ]
    return pd.DataFrame(rows)


def near_duplicates() -> pd.DataFrame:
    """Thirty pairs of one group that look the same."""
    pairs = pd.DataFrame({"group": "H-BR", "record_a": [f"a{i}" for i in range(30)]})
    pairs = pairs.assign(record_b=pairs["record_a"] + "b", distance=range(30))
    classes = {"class_a": CLASSES[0], "class_b": CLASSES[1]}
    return pairs.assign(part_a="training", part_b="training", **classes)


def draw_pictures(folder: Path) -> dict[str, Path]:
    """A picture for each figure and kind of picture, all of them words."""
    folder.mkdir(exist_ok=True)
    names = ["fig1", "fig2", "fig3a", "fig3b", "fig3c", "fig3c_fine", "fig3d"]
    names += ["fig_harm", "fig_expected_harm", "fig_defence", "fig_abstention", *PICTURES]
    files = {name: folder / f"{name}.png" for name in names}
    for name, file in files.items():
        if not file.exists():
            style.save(style.message(name), file)
    return files


def study(folder: Path) -> dict[str, Any]:
    """The fields of a `ReportData`."""
    files = draw_pictures(folder)
    rejects = [("xray", "screen", "uniform_image", 12345), ("X-TB", "members", "spare", 17)]
    return {
        "study": {
            "study": "phantom & <i>sons</i>",
            "seed": 2019,
            "sources": {"xray": {}, "fields": {}},
            "groups": {
                group: {"classes": {name: {"source": "xray"} for name in CLASSES}}
                for group in GROUPS
            },
            "attacks": {
                "paper": {
                    "epsilon": [np.float64(0.02)],
                    "root": Path("scans"),
                    "clip": "iterate",
                },
                "sign": {"kind": "gradient"},
                "noise": {"kind": "noise"},
            },
            "measures": {
                "success": "final",
                "draws": 2000,
                "margins": {"asr": 0.1, "accuracy": 0.05},
            },
            "operating_points": {"epsilon": 0.1, "iterations": 20},
        },
        "groups": GROUPS,
        "tables": tables(),
        "figures": {name: file for name, file in files.items() if name.startswith("fig")},
        "pictures": {group: {name: files[name] for name in PICTURES} for group in GROUPS},
        "checks": checks(),
        "rejects": pd.DataFrame(rejects, columns=["source", "stage", "reason", "count"]),
        "near_duplicates": near_duplicates(),
        "classes": TITLES_OF_CLASSES,
        "synthetic": ["xray"],
        "chosen": chosen(),
        "provenance": Provenance(
            benchmarks=pd.DataFrame(
                [("attack", 64, 86000.2, 4096.5), ("measure", 8, 12.34, 512.0)],
                columns=["rule", "jobs", "seconds", "max_rss_mb"],
            ),
            devices=pd.DataFrame(
                [("paper", "cuda", "fp32", 9)], columns=["attack", "device", "precision", "jobs"]
            ),
            versions={"pgdose": "1.0.0"},
            machine={"Processor": "A processor", "Cores": "2", "Memory": "24 GB"},
            training_seconds={("X-TB", "full"): 61.0, ("X-TB", "robust"): 488.0},
        ),
    }
