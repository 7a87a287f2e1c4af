"""`pgdose share RESULTS -o FOLDER`: a small folder to give away, listed in words beforehand."""

import sys
from pathlib import Path

from pgdose.atlas import sharing
from pgdose.atlas.shared_study import write_study
from pgdose.errors import UserError
from pgdose.manifest.files import shown


def share(
    results: Path, folder: Path, name: str | None, smallest_count: int, yes: bool
) -> list[str]:
    """Write the folder once its owner agrees; the lines to print afterwards.

    Without a terminal nobody can be asked, and `yes` must be given.
    """
    study = sharing.shared_study(results, name, smallest_count)
    print(f"{shown(folder)} will hold:")
    for sentence in sharing.in_words(study):
        print(f"- {sentence}")
    sys.stdout.flush()
    if not yes:
        _ask()
    write_study(study, sharing.readme(study), folder)
    return [f"Written: {shown(folder)}. Give away the whole folder."]


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UserError("nothing was written; read the list above, then start again with --yes")
    if input("Write it? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("nothing was written")
