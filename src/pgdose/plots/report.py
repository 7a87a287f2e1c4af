"""The report: one HTML page that holds everything, to be mailed or opened without a network."""

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pgdose import records
from pgdose.plots import style

#: What each figure shows; its operating point stands in the figure, in the titles of its panels.
CAPTIONS = {
    "fig1": (
        "Originals and their adversarial versions, one image in a row. Amplitudes ε rise from left "
        "to right; below each image stand the predicted class and its probability p, bold and "
        "framed where the diagnosis flipped. The last column is the change that the largest ε "
        "makes, magnified by the factor below it (grey: no change)."
    ),
    "fig2": (
        "Successful attacks: the original at the left and the adversarial image at the right of "
        "each pair, with the predicted class and its probability p before and after. The dose "
        "stands above the pairs."
    ),
    "fig3a": (
        "Attack success rate (vertical) over the amplitude ε in units of the full intensity range "
        "(horizontal; logarithmic where an attack's doses span more than a factor of 20). One "
        "panel for each attack, at the iteration in its title."
    ),
    "fig3b": (
        "Attack success rate (vertical) over the number of iterations (horizontal), at the attack "
        "and the amplitude ε in the title of each panel. The success rate is 0 at iteration 0 by "
        "definition."
    ),
    "fig3c": (
        "Attack success rate (vertical) over the clean confidence, which is the largest "
        "probability that the network gives the image before the attack (horizontal, bins of "
        "0.05; confidences under 0.5 exist with more than two classes and stand apart). ε stands "
        "above the panels, the iteration in their titles. Groups stand side by side within their "
        "bin; larger points are bins of more images, faint lines rest on fewer than 10 images, and "
        "bins without images are gaps. The shaded bin is that of the confidences over 0.95."
    ),
    "fig3d": (
        "Attack success rate, and at the right the accuracy on clean images (vertical), over the "
        "number of training images (horizontal, logarithmic), always on the same validation "
        "images. A point is one training, a line the mean of the trainings of one size; ε and "
        "iteration are in the titles and legends."
    ),
}
_WITH_INTERVALS = {"fig3a", "fig3b", "fig3c"}
_TITLES = {
    "fig1": "Figure 1. Adversarial images",
    "fig2": "Figure 2. Flipped diagnoses",
    "fig3a": "Figure 3a. Success and amplitude",
    "fig3b": "Figure 3b. Success and iterations",
    "fig3c": "Figure 3c. Success and clean confidence",
    "fig3d": "Figure 3d. Success and training size",
}
_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
_MISSING = "–"


def write_report(
    path: str | Path,
    *,
    study: Mapping[str, Any],
    table1: pd.DataFrame,
    class_counts: pd.DataFrame,
    sources: pd.DataFrame,
    conclusions: pd.DataFrame,
    rejects: pd.DataFrame,
    figures: Mapping[str, str | Path],
    benchmarks: pd.DataFrame,
    versions: Mapping[str, str],
    agreement: pd.DataFrame | None = None,
    checks: pd.DataFrame | None = None,
    captions: Mapping[str, str] | None = None,
) -> None:
    """Write the report of a study as one self-contained HTML page, atomically.

    Every text from the study is escaped. Nothing is left out of `study`: what must not be read by
    the report's readers must not be in it.

    Args:
        path: the page to write.
        study: the study's settings, as plain lists, dicts, numbers and texts; shown as YAML.
        table1: `group title n_images n_training n_validation accuracy ci_low ci_high
            paper_accuracy`.
        class_counts: `group class n_images n_training n_validation`.
        sources: `source found readable usable norm <findings> any_finding several_findings`.
        conclusions: `conclusion attack estimate ci_low ci_high verdict paper`; an empty verdict
            means that the conclusion was not tested.
        rejects: `source stage reason count`; a group is a source of what it left out itself.
        figures: `{"fig1": file, ..., "fig3d": file}`, PNG or SVG, in the order of the page.
        benchmarks: `rule jobs seconds max_rss_mb`; seconds are the sum over a rule's jobs.
        versions: `{package: version}`.
        agreement: `source label n n_present precision recall f1`, each of the last three with
            `_low` and `_high`; the labeller against labels by hand.
        checks: `group run attack check verdict says`, of all attacks; the verdict is passed, failed
            or not done.
        captions: replaces or adds to CAPTIONS.

    Raises:
        ValueError: a figure is neither PNG nor SVG.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": _count,
        "rate": _rate,
        "printed": _printed,
        "estimate": _estimate,
        "duration": _duration,
        "memory": _memory,
        "words": _words,
    }
    known = CAPTIONS | dict(captions or {})
    page = environment.get_template("report.html").render(
        name=study.get("study", "unnamed"),
        groups=list(study.get("groups", {})) or list(table1["group"]),
        attacks=list(study.get("attacks", {})),
        interval=style.INTERVAL,
        table1=_rows(table1),
        class_counts=_rows(class_counts),
        source_columns=[name for name in sources.columns if name != "source"],
        sources=_rows(sources),
        conclusions=_rows(conclusions),
        verdicts={} if checks is None else checks["verdict"].value_counts().to_dict(),
        warnings=[] if checks is None else _warnings(checks),
        rejects=_rows(rejects),
        agreement=_rows(agreement) if agreement is not None else [],
        figures=[
            {
                "name": name,
                "title": _TITLES.get(name, name),
                "caption": known.get(name, ""),
                "intervals": name in _WITH_INTERVALS,
                "data": _inline(Path(file)),
                "width": _css_width(Path(file)),
            }
            for name, file in figures.items()
        ],
        benchmarks=_rows(benchmarks),
        total_seconds=benchmarks["seconds"].sum(),
        settings=yaml.safe_dump(_plain(study), sort_keys=False, allow_unicode=True),
        versions=versions,
    )
    with records.atomic(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def _warnings(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """What failed, a row for each check and attack: in how many of its runs, and what was found."""
    found = []
    for (check, attack), rows in checks.groupby(["check", "attack"], sort=False):
        failed = rows[rows["verdict"] == "failed"]
        where = failed["group"].where(
            failed["run"] == "full", failed["group"] + " (" + failed["run"] + ")"
        )
        if len(failed):
            says = list(zip(where, failed["says"], strict=True))
            row = {"check": check, "attack": attack, "failed": len(failed), "of": len(rows)}
            found.append({**row, "groups": ", ".join(where), "says": says})
    return found


def _inline(file: Path) -> str:
    """A data URI. An SVG too goes into an <img>: the ids of several would clash within one page."""
    if file.suffix not in _MEDIA:
        raise ValueError(f"a figure of the report must be .png or .svg, not '{file.suffix}'")
    data = base64.b64encode(file.read_bytes()).decode()
    return f"data:{_MEDIA[file.suffix]};base64,{data}"


def _css_width(file: Path) -> int | None:
    """CSS pixels at which a PNG of pgdose has letters of their nominal size; an SVG knows its own.

    A PNG's width is the big-endian integer after its signature and the header of its first chunk.
    """
    if file.suffix != ".png":
        return None
    return round(int.from_bytes(file.read_bytes()[16:20], "big") / style.DPI * 96)


def _plain(value: Any) -> Any:
    """The value in types that YAML has words for: no tuples, paths or numpy numbers."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, bool | int | float | str | None) else str(value)


# --- numbers as text --------------------------------------------------------------------------


def _count(value: Any) -> str:
    return _MISSING if pd.isna(value) else f"{int(value):,}"


def _rate(value: Any) -> str:
    return _MISSING if pd.isna(value) else f"{value:.3f}"


def _printed(value: Any) -> str:
    """A number of the paper's, with the two digits that it has there."""
    return _MISSING if pd.isna(value) else f"{value:.2f}"


def _estimate(value: Any) -> str:
    """Three significant digits; conclusions are on scales of their own."""
    if pd.isna(value):
        return _MISSING
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else str(value)


def _duration(seconds: Any) -> str:
    if pd.isna(seconds):
        return _MISSING
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _memory(megabytes: Any) -> str:
    if pd.isna(megabytes):
        return _MISSING
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"


def _words(value: Any) -> str:
    """A name or a free text; empty if it is missing."""
    return "" if pd.isna(value) else str(value)
