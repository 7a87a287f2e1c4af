"""`pgdose gate RESULTS`: holds the results of a study to a limit, for continuous integration.

The limits are those of the study's section `acceptance`, or one of the command line. Both are
judged by `analysis.acceptance`, from the response surfaces themselves.
"""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from pgdose.analysis import acceptance
from pgdose.analysis.acceptance import FAIL, PASS, UNDECIDED, RunFiles
from pgdose.errors import UserError
from pgdose.manifest import comparison, document
from pgdose.manifest.document import Entry, Manifest
from pgdose.manifest.files import shown
from pgdose.study.acceptance import Limit
from pgdose.study.doses import Doses
from pgdose.study.suggestions import nearest, one_of
from pgdose.tables import result_csv

CURVES, LIMITS = "tables/asr.csv", "tables/acceptance.csv"
ROLES = ("main", "repeat", "further")  # not those trained on a part of the images
SHOWN = 3  # networks that the line names


def gate(results: Path, wanted: dict[str, Any], groups: Sequence[str]) -> pd.DataFrame:
    """A row for each limit and network, with its verdict; see `analysis.acceptance`.

    Args:
        results: the results folder of a study that has come to its end.
        wanted: attack, epsilon, max_asr and confidence of a limit; without attack, epsilon and
            max_asr the limits of the study count.
        groups: those that are looked at; empty for all.

    UserError if the results are not whole, or do not have what the limit is about.
    """
    manifest = document.read_finished(results)
    if CURVES not in {entry.path for entry in manifest.entries}:
        raise UserError(
            f"{shown(results)}: its manifest does not list {CURVES}, so there is nothing to judge; "
            "give the results folder of a study that has come to its end"
        )
    _check_whole(results, manifest, [CURVES, LIMITS])
    curves = result_csv.read_csv(results / CURVES)
    curves = curves[curves["role"].isin(ROLES)]
    for group in groups:
        _check_known("--group", group, curves["group"], "a group of these results")
    limits = _limits(results, manifest, wanted, groups)
    for limit in limits:
        _check_measured(limit, curves)
    runs = _runs(results, manifest, curves, limits)
    return acceptance.judge_all(limits, runs)


def _limits(
    results: Path, manifest: Manifest, wanted: dict[str, Any], groups: Sequence[str]
) -> list[Limit]:
    given = {key: value for key, value in wanted.items() if value is not None}
    needed = [key for key in ("attack", "epsilon", "max_asr") if key not in given]
    if not needed:
        return [Limit.model_validate({**given, "groups": list(groups)})]
    if given:
        options = ", ".join(f"--{key.replace('_', '-')}" for key in needed)
        raise UserError(f"a limit of the command line needs {options} too; give it all")
    if not any(entry.path == LIMITS for entry in manifest.entries):
        raise UserError(
            "the study sets no limit; give --attack, --epsilon and --max-asr, or add `acceptance` "
            "to the study and run it again"
        )
    rows = result_csv.read_csv(results / LIMITS)
    rows = rows[rows["group"].isin(groups)] if groups else rows
    if rows.empty:
        raise UserError("the study's limits are for none of these groups; give others")
    keys = ["attack", "epsilon", "max_asr", "confidence"]
    return [
        Limit.model_validate(
            dict(zip(keys, key, strict=True)) | {"groups": of_limit["group"].unique().tolist()}
        )
        for key, of_limit in rows.groupby(keys, sort=False)
    ]


def _check_measured(limit: Limit, curves: pd.DataFrame) -> None:
    """UserError if these results do not have the limit's attack at its epsilon."""
    _check_known("--attack", limit.attack, curves["attack"], "an attack of these results")
    of_attack = curves.loc[curves["attack"] == limit.attack, "epsilon"]
    doses = Doses(tuple(sorted(of_attack.unique())), 1)
    if doses.level_of(limit.epsilon) is None:
        near = doses.epsilons[doses.nearest_level(limit.epsilon)]
        raise UserError(
            f"--epsilon: {limit.epsilon:g} was not measured by attack {limit.attack}; the nearest "
            f"that was is {near:g}; all are {', '.join(f'{e:g}' for e in doses.epsilons)}"
        )


def _check_known(option: str, name: str, column: pd.Series, what: str) -> None:
    names = [str(choice) for choice in column.unique()]
    if name not in names:
        raise UserError(f"{option}: {name!r} is not {what}{nearest(name, names)}; {one_of(names)}")


def _runs(
    results: Path, manifest: Manifest, curves: pd.DataFrame, limits: Sequence[Limit]
) -> list[RunFiles]:
    """The networks that the limits are for; their files are as the manifest lists them."""
    listed = {entry.path for entry in manifest.entries}
    attacks = list(dict.fromkeys(limit.attack for limit in limits))
    identities = curves[["group", "run", "role", "size", "repeat"]].drop_duplicates()
    runs, needed = [], []
    for row in identities.to_dict("records"):
        if not any(not limit.groups or row["group"] in limit.groups for limit in limits):
            continue
        group = f"groups/{row['group']}"
        folder = f"{group}/{row['run']}"
        surfaces = {
            attack: sorted(
                path
                for path in listed
                if PurePosixPath(path).parent == PurePosixPath(folder, attack, "surface")
            )
            for attack in attacks
        }
        files = [f"{group}/members.parquet", f"{folder}/network.safetensors"]
        absent = [attack for attack, paths in surfaces.items() if not paths]
        if absent or set(files) - listed:
            raise UserError(f"{folder}: the manifest lists no surface or network; run it again")
        needed += [*files, *(path for paths in surfaces.values() for path in paths)]
        runs.append(
            RunFiles(
                {str(key): value for key, value in row.items()},
                results / files[0],
                results / files[1],
                {attack: [results / path for path in paths] for attack, paths in surfaces.items()},
            )
        )
    _check_whole(results, manifest, needed)
    return runs


def _check_whole(results: Path, manifest: Manifest, paths: Sequence[str]) -> None:
    """UserError unless these files, as far as they are listed, are as the manifest has them."""
    entries: list[Entry] = [entry for entry in manifest.entries if entry.path in set(paths)]
    if faults := comparison.faults_of(results, entries):
        lines = "\n".join(f"  {line}" for line in faults)
        raise UserError(
            f"these results are not as they were written, so nothing is judged:\n{lines}"
        )


# --- what is printed and written ------------------------------------------------------------------


def summary(rows: pd.DataFrame) -> str:
    """One line: the verdict on all networks, and those that do not keep their limit."""
    counts = rows["verdict"].value_counts()
    not_kept = rows[rows["verdict"] != PASS].sort_values("verdict")  # fail, undecided
    verdict = "PASS" if not_kept.empty else ("FAIL" if counts.get(FAIL, 0) else "UNDECIDED")
    kept = f"{counts.get(PASS, 0)} of {len(rows)} limits are surely kept"
    broken = [f"{counts[FAIL]} broken"] if counts.get(FAIL, 0) else []
    unsure = [f"{counts[UNDECIDED]} undecided"] if counts.get(UNDECIDED, 0) else []
    names = [
        f"{row['group']}/{row['run']}: {acceptance.sentence(row)}"
        for _, row in not_kept.head(SHOWN).iterrows()
    ]
    more = [f"and {len(not_kept) - SHOWN} more"] if len(not_kept) > SHOWN else []
    unknown = rows["n_patients"].isna().any()
    patients = ["patients are not known, so each image counts as one"] * bool(unknown)
    parts = [", ".join([kept, *broken, *unsure]), *names, *more, *patients]
    return f"{verdict}: " + "; ".join(parts)


def write_json(rows: pd.DataFrame, path: Path) -> None:
    records = json.loads(rows.to_json(orient="records"))
    passed = bool((rows["verdict"] == PASS).all())
    text = json.dumps({"passed": passed, "limits": records}, indent=2, ensure_ascii=False)
    _write(path, f"{text}\n".encode())


def write_junit(rows: pd.DataFrame, path: Path) -> None:
    """A test case for each limit and network; an undecided one counts as failed, and says so."""
    failures = str(int((rows["verdict"] != PASS).sum()))
    suite = ElementTree.Element(
        "testsuite", name="pgdose gate", tests=str(len(rows)), failures=failures, errors="0"
    )
    for _, row in rows.iterrows():
        limit = f"{row['attack']} at epsilon {row['epsilon']:g} flips at most {row['max_asr']:g}"
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"{row['group']}.{row['run']}", name=limit
        )
        if row["verdict"] != PASS:
            failure = ElementTree.SubElement(
                case, "failure", type=str(row["verdict"]), message=acceptance.sentence(row)
            )
            failure.text = acceptance.sentence(row)
    ElementTree.indent(suite)
    _write(path, ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True) + b"\n")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; give another path") from None
