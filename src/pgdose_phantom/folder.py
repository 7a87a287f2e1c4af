"""Folders that a writer of the synthetic hospital may clear: only those that it made itself."""

import shutil
from pathlib import Path

from pgdose.errors import UserError


def fresh_folder(root: Path) -> Path:
    """Make `root` an empty folder. What an earlier run wrote there is removed.

    A note beside the folder, `.<name>.phantom`, says that it was made here. Raises UserError
    for a folder that holds something and has no such note: it may be a real archive.
    """
    note = root.with_name(f".{root.name}.phantom")
    if root.exists() and any(root.iterdir()) and not note.exists():
        raise UserError(
            f"phantom.root: {str(root)!r} holds files that the synthetic hospital did not write; "
            "give another folder"
        )
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    return root
