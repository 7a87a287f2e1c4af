"""Folders that a writer of the synthetic hospital may clear: only those that it made itself."""

import shutil
from pathlib import Path


def fresh_folder(root: Path) -> Path:
    """Make `root` an empty folder. What an earlier run wrote there is removed.

    A note beside the folder, `.<name>.phantom`, says that it was made here. Raises FileExistsError
    for a folder that holds something and has no such note: it may be a real archive.
    """
    note = root.with_name(f".{root.name}.phantom")
    if root.exists() and any(root.iterdir()) and not note.exists():
        raise FileExistsError(f"{root} holds files that the synthetic hospital did not write")
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    return root
