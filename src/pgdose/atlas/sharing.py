"""From the results of a study to what it gives away: counts, estimates and settings, nothing else.

No record id, image, path, date or draw by patient is read. A group with fewer than
`smallest_count` patients or attacked images is left out; a count of flipped or unflipped images
from 1 to `smallest_count` - 1 is not shown, and half of `smallest_count` stands for it in the
estimate, so that small rates do not drop out and bias what is pooled. Nor may it follow from the
other numbers: see `_conclusions`.
"""

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgdose.analysis.bootstrap import FEWEST, PATIENTS_NOT_KNOWN
from pgdose.analysis.conclusion_draws import rise_of
from pgdose.analysis.operating_point import at, operating_epsilons
from pgdose.analysis.study_description import FILE, StudyDescription, read_description
from pgdose.analysis.success import as_counted
from pgdose.atlas.comparability import setting_text
from pgdose.atlas.scales import (
    ARCSINE,
    IDENTITY,
    arcsine,
    arcsine_error,
    half_width_error,
    independent_images,
    rate_of,
)
from pgdose.atlas.shared_study import (
    CONCLUSION_COLUMNS,
    FORMAT_VERSION,
    RATE_COLUMNS,
    SharedStudy,
)
from pgdose.errors import UserError
from pgdose.manifest import comparison, document
from pgdose.manifest.files import MANIFEST, sha256_of, shown
from pgdose.names import NAME_RULE, is_name
from pgdose.study.attacks import Attack
from pgdose.study.base import JOB_ONLY
from pgdose.tables import parquet, result_csv

SMALLEST_COUNT = 5
MAIN = "full"  # the folder of a group's main network
TABLES = ("asr", "conclusions", "doses", "doses_reached", "networks")
SHARES = ("drops_above_confidence",)  # conclusions whose estimate is a share, not a difference
# Settings of an attack that decide what it does to an image. Others say how its job is run, on how
# many images, or at which epsilons, which the rows of rates.csv state.
NOT_THE_ATTACK = {
    *("epsilon", "images", "export", "precision", "batch", "shortcuts", "form"),
    *(name for name, field in Attack.model_fields.items() if JOB_ONLY in field.metadata),
}
_GROUP_KEYS = ("modality", "classes", "network", "size", "accuracy", "n_images", "n_patients")


def shared_study(
    results: Path, name: str | None = None, smallest_count: int = SMALLEST_COUNT
) -> SharedStudy:
    """What the study of a results folder gives away, under a name that readers will see.

    UserError if the study has not come to its end, or a file that this rests on was changed.
    """
    if smallest_count < 1:
        raise UserError(f"--smallest-count: {smallest_count} is under 1; give 5, or another count")
    diagnostics = _check_whole(results)
    description = read_description(results)
    name = description.name if name is None else name
    if not is_name(name):
        raise UserError(f"--name: {name!r} is no name: {NAME_RULE}")
    tables = {table: result_csv.read_csv(results / f"tables/{table}.csv") for table in TABLES}
    failed = {group: _failed_checks(path) for group, path in diagnostics.items()}
    rates, left_out = _rates(description, tables, failed, smallest_count)
    if rates.empty:
        raise UserError(
            f"{shown(results)}: no group has {max(smallest_count, FEWEST)} patients and "
            f"{smallest_count} attacked images, so there is nothing to share"
        )
    attacks = {attack: _attack(description, attack) for attack in rates["attack"].unique()}
    groups = {group: _group(description, tables, group) for group in rates["group"].unique()}
    few_at_first = _few_at_an_iteration(description, tables["asr"], smallest_count)
    conclusions = _conclusions(tables["conclusions"], rates, left_out, few_at_first)
    about = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "study_digest": sha256_of(results / MANIFEST)[1],
        "pgdose": description.versions.get("pgdose", ""),
        "synthetic": description.is_synthetic,
        "success": description.settings["measures"]["success"],
        "operating": dict(description.settings["operating_points"]),
        "smallest_count": smallest_count,
        "rows_left_out": left_out.total(),
        "groups": groups,
        "attacks": attacks,
    }
    return SharedStudy(about, rates, conclusions)


def _check_whole(results: Path) -> dict[str, Path]:
    """The diagnostics of each group's main network; UserError unless all that is read is whole."""
    manifest = document.read_finished(results)
    listed = {entry.path: entry for entry in manifest.entries}
    diagnostics = {
        parts[1]: path
        for path in listed
        if (parts := path.split("/"))[0] == "groups" and parts[2:] == [MAIN, "diagnostics.parquet"]
    }
    needed = [FILE, *(f"tables/{table}.csv" for table in TABLES), *diagnostics.values()]
    if missing := [path for path in needed if path not in listed]:
        raise UserError(
            f"{shown(results)}: its manifest does not list {missing[0]}, so a pgdose before 1.0 "
            "made it, or its study has not come to its end; run the study again"
        )
    if faults := comparison.faults_of(results, [listed[path] for path in needed]):
        lines = "\n".join(f"  {line}" for line in faults)
        raise UserError(f"these results are not as they were written, so none is shared:\n{lines}")
    return {group: results / path for group, path in diagnostics.items()}


def _failed_checks(path: Path) -> dict[str, str]:
    """By attack: the checks that failed on the group's main network."""
    table = parquet.read_table(path)
    failed = table[table["verdict"] == "failed"].groupby("attack")["check"]
    return {str(attack): ";".join(names) for attack, names in failed}


def _rates(
    description: StudyDescription,
    tables: Mapping[str, pd.DataFrame],
    failed: Mapping[str, Mapping[str, str]],
    smallest: int,
) -> tuple[pd.DataFrame, Counter[str]]:
    """Rows of rates.csv, and by attack how many rest on too few patients or images to be shown."""
    settings = description.settings
    asr = as_counted(tables["asr"], settings["measures"]["success"])
    asr = at(asr[asr["role"] == "main"], iterations=settings["operating_points"]["iterations"])
    keys = ["group", "attack", "epsilon"]
    reached = _main(tables["doses_reached"]).set_index(keys)["reached"]
    patients = _main(tables["doses"]).set_index(keys[:2])["n_patients"]
    rows, left_out = [], Counter[str]()
    for row in asr.to_dict("records"):
        group, attack, epsilon = (row[key] for key in keys)
        n, flipped = int(row["n_attacked"]), int(row["n_flipped"])
        patients_known = row["no_interval"] != PATIENTS_NOT_KNOWN
        n_patients = patients.get((group, attack), math.nan) if patients_known else math.nan
        too_few = n < smallest or (patients_known and not n_patients >= max(smallest, FEWEST))
        if too_few:
            left_out[attack] += 1
            continue
        hidden = _is_hidden(flipped, n, smallest)
        counted = float(flipped)
        if hidden:
            counted = smallest / 2 if flipped < smallest else n - smallest / 2
        independent = float(n)
        if patients_known and hidden:  # that of the interval would tell the count
            independent = min(n, n_patients)
        elif patients_known:
            independent = independent_images(row["asr"], row["ci_low"], row["ci_high"])
        rows.append(
            {
                **{"group": group, "attack": attack, "epsilon": epsilon},
                **{"iteration": int(row["iteration"]), "n_patients": n_patients, "n_attacked": n},
                "n_flipped": math.nan if hidden else flipped,
                "estimate": round(arcsine(counted / n), 6),
                "standard_error": float(f"{arcsine_error(independent):.3g}"),
                "scale": ARCSINE,
                "reached": bool(reached.get((group, attack, epsilon), True)),
                "failed_checks": failed.get(group, {}).get(attack, ""),
            }
        )
    table = pd.DataFrame(rows, columns=list(RATE_COLUMNS))
    return table.astype({"n_patients": "Int64", "n_flipped": "Int64"}), left_out


def _main(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["role"] == "main"]


def _conclusions(
    table: pd.DataFrame,
    rates: pd.DataFrame,
    left_out: Counter[str],
    few_at_first: Container[str],
) -> pd.DataFrame:
    """Rows of conclusions.csv, from which nobody can solve for a count that `rates` does not show.

    The rise over epsilon is then the one of the rates as they are shared. Other conclusions that
    such a count is part of are left out, and so are all of an attack at least half of whose counts
    are hidden, since the error tells them.

    left_out:     by attack, rows that `rates` lacks
    few_at_first: attacks with a count to hide at an iteration of the operating epsilon
    """
    rows = []
    for row in table.to_dict("records"):
        ends = row["estimate"], row["ci_low"], row["ci_high"]
        if not all(isinstance(end, float | int) and math.isfinite(end) for end in ends):
            continue
        of_attack = rates[rates["attack"] == row["attack"]]
        n_hidden = int(of_attack["n_flipped"].isna().sum())
        if 2 * n_hidden >= len(of_attack):  # also of an attack without any rate
            continue
        is_complete = not n_hidden and not left_out[row["attack"]]
        digits = 3
        if row["conclusion"] in SHARES:
            pairs = independent_images(*ends)
            estimate, error = arcsine(row["estimate"]), arcsine_error(pairs)
        else:
            estimate, error = row["estimate"], half_width_error(row["ci_low"], row["ci_high"])
        if row["conclusion"] == "grows_with_epsilon" and not is_complete:
            estimate, digits = _mean_rise(of_attack), 2
        tells_a_count = {
            "histology_less_sensitive": not is_complete,
            "levels_off": row["attack"] in few_at_first or left_out[row["attack"]] > 0,
        }
        if tells_a_count.get(row["conclusion"], False):
            continue
        # An interval without a width says nothing of the spread.
        if not (error > 0 and math.isfinite(estimate)):
            continue
        rows.append(
            {
                **{key: row[key] for key in ("conclusion", "attack", "verdict", "unit")},
                "estimate": round(estimate, 6),
                "standard_error": float(f"{error:.{digits}g}"),
                "scale": ARCSINE if row["conclusion"] in SHARES else IDENTITY,
                "statistic": row["statistic"],
                "n": int(row["n"]),
            }
        )
    return pd.DataFrame(rows, columns=list(CONCLUSION_COLUMNS))


def _few_at_an_iteration(
    description: StudyDescription, asr: pd.DataFrame, smallest: int
) -> set[str]:
    """Attacks with a count to hide at any iteration of the operating epsilon, in a main network."""
    points = description.settings["operating_points"]
    asr = as_counted(asr[asr["role"] == "main"], description.settings["measures"]["success"])
    rows = asr[asr["epsilon"] == asr["attack"].map(operating_epsilons(asr, points["epsilon"]))]
    rows = rows[rows["iteration"] > 0]
    return {
        str(attack)
        for attack, n, flipped in zip(
            rows["attack"], rows["n_attacked"], rows["n_flipped"], strict=True
        )
        if _is_hidden(flipped, n, smallest)
    }


def _is_hidden(flipped: int, attacked: int, smallest: int) -> bool:
    return any(0 < count < smallest for count in (flipped, attacked - flipped))


def _mean_rise(rates: pd.DataFrame) -> float:
    """The mean over groups of the rise over epsilon, of rates as they are shared."""
    rises = [
        rise_of(rate_of(of_group.sort_values("epsilon")["estimate"])[None])[0]
        for _, of_group in rates[rates["reached"]].groupby("group")
    ]
    return float(np.nanmean(rises))


def _attack(description: StudyDescription, name: str) -> dict[str, Any]:
    settings = description.settings["attacks"][name]
    return {key: value for key, value in settings.items() if key not in NOT_THE_ATTACK} | {
        "epsilons": list(settings["epsilon"])
    }


def _group(
    description: StudyDescription, tables: Mapping[str, pd.DataFrame], group: str
) -> dict[str, Any]:
    networks = _main(tables["networks"])
    row = networks[networks["group"] == group].iloc[0]
    image = description.settings["groups"][group]["image"]
    values = (
        description.modality[group],
        dict(description.classes[group]),
        str(row["network"]),
        image["size"],
        round(float(row["accuracy"]), 3),
        int(row["n_images"]),
        None if pd.isna(row["n_patients"]) else int(row["n_patients"]),
    )
    return dict(zip(_GROUP_KEYS, values, strict=True))


# --- in words -------------------------------------------------------------------------------------


def in_words(study: SharedStudy) -> list[str]:
    """All that is given away, as sentences for its owner."""
    return list(_sentences(study))


def _sentences(study: SharedStudy) -> Iterable[str]:
    about, rates, conclusions = study.about, study.rates, study.conclusions
    yield f"Name of the study, as readers will see it: {study.name}."
    yield (
        f"Of the study as a whole: whether its data are synthetic ({_yes(about['synthetic'])}), "
        f"the definition of success ({about['success']}), the operating point, the version of "
        f"pgdose ({about['pgdose']}), and the SHA-256 of its manifest, which tells shares of one "
        "study from those of two."
    )
    for group, of in about["groups"].items():
        patients = "unknown" if of["n_patients"] is None else f"{of['n_patients']:,}"
        classes = ", ".join(f"{name}: {title}" for name, title in of["classes"].items())
        yield (
            f"Group {group}: {of['modality']} images, classes {classes}; network {of['network']} "
            f"at {of['size']} px, accuracy {of['accuracy']:g} on {of['n_images']:,} validation "
            f"images; patients: {patients}."
        )
    for attack, of in about["attacks"].items():
        parts = ", ".join(
            f"{key} {setting_text(value)}" for key, value in of.items() if value is not None
        )
        yield f"Attack {attack}: {parts}."
    hidden = int(rates["n_flipped"].isna().sum())
    yield (
        f"Success rates: {len(rates)} rows, each of one group, attack and epsilon at the operating "
        "iteration: patients, attacked and flipped images, the rate on a scale for pooling, its "
        "standard error, and the names of failed checks."
    )
    yield (
        f"{hidden} counts from 1 to {about['smallest_count'] - 1} are not shown, and "
        f"{about['rows_left_out']} rows of fewer than {max(about['smallest_count'], FEWEST)} "
        f"patients or {about['smallest_count']} images are left out."
    )
    yield (
        f"Conclusions of the paper: {len(conclusions)} rows, each with an estimate, its standard "
        "error, the verdict and how many patients, groups or trainings it rests on. None "
        "from which a count could be worked out that is not shown."
    )
    yield (
        "Nothing else: no record ids, images, networks, paths, reports, draws by patient, or dates "
        "but that of the sharing."
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def readme(study: SharedStudy) -> str:
    """README.txt: what lies in the folder."""
    lines = [
        "Results of a pgdose study, to be pooled with others: pgdose pool FOLDER FOLDER ...",
        "",
        *(f"- {sentence}" for sentence in in_words(study)),
        "",
        "rates.csv",
        *(f"  {name}: {meaning}" for name, meaning in RATE_COLUMNS.items()),
        "",
        "conclusions.csv",
        *(f"  {name}: {meaning}" for name, meaning in CONCLUSION_COLUMNS.items()),
    ]
    return "\n".join(lines) + "\n"
