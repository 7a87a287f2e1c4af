"""The folder that a study gives away: a few small files, and a manifest of its own.

    share.json        settings of the study without paths, its groups and attacks
    rates.csv         success rates: a row for each group, attack and epsilon
    conclusions.csv   the paper's conclusions with standard errors
    README.txt        the same in words
    manifest.sha256   checksums of these

`pgdose pool` reads nothing else. docs/reference/shared-results.md has every key and column.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from pgdose.atlas.shared_schema import About, Conclusion, Rate, first_mistake
from pgdose.errors import UserError
from pgdose.manifest import comparison, document
from pgdose.manifest.document import Entry
from pgdose.manifest.files import MANIFEST, describe, is_folder, sha256_of, shown, walk
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
    "standard_error": "of the estimate; of such a rise that of the shared rates, too",
    "scale": "identity, or arcsine of the square root of a share",
    "statistic": "what the estimate is",
    "verdict": "supported, contradicted or undecided, in this study; of such a rise by its own "
    "interval",
    "n": "how many patients, groups or trainings it rests on; of such a rise the patients of its "
    "largest group",
    "unit": "which of them",
}
AGAIN = "ask its owner for it again"


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


def check_new_folder(folder: Path) -> None:
    """UserError unless nothing, or an empty folder, stands at a path."""
    try:
        if not is_folder(folder) and (folder.exists() or folder.is_symlink()):
            raise UserError(f"{shown(folder)} is a file; give a folder")
        if is_folder(folder) and any(folder.iterdir()):
            raise UserError(f"{shown(folder)} is there and not empty; give a new folder")
    except OSError as error:
        raise UserError(f"{shown(folder)} {describe(error)}; give another folder") from None


def write_study(study: SharedStudy, readme: str, folder: Path) -> None:
    """Write the folder, which must be new or empty.

    UserError too if share.json would hold what `read_study` refuses, such as a title that is long.
    """
    check_new_folder(folder)
    try:
        About.model_validate(study.about)
    except ValidationError as error:
        raise UserError(
            f"{ABOUT}: {first_mistake(error)}; change it in the study, and run that again"
        ) from None
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
        UserError: it is none, was changed, or holds what `write_study` cannot have written; the
            message names the file, and the key, or the row and column.
        OtherVersionError: another version of pgdose wrote it in another format.
    """
    _check_whole(folder)
    about = _about(folder / ABOUT)
    rates = _table(folder / RATES, RATE_COLUMNS, Rate, ("group", "attack", "epsilon"))
    conclusions = _table(
        folder / CONCLUSIONS, CONCLUSION_COLUMNS, Conclusion, ("conclusion", "attack")
    )
    if rates.empty:
        raise UserError(f"{shown(folder / RATES)} has no row; {AGAIN}")
    for file, table in ((RATES, rates), (CONCLUSIONS, conclusions)):
        for column, key in (("group", "groups"), ("attack", "attacks")):
            if column in table and (unknown := set(table[column]) - set(about[key])):
                raise UserError(
                    f"{shown(folder / file)}: {column} {sorted(unknown)[0]!r} is not among the "
                    f"{key} of {ABOUT}; {AGAIN}"
                )
    whole = {"n_patients": "Int64", "n_flipped": "Int64"}  # they have empty cells
    return SharedStudy(about, rates.astype(whole), conclusions)


def _check_whole(folder: Path) -> None:
    """UserError unless the folder holds the files of a share as its manifest lists them."""
    if not is_folder(folder):
        what = f"{shown(folder)} is a file" if folder.exists() else f"there is no {shown(folder)}"
        raise UserError(f"{what}; give folders of `pgdose share`")
    try:
        manifest = document.read(folder, AGAIN)
    except FileNotFoundError:
        raise UserError(
            f"{shown(folder)} has no {MANIFEST}, so it is no folder of `pgdose share`, or was "
            "copied in part; give the whole folder"
        ) from None
    in_manifest = {entry.path for entry in manifest.entries}
    if ABOUT not in in_manifest:
        raise UserError(
            f"{shown(folder)} is no folder of `pgdose share`; of a results folder make one first: "
            f"pgdose share {shown(folder)} -o FOLDER"
        )
    if missing := {RATES, CONCLUSIONS} - in_manifest:
        raise UserError(f"{shown(folder / MANIFEST)} does not list {min(missing)}; {AGAIN}")
    if faults := comparison.faults_of(folder, manifest.entries, AGAIN):
        lines = "\n".join(f"  {line}" for line in faults)
        raise UserError(f"{shown(folder)} was changed after it was shared:\n{lines}")
    if added := sorted(set(walk(folder, lambda _: None)) - in_manifest):
        lines = "\n".join(f"  {shown(folder / path)}" for path in added)
        raise UserError(f"These do not belong in a shared folder; delete them:\n{lines}")


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(_text(path))
    except (ValueError, RecursionError):  # of lists in lists
        raise UserError(f"{shown(path)} is no JSON; {AGAIN}") from None
    version = about.get("format_version") if isinstance(about, dict) else FORMAT_VERSION
    if version != FORMAT_VERSION:
        raise OtherVersionError(
            f"format version {shown(repr(version)[:40])}; this pgdose reads {FORMAT_VERSION}"
        )
    try:
        About.model_validate(about)
    except ValidationError as error:
        raise UserError(f"{shown(path)}: {first_mistake(error)}; {AGAIN}") from None
    return dict(about)


def _table(
    path: Path, columns: Mapping[str, str], row_model: type[BaseModel], keys: Sequence[str]
) -> pd.DataFrame:
    """A table whose rows fit the model; no two of them have the same keys."""
    _text(path)
    try:
        cells = result_csv.read_csv(path, all_texts=True)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"{shown(path)} is no table: {shown(str(error).strip())}; {AGAIN}"
        ) from None
    if list(cells.columns) != list(columns) or not isinstance(cells.index, pd.RangeIndex):
        raise UserError(f"{shown(path)}: its columns are not {', '.join(columns)}; {AGAIN}")
    rows, places = [], dict[tuple[Any, ...], int]()
    for place, row in enumerate(cells.astype(object).to_dict("records"), start=2):
        cells_of = {name: None if pd.isna(cell) else cell for name, cell in row.items()}
        try:
            rows.append(row_model.model_validate(cells_of).model_dump())
        except ValidationError as error:
            raise UserError(
                f"{shown(path)}, row {place}: {first_mistake(error)}; {AGAIN}"
            ) from None
        values = (rows[-1][name] for name in keys)
        key = tuple(same_dose(of) if isinstance(of, float) else of for of in values)
        if places.setdefault(key, place) != place:
            stated = ", ".join(f"{name} {row[name]}" for name in keys)
            raise UserError(
                f"{shown(path)}, row {place}: {stated} stands in row {places[key]} too; {AGAIN}"
            )
    return pd.DataFrame(rows, columns=list(columns))


def same_dose(epsilon: float) -> float:
    """An epsilon as it is compared with others, with six digits."""
    return float(f"{epsilon:.6g}")


def _text(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{shown(path)} is larger than {MOST_BYTES // 2**20} MB, so it is no share")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{shown(path)} is no text; {AGAIN}") from None
