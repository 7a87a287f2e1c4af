"""`pgdose pool FOLDER FOLDER ... -o ATLAS`: an atlas of several studies, from what they shared."""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pgdose.atlas.comparability import SetApart
from pgdose.atlas.pooling import Atlas, make_atlas
from pgdose.atlas.shared_study import OtherVersionError, check_new_folder, read_study
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
    check_new_folder(target)
    inside = [of for of in folders if target.resolve().is_relative_to(of.resolve())]
    if inside:
        raise UserError(f"{shown(target)} lies in {shown(inside[0])}; give a folder outside it")
    studies, apart = [], []
    for folder in folders:
        try:
            studies.append(read_study(folder))
        except OtherVersionError as error:
            name = folder.resolve().name or shown(folder)
            apart.append(SetApart(shown(name), "the whole study", str(error)))
    atlas = make_atlas(studies, apart)
    try:
        _write(atlas, target)
    except OSError as error:
        raise UserError(
            f"{shown(target)} cannot be written: {error.strerror}; give another folder"
        ) from None
    return _lines(atlas, target)


def _write(atlas: Atlas, target: Path) -> None:
    """Write into a folder that is new or empty; nothing stays there if an error ends it."""
    is_new = not target.exists()
    target.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=target, prefix=".unfinished-") as name:
            unfinished = Path(name)
            for field, table in TABLES.items():
                result_csv.write_csv(getattr(atlas, field), unfinished / f"tables/{table}.csv")
            write_atlas(unfinished / PAGE, atlas, versions())
            for path in list(unfinished.iterdir()):
                path.rename(target / path.name)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                target.rmdir()
        raise


def _lines(atlas: Atlas, target: Path) -> list[str]:
    lines = [headline(atlas)]
    lines += [f"Set apart: {of.study}, {of.what}: {of.why}." for of in atlas.apart]
    return [*lines, f"Look at {shown(target / PAGE)}."]
