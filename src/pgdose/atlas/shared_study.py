"""The folder that a study gives away: a few small files, and a manifest of its own.

    share.json        settings of the study without paths, its groups and attacks
    rates.csv         success rates: a row for each group, attack and epsilon
    conclusions.csv   the paper's conclusions with standard errors
    README.txt        the same in words
    manifest.sha256   checksums of these

`pgdose pool` reads nothing else. docs/reference/shared-results.md has every key and column.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pgdose.errors import UserError
from pgdose.manifest import comparison, document
from pgdose.manifest.document import Entry
from pgdose.manifest.files import MANIFEST, is_folder, sha256_of, shown
from pgdose.names import NAME_RULE, is_name
from pgdose.tables import result_csv
from pgdose.tables.output_files import atomic

FORMAT_VERSION = 1  # raise it when a key or column goes or changes its meaning
ABOUT = document.SHARED
RATES, CONCLUSIONS, README = "rates.csv", "conclusions.csv", "README.txt"
MOST_BYTES = 64 * 2**20  # of a file: a study of the paper's size has 0.2 MB

RATE_COLUMNS = {
    "group": "study group",
    "attack": "name of the attack in the study",
    "epsilon": "amplitude, in units of the full intensity range [0, 1]",
    "iteration": "operating iteration of the attack",
    "n_patients": "patients of the attacked images; empty where nobody knows them",
    "n_attacked": "images that were right before the attack",
    "n_flipped": "those of them that are wrong after it; empty if they, or the others, are fewer "
    "than `smallest_count` and not 0",
    "estimate": "success rate on the scale; of a count that is not shown, half of `smallest_count` "
    "stands for it",
    "standard_error": "of the estimate, by patients; of a count that is not shown, that of as many "
    "independent images as patients",
    "scale": "arcsine: of the square root of the rate",
    "reached": "whether the attack reached this amplitude; else it is a copy of a lower one",
    "failed_checks": "names of the attack's checks that failed, separated by ';'",
}
CONCLUSION_COLUMNS = {
    "conclusion": "one of the paper's five",
    "attack": "name of the attack in the study",
    "estimate": "on the scale; what it measures stands in `statistic`. A rise over epsilon that a "
    "hidden count is part of is the one of the shared rates",
    "standard_error": "of the estimate",
    "scale": "identity, or arcsine of the square root of a share",
    "statistic": "what the estimate is",
    "verdict": "supported, contradicted or undecided, in this study",
    "n": "how many patients, groups or trainings it rests on",
    "unit": "which of them",
}
_KEYS = ("name", "study_digest", "success", "operating", "groups", "attacks", "smallest_count")


@dataclass(frozen=True)
class SharedStudy:
    """What a study gives away.

    about:       share.json
    rates:       columns RATE_COLUMNS
    conclusions: columns CONCLUSION_COLUMNS
    """

    about: Mapping[str, Any]
    rates: pd.DataFrame
    conclusions: pd.DataFrame

    @property
    def name(self) -> str:
        return str(self.about["name"])


class OtherVersionError(Exception):
    """A folder whose format is not the one that this version of pgdose reads."""


def write_study(study: SharedStudy, readme: str, folder: Path) -> None:
    """Write the folder, which must be new or empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{shown(folder)} is there and not empty; give a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(study.about, indent=2, ensure_ascii=False, allow_nan=False)
        _write_text(folder / ABOUT, f"{text}\n")
        result_csv.write_csv(study.rates[list(RATE_COLUMNS)], folder / RATES)
        result_csv.write_csv(study.conclusions[list(CONCLUSION_COLUMNS)], folder / CONCLUSIONS)
        _write_text(folder / README, readme)
        entries = []
        for name in (ABOUT, RATES, CONCLUSIONS, README):
            size, digest = sha256_of(folder / name)
            entries.append(Entry(name, size, digest, name))
        document.write(entries, folder / MANIFEST, study.name)
    except OSError as error:
        raise UserError(
            f"{shown(folder)} cannot be written: {error.strerror}; give another folder"
        ) from None


def _write_text(path: Path, text: str) -> None:
    with atomic(path) as beside:
        beside.write_text(text, encoding="utf-8")


def read_study(folder: Path) -> SharedStudy:
    """Read a folder that `write_study` wrote, whole and unchanged.

    Raises:
        UserError: it is none, or was changed; the message names the file.
        OtherVersionError: another version of pgdose wrote it in another format.
    """
    if not is_folder(folder):
        raise UserError(f"there is no folder {shown(folder)}; give folders of `pgdose share`")
    try:
        manifest = document.read(folder)
    except FileNotFoundError:
        raise UserError(
            f"{shown(folder)} has no {MANIFEST}, so it is no folder of `pgdose share`, or was "
            "copied in part; give the whole folder"
        ) from None
    if ABOUT not in {entry.path for entry in manifest.entries}:
        raise UserError(
            f"{shown(folder)} is no folder of `pgdose share`; of a results folder make one first: "
            f"pgdose share {shown(folder)} -o FOLDER"
        )
    if faults := comparison.compare(folder, manifest).faults:
        lines = "\n".join(f"  {line.split(';')[0]}" for line in faults)
        raise UserError(
            f"{shown(folder)} was changed after it was shared; ask its owner for it again:\n{lines}"
        )
    about = _about(folder)
    rates = _table(folder / RATES, RATE_COLUMNS)
    conclusions = _table(folder / CONCLUSIONS, CONCLUSION_COLUMNS)
    study = SharedStudy(about, rates, conclusions)
    _check_numbers(folder, study)
    return study


def _about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    try:
        about = json.loads(_text(path))
    except ValueError:
        raise UserError(f"{shown(path)} is no JSON; ask its owner for it again") from None
    version = about.get("format_version") if isinstance(about, dict) else None
    if version != FORMAT_VERSION:
        raise OtherVersionError(f"format version {version!r}; this pgdose reads {FORMAT_VERSION}")
    if missing := [key for key in _KEYS if key not in about]:
        raise UserError(f"{shown(path)} lacks {', '.join(missing)}; ask its owner for it again")
    if not is_name(str(about["name"])):
        raise UserError(f"{shown(path)}: name: {about['name']!r} is no name: {NAME_RULE}")
    return dict(about)


def _table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    _text(path)
    try:
        table = result_csv.read_csv(path)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{shown(path)} is no table: {error}") from None
    if list(table.columns) != list(columns):
        raise UserError(f"{shown(path)}: its columns are not {', '.join(columns)}")
    return table


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{shown(path)} is larger than {MOST_BYTES // 2**20} MB, so it is no share")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{shown(path)} is no text; ask its owner for it again") from None


def _check_numbers(folder: Path, study: SharedStudy) -> None:
    """UserError unless what is pooled are numbers, of groups and attacks that share.json names."""
    for file, table in ((RATES, study.rates), (CONCLUSIONS, study.conclusions)):
        for column in ("estimate", "standard_error"):
            values = pd.to_numeric(table[column], errors="coerce").to_numpy(float)
            bad = [row for row, v in enumerate(values) if not math.isfinite(v)]
            if column == "standard_error":
                bad += [row for row, v in enumerate(values) if not v > 0]
            if bad:
                raise UserError(
                    f"{shown(folder / file)}, row {bad[0] + 2}: {column} is "
                    f"{values[bad[0]]:g}; it must be a number"
                    f"{' over 0' * (column == 'standard_error')}"
                )
        for column, key in (("group", "groups"), ("attack", "attacks")):
            if column in table and (unknown := set(table[column]) - set(study.about[key])):
                raise UserError(
                    f"{shown(folder / file)}: {column} {sorted(unknown)[0]!r} is not among the "
                    f"{key} of {ABOUT}"
                )
