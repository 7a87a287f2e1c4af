"""What Snakemake would not refuse at its start, though a study would run otherwise than meant."""

import argparse
import os
import re
from pathlib import Path

from pgdose.errors import UserError
from pgdose.study.suggestions import nearest, one_of

# In the path of the interpreter: Snakemake writes it unquoted into the shell commands of jobs.
NOT_IN_A_COMMAND = re.compile(r"[\s{[\"'\\()$&;|<>`*?]")


def check_profiles(snakefile: Path, arguments: list[str] | None = None) -> None:
    """UserError if a profile does not exist, or would not act as its author meant.

    `arguments` are those of Snakemake's command line. It ignores a --workflow-profile that does not
    exist. Of --profile it says so itself.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--workflow-profile")
    parser.add_argument("--profile", nargs="+", action="extend")
    options, _ = parser.parse_known_args(arguments)
    name, folders = options.workflow_profile, [Path("profiles"), snakefile.parent / "profiles"]
    if name and name != "none":
        names = _names(folders)
        if not any(path.exists() for path in (Path(name), *(f / name for f in folders))):
            raise UserError(
                f"--workflow-profile {name}: there is no such profile"
                f"{nearest(name, names) or ';'} {one_of(names)}, the folders below profiles/"
            )
        return
    for name in options.profile or os.environ.get("SNAKEMAKE_PROFILE", "").split():
        if name != "none" and any(Path(name).resolve().parent == f.resolve() for f in folders):
            raise UserError(
                f"--profile {name}: each key that profiles/default has too would be taken from "
                f"there; write --workflow-profile {Path(name).name}"
            )


def _names(folders: list[Path]) -> list[str]:
    """The profiles in these folders, each once."""
    names = {path.parent.name for folder in folders for path in folder.glob("*/config.yaml")}
    return sorted(names)


def check_checkout(snakefile: Path) -> None:
    """UserError if Snakemake would take a part of the checkout's path for a wildcard."""
    if "{" in str(snakefile) or "}" in str(snakefile):
        raise UserError(
            f"{snakefile.parent}: Snakemake reads braces in this path as a wildcard; rename the "
            "folder"
        )


def check_interpreter(executable: str) -> None:
    """UserError if the shell would not find the interpreter that Snakemake runs scripts with."""
    if character := NOT_IN_A_COMMAND.search(executable):
        raise UserError(
            f"{executable}: Snakemake cannot start jobs with an environment whose path has "
            f"{character.group()!r} in it; make the environment in a folder without spaces, "
            "quotes, parentheses and the like (folders of studies may have any name)"
        )
