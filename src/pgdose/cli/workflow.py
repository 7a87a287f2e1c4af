"""Starting Snakemake with the Snakefile of this installation, from whatever folder."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pgdose.errors import UserError
from pgdose.project_files import workflow_root

NO_SNAKEMAKE = (
    "snakemake is not installed here, and it carries studies out; install it with "
    "`pip install 'pgdose[workflow]'`"
)


def snakemake_command(study: Path, options: Sequence[str]) -> list[str]:
    """The command that carries a study out; the study comes first, since some options eat it."""
    if importlib.util.find_spec("snakemake") is None:
        raise UserError(NO_SNAKEMAKE)
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(workflow_root() / "Snakefile")]
    command = [*start, "--configfile", str(study)]
    if not any(o.split("=")[0] in ("--cores", "-c", "--jobs", "-j", "--executor") for o in options):
        command += ["--cores", str(os.cpu_count() or 1)]
    return [*command, *options]


def run_study(study: Path, options: Sequence[str], folder: Path | None = None) -> int:
    """Carry a study out in a folder (default: here); what Snakemake prints goes to the terminal.

    Returns Snakemake's exit status.
    """
    if not Path(folder or ".", study).is_file():
        raise UserError(f"there is no study file {str(study)!r}; correct the path")
    sys.stdout.flush()
    return subprocess.run(snakemake_command(study, options), cwd=folder).returncode
