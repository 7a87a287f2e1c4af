"""`pgdose init KIND [FILE]`: a study file with comments, to be filled in."""

import re
import shlex
from pathlib import Path

from pgdose.cli.init_kinds import KINDS
from pgdose.errors import UserError
from pgdose.names import is_name
from pgdose.project_files import workflow_root

OF_EXISTING_NETWORKS = ("network",)


def init(kind: str, path: Path | None) -> list[str]:
    """Write the study file of a kind of data; never in place of another file."""
    path = path or Path(f"{kind}.yaml")
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-")[:40]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(template(kind, name if is_name(name) else "mine"))
    except FileExistsError:
        raise UserError(f"{path} is there already; give another file name") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; give another path") from None
    quoted = shlex.quote(str(path))
    return [
        f"wrote {path}: {KINDS[kind]}",
        f"Set the names in capitals, then: pgdose check {quoted} && pgdose run {quoted}",
    ]


def template(kind: str, name: str) -> str:
    """The text of a kind's file; `name` is the study's."""
    folder = workflow_root() / "resources" / "init"
    parts = ["attacks"] if kind in OF_EXISTING_NETWORKS else ["training", "attacks"]
    files = [folder / f"{kind}.yaml", *(folder / "parts" / f"{part}.yaml" for part in parts)]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return text.replace("study: NAME # of the results folder, results/NAME", f'study: "{name}"')
