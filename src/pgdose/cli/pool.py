"""`pgdose pool FOLDER FOLDER ... -o ATLAS`: an atlas of several studies, from what they shared."""

from collections.abc import Sequence
from pathlib import Path

from pgdose.atlas.comparability import SetApart
from pgdose.atlas.pooling import Atlas, make_atlas
from pgdose.atlas.shared_study import OtherVersionError, read_study
from pgdose.errors import UserError
from pgdose.manifest.files import shown
from pgdose.report.atlas_page import headline, write_atlas
from pgdose.report.provenance import versions
from pgdose.tables import result_csv

PAGE = "atlas.html"
#: The tables of an atlas, by the field of `Atlas` that holds them.
TABLES = {
    "rates": "rates",
    "units": "pooled_units",
    "pooled": "pooled_rates",
    "conclusions": "conclusions",
    "pooled_conclusions": "pooled_conclusions",
    "leave_one_out": "leave_one_out",
    "differences": "differences",
}


def pool(folders: Sequence[Path], target: Path) -> list[str]:
    """Write atlas.html and its tables into a folder; the lines to print."""
    if target.exists() and not target.is_dir():
        raise UserError(f"{shown(target)} is a file; give a folder")
    if (target / PAGE).exists():
        raise UserError(f"{shown(target)} holds an atlas; give another folder, or delete this one")
    studies, apart = [], []
    for folder in folders:
        try:
            studies.append(read_study(folder))
        except OtherVersionError as error:
            apart.append(SetApart(folder.name, "the whole study", str(error)))
    atlas = make_atlas(studies, apart)
    try:
        (target / "tables").mkdir(parents=True, exist_ok=True)
        for field, name in TABLES.items():
            result_csv.write_csv(getattr(atlas, field), target / f"tables/{name}.csv")
        write_atlas(target / PAGE, atlas, versions())
    except OSError as error:
        raise UserError(
            f"{shown(target)} cannot be written: {error.strerror}; give another folder"
        ) from None
    return _lines(atlas, target)


def _lines(atlas: Atlas, target: Path) -> list[str]:
    lines = [headline(atlas)]
    lines += [f"Set apart: {of.study}, {of.what}: {of.why}." for of in atlas.apart]
    return [*lines, f"Look at {shown(target / PAGE)}."]
