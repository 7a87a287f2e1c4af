"""What a study found, in sentences made from its tables.

Rates are those of the groups' main networks, the run "full". A sentence is left out where its table
knows nothing. All of them are plain text.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis.operating_point import at
from pgdose.plots.style import EPSILON, Groups, modality
from pgdose.report.wording import dose, listed, several, short

#: The paper's five conclusions, as statements that a verdict is about.
CLAIMS = {
    "grows_with_epsilon": f"ASR grows with {EPSILON} for most groups",
    "histology_less_sensitive": "Histology is less sensitive than X-ray",
    "levels_off": "ASR grows with the iterations and levels off for most groups",
    "drops_above_confidence": "ASR drops sharply above a clean confidence of 0.95",
    "training_size": "ASR does not depend on the training-set size",
}
KINDS = {"xray": "X-ray", "histology": "histology", "other": "other"}  # within a sentence
VERDICTS = ("supported", "contradicted", "undecided")
UNTESTED = "not tested"
WIDER = 1.5  # how many times as wide an interval must be to be named


def claim(conclusion: str) -> str:
    return CLAIMS.get(conclusion, conclusion.replace("_", " "))


def verdict(row: Mapping[Any, Any]) -> str:
    """The row's verdict; an empty one means that the conclusion was not tested."""
    return UNTESTED if pd.isna(row["verdict"]) or not row["verdict"] else str(row["verdict"])


def under(attacks: Sequence[str], all_attacks: Sequence[str]) -> str:
    """The attacks as the end of a sentence: "under every attack", "under a and b"."""
    if len(all_attacks) > 1 and set(attacks) == set(all_attacks):
        return "under both attacks" if len(attacks) == 2 else "under every attack"
    return f"under {listed(list(attacks))}"


def scope(groups: Groups, attacks: Sequence[str]) -> str:
    """How much the study is: groups by kind of image, and attacks."""
    kinds = [modality(groups, group) for group in groups]
    parts = [f"{kinds.count(kind)} {name}" for kind, name in KINDS.items() if kind in kinds]
    text = f"A network was trained for {several(len(kinds), 'study group')}"
    text += f" ({listed(parts)})" if len(parts) > 1 else ""
    if not attacks:
        return f"{text}; none was attacked."
    them = "it was" if len(kinds) == 1 else "each was"
    return f"{text}, and {them} attacked in {several(len(attacks), 'way')}: {listed(attacks)}."


def accuracies(table1: pd.DataFrame) -> str:
    """How good the networks are on clean images, beside the paper's."""
    known = table1.dropna(subset="accuracy")
    if known.empty:
        return ""
    text = f"On clean validation images the accuracy is {_range(known, 'accuracy')}."
    both = known.dropna(subset=["paper_accuracy", "ci_low", "ci_high"])
    where = {
        "inside our interval": both["paper_accuracy"].between(both["ci_low"], both["ci_high"]),
        "above it": both["paper_accuracy"] > both["ci_high"],
        "below it": both["paper_accuracy"] < both["ci_low"],
    }
    parts = [
        f"{place} for {listed(list(both['group'][rows]))}"
        for place, rows in where.items()
        if rows.any()
    ]
    if not parts:
        return text
    parts[0] = parts[0].replace(" it ", " our interval ")
    return f"{text} The paper’s lies {listed(parts)}."


def at_the_point(asr: pd.DataFrame, point: Mapping[str, Any]) -> tuple[str, list[str]]:
    """What each attack flips at the operating point: how the list begins, and its items."""
    here = at(asr, iterations=point["iterations"], epsilon=point["epsilon"]).dropna(subset="asr")
    items = []
    for attack in asr["attack"].unique():
        rows = here[here["attack"] == attack]
        items.append(f"{attack}: {_range(rows, 'asr') if len(rows) else 'not measured there'}.")
    iterations = [str(iteration) for iteration in sorted(here["iteration"].unique())]
    begin = (
        f"Share of the right diagnoses that are flipped at {EPSILON} = {dose(point['epsilon'])}, "
        f"iteration {' or '.join(iterations) or point['iterations']}:"
    )
    return begin, items


def worst(worst_case: pd.DataFrame, point: Mapping[str, Any]) -> str:
    """What the attacks flip together, up to the operating amplitude."""
    here = up_to(worst_case, point["epsilon"]).dropna(subset="asr")
    if here.empty:
        return ""
    return (
        f"Choosing for each image the best attack and any {EPSILON} up to "
        f"{dose(here['epsilon'].max())}, an attacker flips {_range(here, 'asr')}."
    )


def up_to(worst_case: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """Each group's row at its largest amplitude that is not over `epsilon`."""
    below = worst_case[worst_case["epsilon"] <= epsilon * (1 + 1e-9)]
    return below.loc[below.groupby("group", sort=False)["epsilon"].idxmax()]


def verdicts(conclusions: pd.DataFrame) -> list[tuple[str, str]]:
    """(claim, "supported under a and b; undecided under c") for each conclusion."""
    attacks = list(conclusions["attack"].unique())
    told = []
    for conclusion, rows in conclusions.groupby("conclusion", sort=False):
        given = [verdict(row) for row in rows.to_dict("records")]
        parts = [
            f"{word} {under(list(rows['attack'][[g == word for g in given]]), attacks)}"
            for word in dict.fromkeys([*VERDICTS, *given])
            if word in given
        ]
        told.append((claim(str(conclusion)), "; ".join(parts)))
    return told


def images_or_attack(conclusions: pd.DataFrame, noise: Iterable[str]) -> list[str]:
    """Which conclusions have one answer under all attacks; noise is a control and has no say."""
    rows = conclusions[~conclusions["attack"].isin(list(noise))]
    number = rows["attack"].nunique()
    if number < 2:
        return []
    alike = f"The same answer under all {number} attacks, so a finding about the images"
    differ = "Opposite answers under different attacks, so a finding about the attack"
    left = "Left open under at least one attack"
    once = "Asked of one attack alone"
    answers: dict[str, list[str]] = {alike: [], differ: [], left: [], once: []}
    for place, name in enumerate(conclusions["conclusion"].unique(), 1):
        own = rows[rows["conclusion"] == name]
        # Without an estimate the question was not put to an attack, say since one size was trained.
        put = own[own["estimate"].notna() | (own["verdict"] != "undecided")]
        if len(put) == 1 < len(own):
            answers[once].append(str(place))
            continue
        given = {verdict(row) for row in own.to_dict("records")}
        if given in ({"supported"}, {"contradicted"}):
            answers[alike].append(str(place))
        elif {"supported", "contradicted"} <= given:
            answers[differ].append(str(place))
        else:
            answers[left].append(str(place))
    aside = len(rows) < len(conclusions)
    return [
        f"{what}: {'conclusion' if len(places) == 1 else 'conclusions'} {listed(places)}."
        for what, places in answers.items()
        if places
    ] + (["Noise is a control and has no say in this."] if aside else [])


def subgroups(table: pd.DataFrame, epsilon: float) -> list[str]:
    """How many differences between subgroups are sure at one amplitude, and which."""
    here = table[np.isclose(table["epsilon"], epsilon)]
    known = here.dropna(subset=["difference", "difference_low", "difference_high"])
    by = ["group", "attack", "by"]
    # Of two values the second difference is the first one's mirror image.
    two = known.groupby(by)["value"].transform("size") == 2
    known = known[~(two & known.duplicated(by))]
    if known.empty:
        return []
    sure = known[(known["difference_low"] > 0) | (known["difference_high"] < 0)]
    lines = [
        f"{several(len(known), 'difference')} between a subgroup and the others "
        f"{'was' if len(known) == 1 else 'were'} measured at {EPSILON} = {dose(epsilon)}; the "
        f"interval of {len(sure) or 'none'} of them leaves out 0. By chance alone it would be 1 "
        "in 20."
    ]
    for row in sure.to_dict("records"):
        more = "more" if row["difference"] > 0 else "less"
        size = short(abs(row["difference"]))
        lines.append(
            f"{row['group']} under {row['attack']}, {row['by']} {row['value']}: "
            f"{size} {more} than the others."
        )
    return lines


def intervals(asr: pd.DataFrame, point: Mapping[str, Any]) -> list[str]:
    """Groups whose interval by patients and Wilson's are not alike in width."""
    here = at(asr, iterations=point["iterations"], epsilon=point["epsilon"])
    width, wilson = (here[f"{a}_high"] - here[f"{a}_low"] for a in ("ci", "wilson"))
    times = (width / wilson).where(wilson > 0)
    attacks = list(here["attack"].unique())
    lines = []
    for group, rows in here.assign(times=times).groupby("group", sort=False):
        for word, ratio in (("wider", rows["times"]), ("narrower", 1 / rows["times"])):
            found = ratio[np.isfinite(ratio) & (ratio >= WIDER - 1e-9)]
            if len(found):
                low, high = (f"{value:.1f}" for value in (found.min(), found.max()))
                of = low if low == high else f"{low} to {high}"
                which = under(list(rows["attack"][found.index]), attacks)
                lines.append(f"{group}: {word} by a factor of {of} {which}.")
    return lines


def checked(checks: pd.DataFrame) -> str:
    """How many of the attacks' checks failed."""
    if checks.empty:
        return ""
    failed = int((checks["verdict"] == "failed").sum())
    done = int((checks["verdict"] != "not done").sum())
    if not done:
        return "No check of the attacks was done."
    if not failed:
        return f"Of {several(done, 'check')} of the attacks none failed."
    return (
        f"Of {several(done, 'check')} of the attacks {failed:,} failed; success rates there are "
        "lower than they could be, or wrong."
    )


def data(sources: pd.DataFrame, rejects: pd.DataFrame) -> str:
    """What was found, and what the sources rejected."""
    found = int(sources["found"].sum())
    rejected = int(rejects["count"][rejects["source"].isin(sources["source"])].sum())
    return (
        f"{several(found, 'record')} {'was' if found == 1 else 'were'} found in "
        f"{several(len(sources), 'source')}; {f'{rejected:,}' if rejected else 'none'} of them "
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
