"""`pgdose check STUDY`: whether a study file is in order, before Snakemake reads it."""

from pathlib import Path

from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.preflight import check_inputs
from pgdose.study.parsing import parse
from pgdose.study.sources import DicomArchive
from pgdose.study.study import Study
from pgdose.study.study_file import read_study_file
from pgdose.study.warnings import study_warnings


def check(study: Path) -> list[str]:
    """A line that sums the study up, and warnings; UserError with its mistakes.

    Nothing of the file is executed, and nothing is written.
    """
    try:
        document = read_study_file(study)
        content = parse(document.content, documents={str(study): document})
        check_inputs(content)
        warnings = [*study_warnings(content), *_check_lexicons(content)]
    except UserError as error:
        raise UserError(f"{study}: {str(error).removeprefix(f'{study}: ')}") from None
    counts = f"{len(content.sources)} sources, {len(content.groups)} groups"
    in_order = f"{study} is in order: {counts}, {len(content.attacks)} attacks"
    return [in_order, *warnings]


def _check_lexicons(study: Study) -> list[str]:
    """A line for each entry of a lexicon that has no effect; UserError with all mistakes."""
    fields: dict[str, str] = {}
    for name, source in study.sources.items():
        if isinstance(source, DicomArchive) and source.lexicon:
            fields.setdefault(source.lexicon, f"sources.{name}.lexicon")
    warnings, mistakes = [], []
    for path, field in fields.items():
        try:
            lexicon = load_lexicon(Path(path))
        except UserError as error:
            mistakes.append(f"{field}: {error}")
        else:
            warnings += [f"{field}: warning: {path}, {line}" for line in lexicon.warnings]
    if mistakes:
        raise UserError("\n".join(mistakes))
    return warnings
