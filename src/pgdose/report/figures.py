"""The page's figures: interactive charts where rates were measured, printed figures behind them."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from pgdose.plots import style
from pgdose.plots.style import Groups
from pgdose.report import interactive
from pgdose.report.captions import CAPTIONS, TITLES
from pgdose.report.data import ReportData
from pgdose.report.images import embed
from pgdose.report.interactive import Chart, Swatch

Charts = Mapping[str, list[Chart]]  # by figure


def charts(data: ReportData) -> Charts:
    """The charts of each figure; none where nothing was measured."""
    asr, confidence = data.table("asr"), data.table("confidence")
    figures = {}
    if len(asr) and asr["asr"].notna().any():
        figures["fig3a"] = interactive.over_epsilon(asr, data.groups, data.iterations)
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
        for name in (*chart.values, chart.first)
        if name
    }
    return sorted(names, key=float)


def legend(groups: Groups) -> list[tuple[str, list[tuple[str, Swatch]]]]:
    """The groups with their swatches, by kind of image."""
    swatches = interactive.swatches(groups)
    kinds = [
        (name, [(g, swatches[g]) for g in groups if style.modality(groups, g) == kind])
        for kind, name in style.MODALITIES.items()
    ]
    return [(name, members) for name, members in kinds if members]


def printed_figures(
    data: ReportData, charts: Charts
) -> list[tuple[bool, list[tuple[str, dict[str, Any]]]]]:
    """The figures in the page's order, in stretches of those with and those without charts."""

    def figure(name: str) -> dict[str, Any]:
        title, caption = TITLES.get(name, name), CAPTIONS.get(name, "")
        return {"title": title, "caption": caption, "picture": embed(data.figures[name])}

    stretches: Iterable[tuple[bool, Iterable[str]]] = groupby(
        data.figures, lambda name: name in charts
    )
    return [(has_chart, [(name, figure(name)) for name in names]) for has_chart, names in stretches]
