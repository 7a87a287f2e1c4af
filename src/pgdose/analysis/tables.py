"""Tables over all groups and sources."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pgdose.analysis.quality import quality
from pgdose.analysis.success import at

LAST = ("any_finding", "several_findings", "norm_conflicts", "mojibake")


def source_counts(
    source: str,
    records: pd.DataFrame,
    screened: int,
    rejects: pd.DataFrame,
    conflicts: pd.DataFrame | None = None,
) -> dict[str, object]:
    """What section 2.1 of the paper counts: found, readable, usable, norm and each finding.

    Screened are those that a group of the study could choose; usable those of them that passed.
    Findings are counted among readable records. For a source of tiles a rejected field or slide
    counts as one. Of sources with reports also `norm_conflicts`, records whose report is a norm
    phrase and speaks of a finding, and `mojibake`, files that seem to declare a wrong
    character set.
    """
    at_index = rejects["stage"] == "index"
    labelled = records.filter(regex="^label_").eq(1).fillna(False).astype(bool)
    present = labelled.rename(columns=lambda name: name.removeprefix("label_"))
    findings = present.drop(columns="norm", errors="ignore")
    counts: dict[str, object] = {
        "source": source,
        "found": len(records) + int(at_index.sum()),
        "readable": len(records),
        "screened": screened,
        "usable": screened - int((~at_index).sum()),
    }
    counts |= {str(name): int(n) for name, n in present.sum().items()}
    if len(present.columns):
        counts["any_finding"] = int(findings.any(axis=1).sum())
        counts["several_findings"] = int((findings.sum(axis=1) > 1).sum())
    if conflicts is not None:
        counts["norm_conflicts"] = conflicts["record_id"].nunique()
        counts["mojibake"] = int(records["mojibake"].sum())
    return counts


def all_sources(counted: Sequence[dict[str, object]]) -> pd.DataFrame:
    """One row a source; the findings of any source, any_finding and several_findings last."""
    table = pd.DataFrame(counted)
    last = [c for c in LAST if c in table]
    table = table[[*(c for c in table if c not in last), *last]]
    return table.astype({c: "Int64" for c in table if c != "source"})


PARTS = ["training", "validation"]  # there is nothing to learn for a network from elsewhere


def table1_row(
    group: str,
    members: pd.DataFrame,
    clean: pd.DataFrame,
    title: str,
    paper_accuracy: float | None,
    draws: int,
    seed: int,
) -> dict[str, object]:
    """A group's row of Table 1: sizes, then `quality` of its network on validation images."""
    part = members["part"].value_counts().reindex(PARTS, fill_value=0)
    return {
        "group": group,
        "title": title,
        "n_images": len(members),
        "n_training": int(part["training"]),
        "n_validation": int(part["validation"]),
        **quality(members, clean, draws, seed),
        "paper_accuracy": paper_accuracy,
    }


def class_counts(group: str, members: pd.DataFrame) -> pd.DataFrame:
    """group class n_images n_training n_validation, in the order of the classes."""
    counts = pd.crosstab([members["class_index"], members["class"]], members["part"])
    counts = (
        counts.reindex(columns=PARTS, fill_value=0)
        .reset_index()
        .rename(columns={"training": "n_training", "validation": "n_validation"})
    )
    counts["n_images"] = counts["n_training"] + counts["n_validation"]
    counts["group"] = group
    return counts[["group", "class", "n_images", "n_training", "n_validation"]]


def training_size(
    asr: pd.DataFrame,
    accuracies: dict[str, float],
    n_training: int,
    attacks: Sequence[str],
    *,
    epsilon: float,
    iterations: int,
) -> pd.DataFrame:
    """Fig. 3d's table: one row per run and attack at the operating point.

    `accuracies` gives a run's accuracy. The run `full` counts as repeat 1 of its own size.
    """
    names = ["group", "attack", "epsilon", "iteration", "size", "repeat"]
    names += ["accuracy", "n_attacked", "n_flipped", "asr", "ci_low", "ci_high"]
    if not accuracies:
        return pd.DataFrame(columns=names)
    asr = asr[asr["run"].isin(accuracies) & asr["attack"].isin(attacks)]
    rows = at(asr, iterations=iterations, epsilon=epsilon).copy()
    rows["accuracy"] = rows["run"].map(accuracies)
    told = rows["run"].str.extract(r"^n(\d+)-r(\d+)$")
    rows["size"] = told[0].astype("Int64").fillna(n_training)
    rows["repeat"] = told[1].astype("Int64").fillna(1)
    return rows.sort_values(["attack", "size", "repeat"])[names]


def training_size_summary(training_size: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the repeats of each size, of ASR and of accuracy.

    group attack epsilon iteration size repeats asr asr_sd accuracy accuracy_sd; one repeat has no
    standard deviation.
    """
    by = ["group", "attack", "epsilon", "iteration", "size"]
    return (
        training_size.groupby(by, sort=False)
        .agg(
            repeats=("repeat", "size"),
            asr=("asr", "mean"),
            asr_sd=("asr", "std"),
            accuracy=("accuracy", "mean"),
            accuracy_sd=("accuracy", "std"),
        )
        .reset_index()
    )


def slides(
    states: pd.DataFrame,
    candidates: pd.DataFrame,
    taken: pd.DataFrame,
    screened: pd.DataFrame,
    classes: Sequence[str],
) -> pd.DataFrame:
    """What became of each slide: its state, and by class its candidates and the tiles taken.

    `states` has the columns of records.SLIDES, `candidates` parent and class, `taken` record_id,
    parent and class of the chosen tiles, `screened` which of them are usable. A slide is
    `rejected`, `used`, `not needed` where none of its candidates was chosen, or `no tiles` where it
    had none.
    """
    unreadable = screened.loc[~screened["usable"].astype(bool), "record_id"]
    bad = taken[taken["record_id"].isin(unreadable)]
    found = states.copy()
    for name in classes:
        for what, of in (("candidates", candidates), ("tiles", taken)):
            count = of.loc[of["class"] == name, "parent"].value_counts()
            found[f"{what}_{name}"] = found["record_id"].map(count).fillna(0).astype(int)
    found["unreadable"] = found["record_id"].map(bad["parent"].value_counts()).fillna(0).astype(int)
    has_some = found["record_id"].isin(candidates["parent"])
    used = found["record_id"].isin(taken["parent"])
    which = [found["reason"].notna(), used, has_some]
    found.insert(2, "state", np.select(which, ["rejected", "used", "not needed"], "no tiles"))
    return found.sort_values("record_id")
