"""evidence.html: what a study shows of a classifier, for a regulator's or a reviewer's file.

It says which limit was declared and whether it is kept, against which attacker, on which data, and
what was not tested. Each number is one of the result tables.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.analysis import acceptance
from pgdose.analysis.defence_verdicts import WRONG_EITHER_WAY
from pgdose.plots.style import EPSILON, MODALITIES
from pgdose.report import (
    appendix,
    checklists,
    groups,
    headline,
    limitations,
    provenance,
    study_tables,
    summary,
    tables,
    templates,
    wording,
)
from pgdose.report.data import ReportData
from pgdose.report.table_model import Cell, Head, Table
from pgdose.report.tables import Column

GREY_LEVELS = 255  # of an image of 8 bits, as screens show it
_LABELS = {acceptance.PASS: "kept", acceptance.FAIL: "broken", acceptance.UNDECIDED: "undecided"}
SECTIONS = {
    "limits": "The limit that was declared",
    "threat": "The attacker",
    "data": "Data and exclusions",
    "accuracy": "Accuracy on clean images",
    "tested": "What was tested",
    "not-tested": "What was not tested",
    "doses": "The smallest change that flips",
    "subgroups": "Subgroups",
    "checks": "Checks of the attacks",
    "checklists": "Reporting checklists",
    "made": "How it was made",
}
# What amplitudes are amplitudes of; those of an external attack are its library's.
_BOUNDS_IN_WORDS = {
    "iterate": "in each pixel (L-infinity)",
    "l2": "in L2 length",
    "gradient": "of each step’s gradient",
}
_KINDS = {acceptance.PASS: "supported", acceptance.FAIL: "contradicted"}


@dataclass(frozen=True)
class EvidenceData:
    """What the page is made from.

    report:     as for the page of the study
    acceptance: the table acceptance; without rows where the study declares no limit
    digests:    SHA-256 of the tables, by their paths below the results folder
    """

    report: ReportData
    acceptance: pd.DataFrame
    digests: Mapping[str, str]


def write_evidence(path: str | Path, data: EvidenceData) -> None:
    """Write the page as one self-contained HTML file, atomically. Every text is escaped."""
    report = data.report
    answers, sources = _answers(data), appendix.sources(report)
    page = templates.rendered(
        "evidence.html",
        sections=SECTIONS,
        place=_place,
        name=report.study["study"],
        synthetic=headline.synthetic(report),
        verdict=verdict(data),
        limits=_limits(data),
        headline=headline.headline(report),
        failed_checks=failed_checks(report),
        footer=_footer(report),
        threat=_threat(report),
        attacks=_attacks(report),
        table1=study_tables.table1(report),
        class_counts=study_tables.class_counts(report),
        demographics=study_tables.demographics(report),
        split=_split(report),
        rejects=appendix.rejects(report.rejects, "Rejects"),
        sources=sources and tables.turned(sources),
        agreement=appendix.agreement(report),
        sensitivity=study_tables.sensitivity(report),
        confusions=_of_groups(report, groups.confusion),
        draws=report.study["measures"]["draws"],
        success=report.study["measures"]["success"],
        tested=_tested(report),
        not_tested=not_tested(report),
        limitations=limitations.limitations(report, checks=_place("checks"), conclusions=False),
        doses=_doses(report),
        stored=_of_groups(report, groups.attacks) if report.has("storage") else [],
        epsilon=report.epsilon,
        by_epsilon=study_tables.success_by_epsilon(report),
        subgroups=summary.subgroups(report),
        every_subgroup=study_tables.subgroups(report),
        checks=appendix.warnings(report.checks),
        counts=report.checks["verdict"].value_counts().to_dict(),
        claim=_checklist("CLAIM 2024", checklists.CLAIM, answers),
        stard=_checklist("STARD 2015", checklists.STARD, answers),
        stard_ai=_checklist("What STARD-AI asks besides", checklists.STARD_AI, answers),
        networks=_networks(report),
        versions=appendix.pairs("Versions", report.provenance.versions),
        devices=appendix.devices(report),
        commit=report.provenance.commit,
        citation=provenance.citation(report.provenance.versions, report.provenance.commit),
        digests=_digests(data.digests),
        settings=appendix.settings(report.study),
        seed=report.study["seed"],
    )
    templates.write_page(path, page)


def failed_checks(report: ReportData) -> str:
    """What failed checks mean for the rates of the first lines; empty if none failed."""
    failed = report.checks[report.checks["verdict"] == "failed"]
    if failed.empty:
        return ""
    # What a weak attack misses makes a rate too low; other faults may also make it too high.
    attacks = {name for name in report.attacks if not report.is_noise(name)}
    too_low = failed["attack"].isin(attacks) & ~failed["check"].isin(WRONG_EITHER_WAY)
    number = wording.quantity(len(failed), "check")
    return (
        f"{number} of the attacks failed ({_place('checks')}): these rates are at least so high"
        f"{'.' if too_low.all() else ', or wrong.'}"
    )


def _footer(report: ReportData) -> str:
    """The foot of each printed page, as the inside of a string of CSS."""
    version = report.provenance.versions.get("pgdose", "")
    text = f"Study {report.study['study']}, pgdose {version}".rstrip()
    # An escape ends in a space; letters need none, and everything else might end the string.
    return "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in text)


def _of_groups(
    report: ReportData, table_of: Callable[[ReportData, str], Table | None]
) -> list[tuple[str, Table]]:
    """Each group's table, of those that have one."""
    named = [(group, table_of(report, group)) for group in report.groups]
    return [(group, table) for group, table in named if table]


# --- the limit that was declared ------------------------------------------------------------------


def verdict(data: EvidenceData) -> str:
    """Whether the declared limits are kept, in a sentence."""
    rows = data.acceptance
    if rows.empty:
        return (
            "No limit was declared (section acceptance of the study), so this page "
            "reports what was measured and accepts or rejects nothing."
        )
    counts = rows["verdict"].value_counts()
    declared = {
        f"{row['attack']} at {EPSILON} = {row['epsilon']:g} flips at most {row['max_asr']:g}"
        for row in rows.to_dict("records")
    }
    parts = [f"{counts[word]} {_LABELS[word]}" for word in _LABELS if counts.get(word)]
    kept = counts.get(acceptance.PASS, 0) == len(rows)
    number = wording.quantity(len(rows), "limit of a network", "limits of networks")
    return (
        f"{'All limits are kept' if kept else 'Not all limits are kept'} "
        f"({wording.join_names(parts)}, of {number}). "
        f"Declared in the study file; only its authors can say whether before the results were "
        f"read: {'; '.join(sorted(declared))}."
    )


def _limits(data: EvidenceData) -> Table | None:
    def answer(row: Mapping[Any, Any]) -> Cell:
        word = str(row["verdict"])
        return Cell(_LABELS[word], kind=f"verdict {_KINDS.get(word, 'undecided')}")

    def measured(row: Mapping[Any, Any]) -> str | Cell:
        if pd.isna(row["asr"]):
            return wording.MISSING
        return Cell(wording.rate(row["asr"]), f"[{row['low']:.3f}, {row['high']:.3f}]")

    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Network", "", tables.text("run")),
        ("Attack", "", tables.text("attack")),
        (EPSILON, "number", lambda row: wording.epsilon(row["epsilon"])),
        ("At most", "number", lambda row: wording.short(row["max_asr"])),
        ("Confidence", "number", lambda row: wording.short(row["confidence"])),
        ("Measured [bounds]", "number", measured),
        ("Patients", "number", tables.count("n_patients")),
        ("Verdict", "", answer),
    ]
    return tables.table_of("Declared limits", data.acceptance, columns)


# --- the attacker ---------------------------------------------------------------------------------


def _threat(report: ReportData) -> list[tuple[str, str]]:
    """The threat model in the terms of NIST AI 100-2 (E2025), for predictive AI."""
    targeted = any(of.get("target") for of in _real(report).values())
    goal = "an integrity violation: a right diagnosis becomes wrong"
    goal += ", for some attacks a named wrong one" if targeted else ", whichever wrong one"
    return [
        ("Kind of attack", "evasion, at deployment: the input is changed, the network is not"),
        ("Goal", goal),
        (
            "Knowledge",
            "white-box: architecture, weights, gradient, and the defence before it if there is one",
        ),
        (
            "Capability",
            "control of test data alone: the numbers that enter the network after preprocessing, "
            "each image for itself, within the bound of each attack below; unlimited queries and "
            "computing within the stated iterations",
        ),
        (
            "Not assumed",
            "control of training data, labels, the network or its source code (poisoning), attacks "
            "on privacy (membership, reconstruction, extraction of the network), attacks on "
            "availability",
        ),
    ]


def _real(report: ReportData) -> dict[str, Any]:
    settings = report.study.get("attacks") or {}
    return {name: of for name, of in settings.items() if of.get("kind") != "noise"}


def _attacks(report: ReportData) -> Table:
    heads = [Head("Attack"), Head("What it does", "text"), Head("Bound", "text")]
    heads += [Head(f"{EPSILON} tested", "number"), Head("Iterations", "number")]
    rows = []
    for name, of in (report.study.get("attacks") or {}).items():
        epsilons = list(of["epsilon"])
        span = wording.epsilon(epsilons[0])
        if len(epsilons) > 1:
            span = f"{len(epsilons)}, {span} to {wording.epsilon(epsilons[-1])}"
        rows.append([name, _what(of), _bound(of), span, wording.count(of["max_iter"])])
    return Table("Attacks", heads, rows)


def _what(of: Mapping[str, Any]) -> str:
    if of.get("kind") == "noise":
        return "random noise: a control, not an attack"
    if of.get("kind") == "external":
        return f"{of['name']} of {of['library']}"
    step = "APGD" if of.get("schedule") == "apgd" else f"{of['step']} step"
    target = f"towards {of['target']}" if of.get("target") else "away from the diagnosis"
    start = ", from random starts" if of.get("start") == "random" else ""
    return (
        f"{step} along the gradient of the {of['gradient_of'].replace('_', ' ')}, {target}{start}"
    )


def _bound(of: Mapping[str, Any]) -> str:
    clip = of.get("clip")
    if of.get("kind") == "external":
        return "the library’s"
    if clip == "l2":
        return f"L2 length of the change at most {EPSILON}"
    if clip == "gradient":
        return f"each step’s gradient at most {EPSILON}; the change itself is not bounded"
    return f"no value changes by more than {EPSILON} (L-infinity)"


# --- data, and what was tested --------------------------------------------------------------------


def _split(report: ReportData) -> list[str]:
    """How images were divided and which were left out, in sentences."""
    split = report.study.get("split") or {}
    by = split.get("by", "patient")
    lines = [
        "Of the records that fit a class all were taken, or as many as the study asks for "
        f"({_place('made')}), drawn at random.",
        f"Images were divided by {by}, so that no {by} is in training and validation."
        if by != "image"
        else "Images were divided singly: one patient may be in training and validation.",
    ]
    trained_elsewhere = [
        name for name, of in (report.study.get("groups") or {}).items() if of.get("network")
    ]
    if trained_elsewhere:
        lines.append(
            f"The networks of {wording.join_names(trained_elsewhere)} were trained elsewhere. "
            "Whether they have met these images before, nobody knows here."
        )
    return lines


def _tested(report: ReportData) -> list[str]:
    attacks = list(_real(report))
    kinds = {MODALITIES.get(kind, "Other") for kind in report.groups.values()}
    lines = [
        f"{wording.quantity(len(report.groups), 'study group')} "
        f"({wording.join_names(sorted(kinds))}) under "
        f"{wording.quantity(len(attacks), 'attack')}: {wording.join_names(attacks)}."
    ]
    if any(report.is_noise(attack) for attack in report.attacks):
        lines.append("Random noise of the same amplitudes, as a control.")
    elsewhere = " (results: report.html)"
    for name, text in (
        ("controls", f"Corruptions and universal perturbations{elsewhere}."),
        ("transfer", f"Images made on one network, shown to the others of its group{elsewhere}."),
        ("defence", f"Defended networks beside the undefended one{elsewhere}."),
        ("certified", f"Certificates of smoothed networks{elsewhere}."),
        ("subgroups", f"Success by sex and age ({_place('subgroups')})."),
        ("storage", f"Whether flips survive storage in 8 bits ({_place('doses')})."),
    ):
        if report.has(name):
            lines.append(text)
    return lines


def not_tested(report: ReportData) -> list[str]:
    """What a reader might take for tested and is not; each from a fact of the study."""
    real = _real(report)
    clips = {of.get("clip") for of in real.values()}
    lines = _amplitudes_beyond(real)
    if real:
        lines.append("More iterations than those of each attack.")
    if "l2" not in clips:
        lines.append("Changes that are bounded by their L2 length.")
    if "iterate" not in clips:
        lines.append("Changes in which each pixel is bounded (L-infinity).")
    if not any(of.get("target") for of in real.values()):
        lines.append("Attacks that aim at a certain wrong diagnosis.")
    lines.append(
        "Patches, stickers and changes of a few pixels; geometric changes; generated images."
    )
    if not report.has("controls"):
        lines.append(
            "Changes without an attacker: exposure, motion, noise, stain, compression, other "
            "devices."
        )
    if not report.has("transfer"):
        lines.append("Whether images made on another network flip this one (transfer).")
    lines += [
        "Attackers who do not know the network, and attackers who know what stands behind it: a "
        "detector, a reader, the hospital’s workflow.",
        "Attacks on films, slides, scanners, files or the way between them and the network: the "
        "numbers that enter the network were changed, after preprocessing.",
        "Poisoning of training data or labels, and attacks on privacy or availability.",
        "Whether a person sees the change, and what a reader decides with a wrong output beside "
        "the image.",
    ]
    if not report.has("subgroups"):
        lines.append("Differences between women and men, and between ages.")
    networks = report.tables.get("networks", pd.DataFrame())
    if len(networks) and not (networks["role"] == "repeat").any():
        lines.append("Another training of the same network, which may be flipped more or less.")
    return lines


def _amplitudes_beyond(attacks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each bound, since the amplitudes of one are no amplitudes of another."""
    epsilons: dict[str, list[float]] = {}
    for name, of in attacks.items():
        bound = _BOUNDS_IN_WORDS.get(str(of.get("clip")), f"of the attack {name}")
        epsilons.setdefault(bound, []).extend(of["epsilon"])
    return [
        f"Amplitudes {bound}: under {min(of_bound):g} and over {max(of_bound):g}."
        for bound, of_bound in epsilons.items()
    ]


# --- the smallest change --------------------------------------------------------------------------


def _doses(report: ReportData) -> Table | None:
    """The smallest change that flipped an image, and the one up to which half of them flip."""
    asr = report.table("asr")
    if asr.empty:
        return None
    doses = report.table("doses")
    medians = {} if doses.empty else doses.set_index(["group", "attack"]).to_dict("index")
    heads = [Head("Group"), Head("Attack"), Head(f"Smallest {EPSILON} that flipped any", "number")]
    heads += [Head("Grey levels of 255", "number"), Head("Images it flipped", "number")]
    heads += [Head("Half of the images by", "number"), Head("Grey levels of 255", "number")]
    rows = []
    for (group, attack), of in asr.groupby(["group", "attack"], sort=False):
        if report.is_noise(str(attack)):
            continue
        last = of[of["iteration"] == of["iteration"].max()].sort_values("epsilon")
        flips = last[last["n_flipped"] > 0]
        pixel = (report.study["attacks"].get(attack) or {}).get("clip") == "iterate"
        first = flips.iloc[0] if len(flips) else None
        median = medians.get((group, attack), {})
        smallest, largest = median.get("smallest_epsilon", math.nan), last["epsilon"].max()
        middle = median.get("median_epsilon", math.nan)
        rows.append(
            [
                str(group),
                str(attack),
                f"none up to {wording.epsilon(largest)}"
                if first is None
                else wording.epsilon(first["epsilon"]),
                wording.MISSING if first is None or not pixel else _grey(first["epsilon"]),
                wording.MISSING
                if first is None
                else f"{int(first['n_flipped'])} of {int(first['n_attacked'])}",
                wording.median_epsilon(middle, smallest, largest),
                _grey(middle) if pixel and math.isfinite(middle) else wording.MISSING,
            ]
        )
    return Table("The smallest change that flips", heads, rows) if rows else None


def _grey(epsilon: float) -> str:
    return f"{epsilon * GREY_LEVELS:.2g}"


# --- checklists and digests -----------------------------------------------------------------------


def _answers(data: EvidenceData) -> set[str]:
    """What the page shows of all that an item of a checklist may need."""
    report = data.report
    tables_shown = {name for name in checklists.TABLES if report.has(name)}
    return (
        tables_shown
        | ({checklists.LIMIT} if len(data.acceptance) else set())
        | ({checklists.AGREEMENT} if report.agreement is not None else set())
    )


def _checklist(name: str, items: Sequence[checklists.Item], shown: Collection[str]) -> Table:
    heads = [Head("Item"), Head("Asks for", "text"), Head("Answered"), Head("You add", "text")]
    numbered = any(item.number for item in items)
    rows: list[list[str | Cell]] = []
    for item in items:
        answered = item.answered_with(shown)
        if answered == checklists.YOU:
            where = Cell("by you", kind="undecided")
        else:
            in_part = ", in part" if answered == checklists.IN_PART else ""
            where = Cell(f"{_place(item.section)}{in_part}", link=item.section)
        add = "" if answered == checklists.HERE else item.add
        rows.append([item.number, item.asks, where, add] if numbered else [item.asks, where, add])
    return Table(name, heads if numbered else heads[1:], rows)


def _place(section: str) -> str:
    """What the page calls a section, also on paper.

    ValueError: the page has no such section.
    """
    if section == checklists.FIRST:
        return "first lines"
    if section not in SECTIONS:
        raise ValueError(f"the page has no section {section!r}; its sections: {list(SECTIONS)}")
    return f"section {list(SECTIONS).index(section) + 1}"


def _networks(report: ReportData) -> Table | None:
    columns: list[Column] = [
        ("Group", "", tables.text("group")),
        ("Run", "", tables.text("run")),
        ("Network", "text", tables.text("network")),
        ("Validation images", "number", tables.count("n_images")),
        ("Accuracy", "number", tables.with_interval("accuracy", wording.rate)),
        ("AUC", "number", tables.rate_with_interval("auc")),
        ("ECE", "number", tables.rate_with_interval("ece")),
    ]
    return tables.table_of("Networks", report.table("networks"), columns)


def _digests(digests: Mapping[str, str]) -> Table | None:
    heads = [Head("File below the results folder"), Head("SHA-256", "text")]
    rows: list[list[str | Cell]] = [
        [path, Cell(digest, kind="file")] for path, digest in sorted(digests.items())
    ]
    return Table("Digests", heads, rows) if rows else None
