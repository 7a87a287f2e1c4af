"""The results of a study in sentences, made from its tables.

Rates are those of the groups' main networks. A sentence is left out where its table has no number
for it. All sentences are plain text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis.operating_point import operating_epsilons
from pgdose.plots.rows import attack_label, epsilon_label
from pgdose.plots.style import EPSILON, Groups, modality
from pgdose.report.data import ReportData
from pgdose.report.wording import epsilon as amplitude
from pgdose.report.wording import join_names, quantity, short
from pgdose.study.doses import same_epsilon

#: The paper's five conclusions, as statements that a verdict is about.
CLAIMS = {
    "grows_with_epsilon": f"ASR grows with {EPSILON}",
    "histology_less_sensitive": f"Histology is less sensitive to growing {EPSILON} than X-ray",
    "levels_off": "ASR grows with the iterations and levels off",
    "drops_above_confidence": "ASR drops above a clean confidence of 0.95",
    "training_size": "ASR does not depend on the training-set size",
}
KINDS = {"xray": "X-ray", "histology": "histology", "other": "other"}  # within a sentence
VERDICTS = ("supported", "contradicted", "undecided")
UNTESTED = "not tested"
UNFIT = "does not apply"
WIDER = 1.5  # an interval is named if it is at least so many times as wide as the other


def summary(data: ReportData) -> dict[str, Any]:
    """The sentences of the page's summary, by their place in it; empty ones are left out."""
    settings = data.study.get("groups") or {}
    existing = [name for name in data.groups if (settings.get(name) or {}).get("network")]
    sentences = [scope(data.groups, data.attacks, len(existing))]
    if data.has("sources"):
        sentences.append(records(data.table("sources"), data.rejects))
    if data.has("table1"):
        sentences.append(accuracies(data.table("table1")))
    begin, items = success(data) if data.has("asr") else ("", [])
    together = [worst(data.table("worst_case"), data.epsilon)] if data.has("worst_case") else []
    together.append(failed_checks(data.checks))
    conclusions = data.table("conclusions")
    attacks: Mapping[str, Any] = data.study.get("attacks") or {}
    noise = [name for name, attack in attacks.items() if attack.get("kind") == "noise"]
    return {
        "sentences": [text for text in sentences if text],
        "begin": begin,
        "items": items,
        "together": [text for text in together if text],
        "verdicts": verdicts(conclusions) if len(conclusions) else [],
        "across": images_or_attack(conclusions, noise) if len(conclusions) else [],
    }


def claim(conclusion: str) -> str:
    """A conclusion as a statement."""
    return CLAIMS.get(conclusion, conclusion.replace("_", " "))


def applies(row: Mapping[Any, Any]) -> bool:
    """Whether the row's conclusion applies to the study and its attack."""
    return bool(row.get("applies", True))


def verdict(row: Mapping[Any, Any]) -> str:
    """The row's verdict; an empty one means that the conclusion was not tested."""
    if not applies(row):
        return UNFIT
    return UNTESTED if pd.isna(row["verdict"]) or not row["verdict"] else str(row["verdict"])


def under(attacks: Sequence[str], all_attacks: Sequence[str]) -> str:
    """The attacks as the end of a sentence: "under every attack", "under a and b"."""
    if len(all_attacks) > 1 and set(attacks) == set(all_attacks):
        return "under both attacks" if len(attacks) == 2 else "under every attack"
    return f"under {join_names(list(attacks))}"


def scope(groups: Groups, attacks: Sequence[str], existing: int = 0) -> str:
    """The size of the study: groups by kind of image, and attacks.

    `existing` groups have a network that was trained elsewhere.
    """
    kinds = [modality(groups, group) for group in groups]
    parts = [f"{kinds.count(kind)} {name}" for kind, name in KINDS.items() if kind in kinds]
    of_groups = quantity(len(kinds), "study group")
    of_groups += f" ({join_names(parts)})" if len(parts) > 1 else ""
    if existing == len(kinds):
        text = f"A network from elsewhere is audited on {of_groups}"
    elif existing:
        text = f"Each of {of_groups} has a network, of which {existing} came from elsewhere"
    else:
        text = f"A network was trained for {of_groups}"
    if not attacks:
        return f"{text}; none was attacked."
    them = "it was" if len(kinds) == 1 else "each was"
    return f"{text}, and {them} attacked in {quantity(len(attacks), 'way')}: {join_names(attacks)}."


def accuracies(table1: pd.DataFrame) -> str:
    """How good the networks are on clean images, compared with the paper's."""
    rated = table1.dropna(subset="accuracy")
    if rated.empty:
        return ""
    text = f"On clean validation images the accuracy is {_range(rated, 'accuracy')}."
    compared = rated.dropna(subset=["paper_accuracy", "ci_low", "ci_high"])
    where = {
        "inside our interval": compared["paper_accuracy"].between(
            compared["ci_low"], compared["ci_high"]
        ),
        "above it": compared["paper_accuracy"] > compared["ci_high"],
        "below it": compared["paper_accuracy"] < compared["ci_low"],
    }
    parts = [
        f"{place} for {join_names(list(compared['group'][rows]))}"
        for place, rows in where.items()
        if rows.any()
    ]
    if not parts:
        return text
    parts[0] = parts[0].replace(" it ", " our interval ")
    return f"{text} The paper’s lies {join_names(parts)}."


def success(data: ReportData) -> tuple[str, list[str]]:
    """What each attack flips at the operating point: how the list begins, and its items.

    An attack that was not measured at the operating amplitude names its nearest one.
    """
    rates = data.success_rates().dropna(subset="asr")
    items = []
    for attack in data.table("asr")["attack"].unique():
        rows = rates[rates["attack"] == attack]
        if rows.empty:
            items.append(f"{attack}: not measured there.")
            continue
        label = attack_label(attack, rows["epsilon"].iloc[0], data.epsilon)
        items.append(f"{label}: {_range(rows, 'asr')}.")
    iterations = [str(iteration) for iteration in sorted(rates["iteration"].unique())]
    begin = (
        f"Share of the right diagnoses that are flipped at {EPSILON} = {amplitude(data.epsilon)}, "
        f"iteration {' or '.join(iterations) or data.iterations}:"
    )
    return begin, items


def nearest(rates: pd.DataFrame, target: float) -> list[str]:
    """The attacks that are shown at another amplitude than the operating point's, with it.

    Args:
        rates: `attack epsilon n_attacked` at the operating point.
        target: the operating point's amplitude.
    """
    if rates.empty:
        return []
    return [
        f"{attack} at {epsilon_label(epsilon, target)}"
        for attack, epsilon in operating_epsilons(rates, target).items()
        if not same_epsilon(epsilon, target)
    ]


def worst(worst_case: pd.DataFrame, epsilon: float) -> str:
    """What the attacks flip together, up to the operating amplitude."""
    rows = up_to(worst_case, epsilon).dropna(subset="asr")
    if rows.empty:
        return ""
    return (
        f"Choosing for each image the best attack and any {EPSILON} up to "
        f"{amplitude(rows['epsilon'].max())}, an attacker flips {_range(rows, 'asr')}."
    )


def up_to(worst_case: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """Each group's row at its largest amplitude that is not over `epsilon`."""
    rows = [e <= epsilon or same_epsilon(e, epsilon) for e in worst_case["epsilon"]]
    below = worst_case[rows]
    return below.loc[below.groupby("group", sort=False)["epsilon"].idxmax()]


def verdicts(conclusions: pd.DataFrame) -> list[tuple[str, str]]:
    """(claim, "supported under a and b; undecided under c") for each conclusion."""
    attacks = list(conclusions["attack"].unique())
    lines = []
    for conclusion, rows in conclusions.groupby("conclusion", sort=False):
        words = [_scoped(row) for row in rows.to_dict("records")]
        parts = [
            f"{word} {under(list(rows['attack'][[w == word for w in words]]), attacks)}"
            for word in sorted(dict.fromkeys(words), key=_rank)
        ]
        lines.append((claim(str(conclusion)), "; ".join(parts)))
    return lines


def _rank(words: str) -> int:
    """The order in which verdicts are told."""
    return next((i for i, one in enumerate(VERDICTS) if words.startswith(one)), len(VERDICTS))


def _scoped(row: Mapping[Any, Any]) -> str:
    """The verdict, and of what it is said: "supported on average over the groups"."""
    word, said_of = verdict(row), row.get("scope")
    return f"{word} {said_of}" if word in VERDICTS and isinstance(said_of, str) else word


def images_or_attack(conclusions: pd.DataFrame, noise: Iterable[str]) -> list[str]:
    """Which conclusions have one answer under all attacks; noise is a control and not counted."""
    rows = conclusions[~conclusions["attack"].isin(list(noise))]
    number = rows["attack"].nunique()
    if number < 2:
        return []
    alike = (
        f"The same verdict under all {number} attacks, so not the doing of one of them (whether of "
        "the images or of these networks, attacks on the same networks cannot tell)"
    )
    differ = "Opposite verdicts under different attacks, which speaks of the attacks"
    apart = "Decided under all attacks, but said of most groups or kinds here and of these there"
    left = "Left open under at least one attack"
    once = "Tested under one attack only"
    answers: dict[str, list[str]] = {alike: [], differ: [], apart: [], left: [], once: []}
    for place, name in enumerate(conclusions["conclusion"].unique(), 1):
        of_attacks = rows[rows["conclusion"] == name]
        tested = [row for row in of_attacks.to_dict("records") if applies(row)]
        words = {verdict(row) for row in tested}
        said = {_scoped(row) for row in tested}
        if not tested:
            continue
        if len(tested) == 1 < len(of_attacks):
            answers[once].append(str(place))
            continue
        if words in ({"supported"}, {"contradicted"}) and len(said) == 1:
            answers[alike].append(str(place))
        elif _opposite(said):
            answers[differ].append(str(place))
        elif words <= {"supported", "contradicted"}:
            answers[apart].append(str(place))
        else:
            answers[left].append(str(place))
    has_noise = len(rows) < len(conclusions)
    return [
        f"{what}: {'conclusion' if len(places) == 1 else 'conclusions'} {join_names(places)}."
        for what, places in answers.items()
        if places
    ] + (["Noise is a control and is not counted here."] if has_noise else [])


def _opposite(said: Iterable[str]) -> bool:
    """Whether the same is supported under one attack and contradicted under another."""
    supported = {words.removeprefix("supported") for words in said if words[:3] == "sup"}
    return any(words.removeprefix("contradicted") in supported for words in said)


def subgroups(data: ReportData) -> list[str]:
    """How many differences between subgroups exclude 0 at the operating point, and which."""
    rows = data.at_epsilon("subgroups")
    if rows.empty:
        return []
    measured = rows.dropna(subset=["difference", "difference_low", "difference_high"])
    by = ["group", "attack", "by"]
    # Of two values the second difference is the first one's mirror image.
    two = measured.groupby(by)["value"].transform("size") == 2
    measured = measured[~(two & measured.duplicated(by))]
    if measured.empty:
        return []
    sure = measured[(measured["difference_low"] > 0) | (measured["difference_high"] < 0)]
    doses = [f"{EPSILON} = {amplitude(data.epsilon)}", *nearest(measured, data.epsilon)]
    lines = [
        f"{quantity(len(measured), 'difference')} between a subgroup and the others "
        f"{'was' if len(measured) == 1 else 'were'} measured at {', '.join(doses)}; the interval "
        f"of {len(sure) or 'none'} of them excludes 0. By chance alone it would be 1 in 20."
    ]
    for row in sure.to_dict("records"):
        more = "more" if row["difference"] > 0 else "less"
        label = attack_label(row["attack"], row["epsilon"], data.epsilon)
        lines.append(
            f"{row['group']} under {label}, {row['by']} {row['value']}: "
            f"{short(abs(row['difference']))} {more} than the others."
        )
    return lines


def intervals(data: ReportData) -> list[str] | None:
    """Groups whose interval by patients and Wilson's differ in width; None if Wilson's is unknown.

    An attack that was not measured at the operating amplitude names its nearest one.
    """
    if "wilson_low" not in data.table("asr"):
        return None
    rates = data.success_rates()
    labels = [
        attack_label(attack, epsilon, data.epsilon)
        for attack, epsilon in zip(rates["attack"], rates["epsilon"], strict=True)
    ]
    width, wilson = (rates[f"{name}_high"] - rates[f"{name}_low"] for name in ("ci", "wilson"))
    rates = rates.assign(label=labels, times=(width / wilson).where(wilson > 0))
    attacks = list(rates["label"].unique())
    if set(attacks) != set(rates["attack"]):
        attacks = []  # "under every attack" would not name the amplitudes
    lines = []
    for group, rows in rates.groupby("group", sort=False):
        for word, ratio in (("wider", rows["times"]), ("narrower", 1 / rows["times"])):
            apart = ratio[np.isfinite(ratio) & (ratio >= WIDER - 1e-9)]
            if len(apart):
                low, high = (f"{value:.1f}" for value in (apart.min(), apart.max()))
                factor = low if low == high else f"{low} to {high}"
                which = under(list(rows["label"][apart.index]), attacks)
                lines.append(f"{group}: {word} by a factor of {factor} {which}.")
    return lines


def failed_checks(checks: pd.DataFrame) -> str:
    """How many of the attacks' checks failed."""
    if checks.empty:
        return ""
    failed = int((checks["verdict"] == "failed").sum())
    done = int((checks["verdict"] != "not done").sum())
    if not done:
        return "No check of the attacks was done."
    if not failed:
        return f"Of {quantity(done, 'check')} of the attacks none failed."
    return (
        f"Of {quantity(done, 'check')} of the attacks {failed:,} failed; success rates there are "
        "lower than they could be, or wrong."
    )


def records(sources: pd.DataFrame, rejects: pd.DataFrame) -> str:
    """How many records the sources have, and how many they rejected."""
    n = int(sources["found"].sum())
    rejected = int(rejects["count"][rejects["source"].isin(sources["source"])].sum())
    return (
        f"{quantity(n, 'record')} {'was' if n == 1 else 'were'} found in "
        f"{quantity(len(sources), 'source')}; {f'{rejected:,}' if rejected else 'none'} of them "
        f"{'was' if rejected == 1 else 'were'} rejected."
    )


def _range(rows: pd.DataFrame, column: str) -> str:
    """The least and the largest value, each with its group: "0.53 (X-TB) to 0.97 (H-BR)"."""
    ordered = rows.sort_values(column, kind="stable")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    least, most = short(low[column]), short(high[column])
    if len(rows) == 1:
        return f"{least} ({low['group']})"
    if least == most:
        return f"{least} in all {len(rows)} groups"
    return f"{least} ({low['group']}) to {most} ({high['group']})"
