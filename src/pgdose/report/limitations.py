"""What a reader must not conclude: limitations, each from a fact of the study or its tables."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pgdose.plots.style import EPSILON
from pgdose.report import headline, summary, wording
from pgdose.report.data import ReportData

FEW_PATIENTS = 30  # validation patients of a group; intervals of fewer are named as wide


def limitations(data: ReportData, *, checks: str, conclusions: bool) -> list[str]:
    """The sentences of the section; those that do not apply are left out.

    Args:
        data: the study.
        checks: what the page calls its section with the checks that failed.
        conclusions: whether the page shows Figure 3a and the verdicts on conclusions.
    """
    parts = (_data(data), _networks(data), _attacks(data, checks, conclusions))
    return [text for part in parts for text in part if text]


def _data(data: ReportData) -> list[str]:
    return [headline.synthetic(data), _patients(data), _copies(data)]


def _patients(data: ReportData) -> str:
    table1 = data.table("table1")
    if table1.empty:
        return ""
    known = table1[table1["n_patients"] > 0]
    few = known[known["n_patients"] < FEW_PATIENTS]
    texts = []
    if len(few):
        names = [f"{row['group']} ({row['n_patients']:.0f})" for row in few.to_dict("records")]
        texts.append(
            f"Few validation patients, so wide intervals: {wording.join_names(names)}. What is "
            "undecided there may be true or false."
        )
    unknown = list(table1["group"][table1["n_patients"] == 0])
    if unknown:
        texts.append(
            f"Nobody knows the patients of {wording.join_names(unknown)}: images of one person may "
            "lie in training and validation, and intervals by images would be too short."
        )
    return " ".join(texts)


def _copies(data: ReportData) -> str:
    counts = data.table("class_counts")
    if "n_copies" not in counts:
        return ""
    groups = list(dict.fromkeys(counts["group"][counts["n_copies"] > 0]))
    if not groups:
        return ""
    return (
        f"Some images of {wording.join_names(groups)} are augmented copies of others; copies of "
        "one image lie in one part, and add no patients."
    )


def _networks(data: ReportData) -> list[str]:
    networks = data.table("networks")
    if len(networks):
        networks = networks[networks["role"].isin(["main", "repeat"])]
    runs = networks.groupby("group").size() if len(networks) else pd.Series(dtype=int)
    trained = [group for group, of in _groups(data).items() if not of.get("network")]
    texts = []
    alone = [group for group in trained if runs.get(group, 1) == 1]
    if alone:
        texts.append(
            "One training stands for each group. Another training on the same images would give "
            "other rates; the intervals do not hold this part of the chance."
            if len(alone) == len(data.groups)
            else f"One training stands for {wording.join_names(alone)}; the intervals do not hold "
            "what another training would give."
        )
    existing = [group for group in _groups(data) if group not in trained]
    if existing:
        texts.append(
            f"The networks of {wording.join_names(existing)} were trained elsewhere. Whether they "
            "saw the validation images, pgdose cannot know."
        )
    return [*texts, _accuracy(data)]


def _accuracy(data: ReportData) -> str:
    """Groups whose network is not better than guessing, as far as one can tell."""
    checks = data.checks
    failed = checks[(checks["check"] == "better than chance") & (checks["verdict"] == "failed")]
    groups = list(dict.fromkeys(failed["group"][failed["role"] == "main"]))
    if not groups:
        return ""
    return (
        f"No better than chance, as far as one can tell: the network of "
        f"{wording.join_names(groups)}. Flips there say little."
    )


def _attacks(data: ReportData, checks: str, conclusions: bool) -> list[str]:
    settings: Mapping[str, Any] = data.study.get("attacks") or {}
    texts = []
    if any(not data.is_noise(attack) for attack in data.attacks):
        texts.append(
            "The attacks are white-box: the attacker has the network and its gradient. They change "
            "the numbers that enter the network, not a film, a slide or a file of a hospital, and "
            "whether a person would see the change was not asked."
        )
    if data.has("worst_case"):
        texts.append(
            "A low success rate shows that these attacks failed at these doses. A stronger attack "
            "may succeed."
        )
    loose = [name for name, attack in settings.items() if attack.get("clip") == "gradient"]
    if loose:
        texts.append(
            f"{EPSILON} bounds the gradient and not the image under {wording.join_names(loose)}: "
            "the change of a pixel may be larger there."
        )
    failed = int((data.checks["verdict"] == "failed").sum()) if len(data.checks) else 0
    if failed:
        texts.append(
            f"{wording.quantity(failed, 'check')} failed, see {checks}: rates there are lower than "
            "they could be, or wrong."
        )
    texts.append(_unreached(data, conclusions))
    if conclusions and data.has("conclusions"):
        texts.append(
            "A conclusion’s decided verdicts hold a wrong one with a probability of at most 5 %, "
            "over all attacks but noise (Holm’s correction), for what each is said of. A verdict "
            "“on average” is another claim than one for most groups. Nothing corrects for reading "
            "several conclusions together."
        )
    if summary.nearest(data.success_rates(), data.epsilon):
        texts.append("Attacks that were not measured at the operating amplitude are shown nearby.")
    return texts


def _unreached(data: ReportData, conclusions: bool) -> str:
    """The attacks with amplitudes that they never reached."""
    table = data.table("doses_reached")
    if table.empty or table["reached"].all():
        return ""
    copies = table[~table["reached"].astype(bool)]
    lowest = copies.groupby("attack", sort=False)["epsilon"].min()
    names = [f"{attack} from {EPSILON} = {low:g}" for attack, low in lowest.items()]
    text = (
        f"Some amplitudes were never reached, in at least one group: {wording.join_names(names)}. "
        "Rates there repeat those of lower amplitudes"
    )
    if not conclusions:
        return f"{text} and are left out of medians."
    return (
        f"{text}; they are grey in Figure 3a and left out of areas, medians and rises. "
        f"Conclusions 3 and 5 are asked at {EPSILON} = {data.epsilon:g} all the same."
    )


def _groups(data: ReportData) -> Mapping[str, Any]:
    return data.study.get("groups") or {}
