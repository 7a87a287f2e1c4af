"""A DoseResponse as one HTML page."""

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from pgdose.plots.dose_response import as_png
from pgdose.report import provenance, templates

if TYPE_CHECKING:
    from pgdose.api.result import DoseResponse

PACKAGES = ("pgdose", "torch", "numpy")


def picture(figure: Figure) -> str:
    """The figure as an HTML element that holds it."""
    data = base64.b64encode(as_png(figure)).decode()
    return f'<img alt="attack success rate over epsilon" src="data:image/png;base64,{data}">'


def bounds(low: Any, high: Any) -> str:
    """An interval in brackets; words where too few patients give none."""
    return "[no interval]" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]"


def write(result: "DoseResponse", path: Path) -> None:
    """Write the page, atomically. Every text is escaped."""
    text = templates.rendered(
        "dose_response.html",
        result=result,
        image=picture(result.plot()),
        interval=result.clean_interval,
        bounds=bounds,
        curve=result.curve().to_dict("records"),
        iteration=result.surface.doses.max_iter,
        per_class=_per_class(result),
        checks=result.check_results,
        settings={name: _lines(fields) for name, fields in result.settings.items()},
        versions=provenance.versions(PACKAGES),
    )
    templates.write_page(path, text)


def _per_class(result: "DoseResponse") -> list[dict[str, Any]]:
    """Of each class its images, and those that the network gets right."""
    return [
        {
            "name": name,
            "images": int((result.labels == number).sum()),
            "right": int(result.right[result.labels == number].sum()),
        }
        for number, name in enumerate(result.classes)
    ]


def _lines(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings that are set, as a study file would have them."""
    return [(key, _shown(value)) for key, value in fields.items() if value is not None]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(entry)}" for key, entry in value.items()) + "}"
    return str(value)
