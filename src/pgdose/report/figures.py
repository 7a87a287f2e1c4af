"""The page's figures: interactive charts where rates were measured, printed figures behind them."""

from collections.abc import Mapping
from typing import Any

from pgdose.plots import style
from pgdose.plots.style import Groups
from pgdose.report import interactive, summary
from pgdose.report.captions import CAPTIONS, TITLES
from pgdose.report.data import ReportData
from pgdose.report.images import embed
from pgdose.report.interactive import Chart, Swatch

TABLES = {  # where a reader finds the numbers of a figure
    "fig3a": "the tables below it",
    "fig3b": "figures/fig3b.csv of the results",
    "fig3c": "figures/fig3c.csv of the results",
    "fig3c_fine": "the table of success by finer confidence",
    "fig3d": "the table Training size",
    "fig_certified": "figures/fig_certified.csv of the results",
    "fig_harm": "the table harm of the results",
    "fig_expected_harm": "the table harm of the results",
    "fig_controls": "the tables below it",
    "fig_defence": "figures/fig_defence.csv of the results",
    "fig_abstention": "figures/fig_abstention.csv of the results",
}
PHOTOS = ("fig1", "fig2", "examples")  # images, which no dark page may invert

Charts = Mapping[str, list[Chart]]  # by figure


def charts(data: ReportData) -> Charts:
    """The charts of each figure; none where nothing was measured."""
    asr, confidence = data.table("asr"), data.table("confidence")
    figures = {}
    if len(asr) and asr["asr"].notna().any():
        figures["fig3a"] = interactive.over_epsilon(
            asr, data.groups, data.iterations, data.table("doses_reached")
        )
        figures["fig3b"] = interactive.over_iterations(asr, data.groups, data.epsilon)
    if len(confidence) and confidence["asr"].notna().any():
        figures["fig3c"] = interactive.over_confidence(confidence, data.groups, data.epsilon)
    return figures


def epsilons(charts: Charts) -> list[str]:
    """All amplitudes that a reader can choose, rising."""
    names = {
        name
        for several in charts.values()
        for chart in several
        for of_attack in chart.values.values()
        for name in (*of_attack, chart.first)
        if name
    }
    return sorted(names, key=float)


def attacks(charts: Charts) -> dict[str, list[str]]:
    """The attacks that a reader can choose, of each figure whose charts are not of one attack."""
    found = {
        name: list(dict.fromkeys(attack for chart in several for attack in chart.values if attack))
        for name, several in charts.items()
    }
    return {name: names for name, names in found.items() if names}


def legend(groups: Groups) -> list[tuple[str, list[tuple[str, Swatch]]]]:
    """The groups with their swatches, by kind of image."""
    swatches = interactive.swatches(groups)
    kinds = [
        (name, [(g, swatches[g]) for g in groups if style.modality(groups, g) == kind])
        for kind, name in style.MODALITIES.items()
    ]
    return [(name, members) for name, members in kinds if members]


def alt(data: ReportData, name: str) -> str:
    """A figure in words, for those who do not see it: what it shows, and its main numbers."""
    title, caption = TITLES.get(name, name), CAPTIONS.get(name, "")
    text = f"{title}. {caption.split('. ')[0]}".rstrip(". ") + "."
    if name == "fig3a" and data.has("asr"):
        begin, items = summary.success(data)
        text += f" {begin} {' '.join(items)}"
    if name in TABLES:
        text += f" The numbers are in {TABLES[name]}."
    return text


def printed_figures(data: ReportData) -> dict[str, dict[str, Any]]:
    """The figures by name, in the page's order."""
    return {
        name: {
            "title": TITLES.get(name, name),
            "caption": CAPTIONS.get(name, ""),
            "alt": alt(data, name),
            "picture": embed(path),
            "photos": name in PHOTOS,
        }
        for name, path in data.figures.items()
    }
