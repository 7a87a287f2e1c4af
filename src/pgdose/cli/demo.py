"""`pgdose demo`: a small study of the synthetic hospital, in a folder of its own.

It needs no data and no checkout: the study is a file of resources/studies/, and the synthetic
hospital a package beside pgdose.
"""

import shlex
import shutil
from pathlib import Path

from pgdose.cli.outcome_lines import main_numbers
from pgdose.cli.workflow import run_study
from pgdose.errors import UserError
from pgdose.project_files import workflow_root
from pgdose.study.study_file import read_study_file

STUDY = "study.yaml"


def demo(folder: Path | None, quick: bool, cores: int) -> tuple[list[str], int]:
    """Write the study, unless it is there, and carry it out; closing lines, and the exit status."""
    name = "demo-quick" if quick else "demo"
    folder = folder or Path(f"pgdose-{name}")
    write_study(folder, name)
    print(f"The study is {folder / STUDY}; its images, tables and page come into {folder}/")
    status = run_study(Path(STUDY), ["--cores", str(cores), "--resources", "gpu=0"], folder)
    again = f"cd {shlex.quote(str(folder))} && pgdose run {STUDY} --cores {cores}"
    if status:
        return [f"The study did not finish. To continue it: {again}"], 1
    return [
        *main_numbers(folder / "results" / name),
        "Open the page in a browser. docs/tutorials/demo.md explains it.",
        f"To go on, edit {folder / STUDY} (another epsilon, say), then: {again}",
    ], 0


def write_study(folder: Path, name: str) -> None:
    """Copy the study of this name into the folder; one that is there stays if it has the name."""
    study = folder / STUDY
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not study.exists():
            if any(folder.iterdir()):
                raise UserError(f"{folder}/ holds other files; name a new folder")
            shutil.copy(workflow_root() / "resources" / "studies" / f"{name}.yaml", study)
    except OSError as error:
        raise UserError(
            f"{folder}: {error.strerror}; name a folder that you may write to"
        ) from None
    found = read_study_file(study).content.get("study")
    if found != name:
        raise UserError(f"{study} is the study {found!r}, not {name!r}; name another folder")
