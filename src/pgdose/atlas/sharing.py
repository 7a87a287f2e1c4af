"""From the results of a study to what it gives away: counts, estimates and settings, nothing else.

No record id, image, path, date or draw by patient is read. A group with fewer than
`smallest_count` patients or attacked images is left out; a count of flipped or unflipped images
from 1 to `smallest_count` - 1 is not shown, and half of `smallest_count` stands for it in the
estimate, so that small rates do not drop out and bias what is pooled. Nor may it follow from the
other numbers: see `_conclusions`. The same holds of the images that were wrong before an attack:
see `_group`.
"""

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.analysis.bootstrap import FEWEST, PATIENTS_NOT_KNOWN
from pgdose.analysis.conclusions import mean_over_groups
from pgdose.analysis.operating_point import at, operating_epsilons, operating_iterations
from pgdose.analysis.study_description import FILE, StudyDescription, read_description
from pgdose.analysis.success import as_counted
from pgdose.analysis.verdicts import MATTERS, UNDECIDED
from pgdose.atlas.comparability import setting_text
from pgdose.atlas.scales import (
    ARCSINE,
    IDENTITY,
    arcsine,
    arcsine_error,
    half_width_error,
    independent_images,
    interval,
)
from pgdose.atlas.shared_rise import rows_of_rise, shared_rise
from pgdose.atlas.shared_schema import LEAST_ERROR
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
RISE = "grows_with_epsilon"
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
    groups = {
        str(group): _group(description, tables["networks"], rows, smallest_count)
        for group, rows in rates.groupby("group", sort=False)
    }
    hidden = _rest_on_hidden_counts(description, tables["asr"], smallest_count)
    conclusions = _conclusions(tables["conclusions"], rates, left_out, hidden)
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
    left_out: Mapping[str, int],
    hidden: Container[tuple[str, str]],
) -> pd.DataFrame:
    """Rows of conclusions.csv, from which nobody can solve for a count that `rates` does not show.

    Those that such a count is part of are left out: the estimate, its error, the verdict and
    whether there is one at all may tell it. The rise over epsilon is then worked out anew from
    the rates as they are shared.

    left_out: by attack, rows that `rates` lacks
    hidden:   conclusions and attacks with a count to hide
    """
    rows = []
    for row in table.to_dict("records"):
        of_attack = rates[rates["attack"] == row["attack"]]
        is_complete = not left_out[row["attack"]] and (
            (row["conclusion"], row["attack"]) not in hidden
        )
        if of_attack.empty:
            continue
        if is_complete:
            numbers = _numbers(row)
        elif row["conclusion"] == RISE:
            numbers = _numbers_of_shared_rise(of_attack)
        else:
            continue
        if numbers:
            rows.append({"conclusion": row["conclusion"], "attack": row["attack"], **numbers})
    return pd.DataFrame(rows, columns=list(CONCLUSION_COLUMNS))


def _numbers(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Of a conclusion as the study has it; empty if it has no estimate or no spread."""
    ends = row["estimate"], row["ci_low"], row["ci_high"]
    if not all(isinstance(end, float | int) and math.isfinite(end) for end in ends):
        return {}
    estimate, error = row["estimate"], half_width_error(row["ci_low"], row["ci_high"])
    if row["conclusion"] in SHARES:
        estimate, error = arcsine(estimate), arcsine_error(independent_images(*ends))
    # An interval without a width says nothing of the spread.
    if not error >= LEAST_ERROR:
        return {}
    return {
        **{key: row[key] for key in ("verdict", "unit", "statistic")},
        **_rounded(estimate, error),
        "scale": ARCSINE if row["conclusion"] in SHARES else IDENTITY,
        "n": int(row["n"]),
    }


def _numbers_of_shared_rise(rates: pd.DataFrame) -> dict[str, Any]:
    """Of the rise of one attack's shared rates; empty if no group has one.

    `n` is of the largest group, since the patients of several may be the same.
    """
    groups = rows_of_rise(rates)
    if not groups:
        return {}
    estimate, error = shared_rise(groups)
    low, high = interval(estimate, error)
    return {
        "verdict": "supported" if low > 0 else "contradicted" if high < MATTERS else UNDECIDED,
        **_rounded(estimate, error),
        **{"scale": IDENTITY, "statistic": mean_over_groups("rise"), "unit": "patients"},
        "n": max(int(of_group["n_patients"].max()) for of_group in groups),
    }


def _rounded(estimate: float, error: float) -> dict[str, float]:
    return {"estimate": round(estimate, 6), "standard_error": float(f"{error:.3g}")}


def _rest_on_hidden_counts(
    description: StudyDescription, asr: pd.DataFrame, smallest: int
) -> set[tuple[str, str]]:
    """Conclusions and attacks with a count to hide, in any training that they rest on."""
    points = description.settings["operating_points"]
    asr = as_counted(asr[asr["role"] != "further"], description.settings["measures"]["success"])
    at_iteration = asr["iteration"] == asr["attack"].map(
        operating_iterations(asr, points["iterations"])
    )
    at_epsilon = asr["epsilon"] == asr["attack"].map(operating_epsilons(asr, points["epsilon"]))
    of_full_size = asr["role"] != "sized"
    rests_on = {
        **dict.fromkeys(
            (RISE, "histology_less_sensitive", "drops_above_confidence"),
            at_iteration & of_full_size,
        ),
        "levels_off": at_epsilon & (asr["iteration"] > 0) & of_full_size,
        "training_size": at_iteration & at_epsilon,
    }
    attacked, flipped = asr["n_attacked"], asr["n_flipped"]
    is_hidden = (attacked < smallest) | _is_hidden(flipped, attacked, smallest)
    return {
        (conclusion, str(attack))
        for conclusion, rows in rests_on.items()
        for attack in asr.loc[rows & is_hidden, "attack"].unique()
    }


def _is_hidden(flipped: Any, attacked: Any, smallest: int) -> Any:
    """Whether a count is not shown; of columns, for each row."""
    return _is_few(flipped, smallest) | _is_few(attacked - flipped, smallest)


def _is_few(count: Any, smallest: int) -> Any:
    return (count > 0) & (count < smallest)


def _attack(description: StudyDescription, name: str) -> dict[str, Any]:
    settings = description.settings["attacks"][name]
    return {key: value for key, value in settings.items() if key not in NOT_THE_ATTACK} | {
        "epsilons": list(settings["epsilon"])
    }


def _group(
    description: StudyDescription, networks: pd.DataFrame, rates: pd.DataFrame, smallest: int
) -> dict[str, Any]:
    """What share.json says of a group; `rates` are its rows of rates.csv.

    From 1 to `smallest` - 1 images that were wrong before the attack are not told: half of
    `smallest` stands for them in the accuracy. Neither images nor patients may then differ from
    those that were attacked by so few, so the images are left out, and the patients are those of
    the attacked images.
    """
    group = rates["group"].iloc[0]
    networks = _main(networks)
    row = networks[networks["group"] == group].iloc[0]
    total, accuracy = int(row["n_images"]), float(row["accuracy"])
    attacked, of_attacked = set(rates["n_attacked"]), set(rates["n_patients"].dropna())
    n_images = None if any(_is_few(total - n, smallest) for n in attacked) else total
    if n_images is None or _is_few(round(total * (1 - accuracy)), smallest):
        size = max(attacked) + smallest / 2 if n_images is None else n_images
        accuracy = 1 - smallest / 2 / size
    n_patients = None if pd.isna(row["n_patients"]) else int(row["n_patients"])
    if n_patients is not None and (
        n_images is None or any(_is_few(n_patients - n, smallest) for n in attacked | of_attacked)
    ):
        n_patients = int(max(of_attacked)) if of_attacked else None
    values = (
        description.modality[group],
        dict(description.classes[group]),
        str(row["network"]),
        description.settings["groups"][group]["image"]["size"],
        round(accuracy, 3),
        n_images,
        n_patients,
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
        images = "" if of["n_images"] is None else f" on {of['n_images']:,} validation images"
        yield (
            f"Group {group}: {of['modality']} images, classes {classes}; network {of['network']} "
            f"at {of['size']} px, accuracy {of['accuracy']:g}{images}; patients: {patients}."
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
        f"Where 1 to {about['smallest_count'] - 1} images were wrong before the attack, "
        f"{about['smallest_count'] / 2:g} stands for them in the accuracy, and the patients are "
        "those of the attacked images. The number of validation images is not given if it tells "
        "them."
    )
    yield (
        f"Conclusions of the paper: {len(conclusions)} rows, each with an estimate, its standard "
        "error, the verdict and how many patients, groups or trainings it rests on. None rests on "
        "a count that is not shown; a rise over epsilon is then the one of the shared rates."
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
