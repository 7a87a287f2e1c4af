"""What the synthetic hospital wrote, by content."""

import hashlib
from pathlib import Path


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder, by its relative path."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
