"""`pgdose migrate STUDY`: rewrite an older study file for this version of pgdose."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pgdose.errors import UserError
from pgdose.study import migration
from pgdose.study.content_limits import read_limited
from pgdose.study.versions import MIGRATIONS, Migration
from pgdose.tables.output_files import atomic


def migrate(study: Path, migrations: Sequence[Migration] = MIGRATIONS) -> list[str]:
    """Rewrite a study file in its place; a line for each change. Comments and order stay.

    UserError if there is no such file, or it cannot be migrated; the file is as before then.
    """
    try:
        text = read_limited(study).decode("utf-8")  # keeps the ends of lines
    except FileNotFoundError:
        raise UserError(f"there is no file {study}; give the path of a study file") from None
    except OSError as error:
        raise UserError(f"{study}: {error.strerror}; give the path of a study file") from None
    except UserError as error:
        raise UserError(f"{study}: {error}") from None
    except UnicodeDecodeError:
        raise UserError(f"{study}: not UTF-8 text; save it as UTF-8") from None
    try:
        text, changes = migration.migrate(text, migrations)
    except UserError as error:
        raise UserError(f"{study}: {error}") from None
    if not changes:
        return [f"{study} is of the current version; nothing to change"]
    with atomic(study.resolve()) as temporary:  # behind a link
        temporary.write_bytes(text.encode("utf-8"))
        shutil.copymode(study, temporary)
    return [f"{study}: rewritten", *(f"  {change}" for change in changes)]
