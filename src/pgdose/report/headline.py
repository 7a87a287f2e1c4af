"""The first lines of the page: the finding in a sentence, and where data are synthetic."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from pgdose.plots.style import EPSILON
from pgdose.report import summary, wording
from pgdose.report.data import ReportData
from pgdose.study.doses import same_epsilon


def headline(data: ReportData) -> str:
    """What the study's first attack flips at the operating point, beside noise; empty if unknown.

    The first attack is the one that Figs. 1 and 2 show. Of several groups the ends of the range are
    named with their intervals, which are not joint: the least of many rates is more extreme than
    the rate of a group named beforehand.
    """
    rates = data.success_rates().dropna(subset="asr") if data.has("asr") else pd.DataFrame()
    real = [attack for attack in data.attacks if not data.is_noise(attack)]
    attack = next((a for a in real if len(rates) and (rates["attack"] == a).any()), None)
    if attack is None:
        return ""
    rows = rates[rates["attack"] == attack]
    epsilon, iteration = float(rows["epsilon"].iloc[0]), int(rows["iteration"].max())
    change, reached = _reached(data, attack, epsilon)
    text = f"The attack “{attack}” flipped {_share(rows)}{_bound(data, attack, change)}"
    text += f" ({EPSILON} = {epsilon:g}{reached}, iteration {iteration})"
    return f"{text}{_noise(data, rates, epsilon)}."


def synthetic(data: ReportData) -> str:
    """Which sources are synthetic; empty if none is."""
    sources = list(data.study.get("sources") or data.synthetic)
    if not data.synthetic:
        return ""
    if set(sources) <= set(data.synthetic):
        return "All images are drawn by a program. No rate here says anything of patients."
    names = wording.join_names([str(name) for name in data.synthetic])
    return (
        f"Drawn by a program: {names}. Rates of groups with these images say nothing of patients."
    )


def verdict_counts(data: ReportData) -> str:
    """How many verdicts of each kind there are, noise not counted."""
    table = data.table("conclusions")
    if table.empty:
        return ""
    rows = table[[not data.is_noise(attack) for attack in table["attack"]]]
    words = [summary.verdict(row) for row in rows.to_dict("records") if summary.applies(row)]
    parts = [
        f"{words.count(word)} {word}"
        for word in dict.fromkeys([*summary.VERDICTS, *words])
        if word in words
    ]
    text = f"{wording.quantity(len(words), 'verdict')}: {wording.join_names(parts)}."
    return text + (" Noise, a control, is not counted." if len(rows) < len(table) else "")


def _share(rows: pd.DataFrame) -> str:
    """What was flipped of what: one group's share, or the least and the largest of several."""
    ordered = rows.sort_values("asr", kind="stable").to_dict("records")
    low, high = ordered[0], ordered[-1]
    if len(ordered) == 1:
        return f"{_rate(low)} of the right diagnoses of the network of {low['group']}"
    if f"{low['asr']:.2f}" == f"{high['asr']:.2f}":
        return (
            f"{100 * low['asr']:.0f} % of the right diagnoses in each of "
            f"{wording.quantity(len(ordered), 'study group')}"
        )
    return (
        f"from {_rate(low, low['group'])} to {_rate(high, high['group'])} of the right diagnoses "
        f"in {wording.quantity(len(ordered), 'study group')}"
    )


def _rate(row: Any, name: str = "") -> str:
    """ "28 % (H-BR; 95 % interval 15 to 44 %)", without an interval where there is none."""
    inside = [name] if name else []
    if pd.notna(row["ci_low"]) and pd.notna(row["ci_high"]):
        inside.append(f"95 % interval {100 * row['ci_low']:.0f} to {100 * row['ci_high']:.0f} %")
    return f"{100 * row['asr']:.0f} %" + (f" ({'; '.join(inside)})" if inside else "")


def _reached(data: ReportData, attack: str, epsilon: float) -> tuple[float, str]:
    """The largest change of a pixel, and in how many groups it reached epsilon, if not in all."""
    table = data.table("doses_reached")
    rows = table[table["attack"] == attack] if len(table) else table
    rows = rows[[same_epsilon(e, epsilon) for e in rows["epsilon"]]] if len(rows) else rows
    if rows.empty or rows["reached"].all():
        return epsilon, ""
    groups = f"{rows['reached'].sum() or 'none'} of {wording.quantity(len(rows), 'group')}"
    return float(rows["largest_change"].max()), f", reached in {groups}"


def _bound(data: ReportData, attack: str, change: float) -> str:
    """How much a pixel may change, where the attack is known to keep within the box."""
    settings = (data.study.get("attacks") or {}).get(attack) or {}
    if settings.get("clip") != "iterate" or not change > 0:
        return ""
    percent = math.ceil(1000 * change - 1e-3) / 10
    return f", changing no pixel by more than {percent:g} % of the intensity range"


def _noise(data: ReportData, rates: pd.DataFrame, epsilon: float) -> str:
    """What noise of the same amplitude flipped, if it was measured there."""
    noise: Sequence[str] = [attack for attack in data.attacks if data.is_noise(attack)]
    rows = rates[rates["attack"].isin(noise[:1])]
    rows = rows[[same_epsilon(e, epsilon) for e in rows["epsilon"]]]
    if rows.empty:
        return ""
    low, high = (f"{100 * rows['asr'].agg(end):.0f}" for end in ("min", "max"))
    flipped = low if low == high else f"{low} to {high}"
    return f"; random noise of up to the same {EPSILON} flipped {flipped} %"
