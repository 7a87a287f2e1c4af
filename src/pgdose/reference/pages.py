"""Every generated page, by its path below the project's root."""

from importlib import import_module
from pathlib import Path

MODULES = [
    *("commands", "study_keys", "results", "shared_results", "attacks", "checks", "reasons", "api"),
]


def pages() -> dict[str, str]:
    """The text of every page, by its path such as docs/reference/commands.md."""
    result: dict[str, str] = {}
    for name in MODULES:
        made = import_module(f"pgdose.reference.{name}").pages()
        if twice := result.keys() & made.keys():
            raise ValueError(f"{', '.join(twice)}: two modules of pgdose.reference write it")
        result |= made
    return result


def outdated(root: Path) -> list[str]:
    """The pages below `root` that are missing, or are not what `pages` returns."""
    return [path for path, text in pages().items() if _read(root / path) != text]


def write(root: Path) -> list[str]:
    """Write the outdated pages below `root`; returns their paths."""
    texts = pages()
    paths = [path for path, text in texts.items() if _read(root / path) != text]
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(texts[path], encoding="utf-8")
    return paths


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
