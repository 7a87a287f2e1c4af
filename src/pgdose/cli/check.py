"""`pgdose check STUDY`: whether a study file is in order, before Snakemake reads it."""

from pathlib import Path

from pgdose.errors import UserError
from pgdose.preflight import check_inputs
from pgdose.study.parsing import parse
from pgdose.study.study_file import read_study_file


def check(study: Path) -> list[str]:
    """A line that sums the study up; UserError with its mistakes.

    Nothing of the file is executed, and nothing is written.
    """
    try:
        document = read_study_file(study)
        content = parse(document.content, documents={str(study): document})
        check_inputs(content)
    except UserError as error:
        raise UserError(f"{study}: {str(error).removeprefix(f'{study}: ')}") from None
    counts = f"{len(content.sources)} sources, {len(content.groups)} groups"
    return [f"{study} is in order: {counts}, {len(content.attacks)} attacks"]
