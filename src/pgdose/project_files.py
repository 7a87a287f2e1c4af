"""Where the Snakefile and all that it reads lie: in a checkout, or in an installed package.

A wheel carries them in the folder `project` of this package, see setup.py.
"""

from pathlib import Path

from pgdose.errors import UserError

PACKAGE = Path(__file__).resolve().parent
SHIPPED = "resources"  # what a study may name as a file of pgdose's own


def workflow_root() -> Path:
    """The folder that holds Snakefile, workflow/, scripts/, profiles/, envs/ and resources/."""
    for folder in (PACKAGE / "project", PACKAGE.parents[1]):
        if (folder / "Snakefile").is_file() and (folder / "scripts").is_dir():
            return folder
    raise UserError(
        "this installation of pgdose lacks its Snakefile and scripts; install it again from a "
        "wheel, or with `pip install --editable` from a checkout"
    )


def shipped(path: str) -> str:
    """The path, or the file of pgdose that it names where the working directory has no such file.

    So `resources/lexicons/ru.yaml` is a lexicon also where there is no checkout.
    """
    if Path(path).parts[:1] == (SHIPPED,) and not Path(path).exists():
        for folder in (PACKAGE / "project", PACKAGE.parents[1]):
            if (folder / path).is_file():
                return str(folder / path)
    return path
