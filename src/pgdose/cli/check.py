"""`pgdose check STUDY`: all mistakes of a study, and what it will take, before anything runs."""

from collections.abc import Mapping
from pathlib import Path

from pgdose.cli import expectation
from pgdose.cli.expectation import Part
from pgdose.cli.job_counts import job_counts
from pgdose.cli.step_seconds import time_steps
from pgdose.errors import UserError
from pgdose.labelling.lexicon_file import load_lexicon
from pgdose.preflight import KEY_HEAD, input_mistakes, key_mistakes
from pgdose.study.messages import message
from pgdose.study.parsing import located, parse_with_mistakes
from pgdose.study.sources import DicomArchive
from pgdose.study.study import Study
from pgdose.study.study_file import read_study_file
from pgdose.study.warnings import study_warnings
from pgdose.terminal.lines import duration

MORE = "Correct these first; then pgdose checks how the sections fit together, and their files."
ESTIMATE = (
    "estimate: counts of the study times rates (reading: docs/explanation/scale.md; networks: "
    "timed on this machine); the lower figures hold if an attack's amplitudes share all steps"
)


def check(study: Path) -> list[str]:
    """A line that sums the study up, and warnings; UserError with all mistakes.

    Nothing of the file is executed, and nothing is written.
    """
    content, warnings = _checked(study)
    counts = f"{len(content.sources)} sources, {len(content.groups)} groups"
    in_order = f"{study} is in order: {counts}, {len(content.attacks)} attacks"
    return [in_order, *warnings]


def expect(study: Path) -> list[str]:
    """The jobs that are left by rule, and the hours and bytes to expect."""
    content, _ = _checked(study)
    jobs = job_counts(study)
    if not jobs:
        return ["nothing is left to do"]
    width = max(map(len, jobs))
    lines = [f"{sum(jobs.values())} jobs are left:"]
    lines += [f"  {rule:{width}} {count:6}" for rule, count in jobs.items()]
    steps = time_steps(expectation.networks_to_time(content))
    parts = expectation.parts(content, jobs, steps)
    return [*lines, *_expected(parts, steps)]


def _expected(parts: list[Part], steps: Mapping[str, list[float | None]]) -> list[str]:
    lines = [ESTIMATE]
    for name, (forward, backward) in steps.items():
        if forward is None or backward is None:
            lines.append(f"  {name}: cannot be timed")
        else:
            lines.append(
                f"  {name}: {1000 * backward:.3g} ms a step of an attack on an image, "
                f"{1000 * forward:.3g} ms to classify it"
            )
    for part in parts:
        disk = f", {_gigabytes(part.size)}" if part.size else ""
        time = _range(*part.seconds) if part.seconds else "cannot be told"
        lines.append(f"  {part.what}: {time}{disk}")
    known = [part.seconds for part in parts if part.seconds]
    some = "" if len(known) == len(parts) else ", without what cannot be told"
    total = _range(sum(low for low, _ in known), sum(high for _, high in known))
    size = _gigabytes(sum(part.size for part in parts))
    return [*lines, f"in all {total} if one job runs after another, {size} on disk{some}"]


def _range(least: float, most: float) -> str:
    if duration(least) == duration(most):
        return f"about {duration(most)}"
    return f"{duration(least)} to {duration(most)}"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e7 else f"{size / 1e6:.2g} MB"


def _checked(study: Path) -> tuple[Study, list[str]]:
    """The study, and warnings; UserError with a line for each mistake, behind the file's line."""
    name = f"{study}: "
    try:
        document = read_study_file(study)
        documents = {str(study): document}
        content, lines = parse_with_mistakes(document.content, documents=documents)
    except UserError as error:
        text = str(error).removeprefix(name)
        raise UserError(f"{name}{text}" + (f"\n{MORE}" if "\n" in text else "")) from None
    warnings, of_lexicons = _check_lexicons(content)
    of_keys = key_mistakes(content)
    lines += located([*input_mistakes(content), *of_lexicons], document.content, documents)
    lines += [f"{KEY_HEAD} {line}" for line in of_keys]
    if lines:
        raise UserError(name + message(list(dict.fromkeys(lines))))
    return content, [*study_warnings(content), *warnings]


def _check_lexicons(study: Study) -> tuple[list[str], list[str]]:
    """A line for each entry of a lexicon that has no effect; a line for each mistake."""
    fields: dict[str, str] = {}
    for name, source in study.sources.items():
        if isinstance(source, DicomArchive) and source.lexicon_file:
            fields.setdefault(source.lexicon_file, f"sources.{name}.lexicon")
    warnings, mistakes = [], []
    for path, field in fields.items():
        if not Path(path).is_file():  # `input_mistakes` says so
            continue
        try:
            lexicon = load_lexicon(Path(path))
        except UserError as error:
            mistakes.append(f"{field}: {error}")
        else:
            warnings += [f"{field}: warning: {path}, {line}" for line in lexicon.warnings]
    return warnings, mistakes
