# Snakemake's records of how results were made, in .snakemake/metadata and, of jobs that did not end,
# in .snakemake/incomplete.

import contextlib
import os
import re
import sys
from base64 import urlsafe_b64decode

from snakemake.settings.types import ExecMode

DECISIVE = {  # results that follow from the study, by where they lie; all others are made of them
    "sources": ("records.parquet",),
    "groups": ("members.parquet", "*/network.safetensors", "*/*/surface/*.parquet"),
}


def recorded_files():
    """The files that Snakemake has a record of, also those that a killed job left."""
    files = set()
    for folder in (Path(".snakemake/metadata"), Path(".snakemake/incomplete")):
        for record in folder.rglob("*"):
            parts = record.relative_to(
                folder
            ).parts  # folders of long names begin with @
            with contextlib.suppress(ValueError):
                code = "".join(part.removeprefix("@") for part in parts)
                files.add(urlsafe_b64decode(code).decode())
    return files


def decisive_results():
    """Those that are there. Other folders, as of groups that the study lacks, are none of its results."""
    for part, names in (("sources", STUDY.sources), ("groups", STUDY.groups)):
        for name in names:
            for pattern in DECISIVE[part]:
                yield from map(str, Path(RESULTS, part, name).glob(pattern))


def check_records():
    """Stop where results have no records: Snakemake would take them for those of this study.

    It compares the study's settings with the records alone, and says nothing where there are none.
    `--forceall` makes new ones.
    """
    # Snakemake keeps its own word for it until the Snakefile is read.
    is_forced = any(re.fullmatch(r"--forcea\w*|-[a-zA-Z]*F", word) for word in sys.argv)
    is_database = os.path.exists(".snakemake/metadata.db")  # --persistence-backend db
    if workflow.exec_mode != ExecMode.DEFAULT or is_forced or is_database:
        return
    results = set(decisive_results())
    missing = sorted(results - recorded_files()) if results else []
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise WorkflowError(
            f"{missing[0]}{others}: .snakemake/ has no record of how they were made, so nobody can "
            "say whether they belong to this study as it is now; copy .snakemake/ from where they "
            "were made, or make all results again with --forceall (results that are surely this "
            "study's get records with --forceall --touch)"
        )
