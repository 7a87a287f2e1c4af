"""The report: one HTML page that holds everything, to be mailed or opened without a network."""

from pathlib import Path
from typing import Any

from pgdose.report import (
    appendix,
    cohorts,
    conclusions,
    controls,
    defences,
    figures,
    groups,
    harm,
    headline,
    interactive,
    limitations,
    networks,
    provenance,
    study_tables,
    summary,
    templates,
)
from pgdose.report.data import ReportData


def write_report(path: str | Path, data: ReportData) -> None:
    """Write the report of a study as one self-contained HTML page, atomically.

    Every text from the study is escaped.

    Raises:
        ValueError: a figure is no PNG.
    """
    sections = _first(data) | _findings(data) | _figures(data) | _appendix(data)
    page = templates.rendered_with_size(
        "report.html",
        name=data.study["study"],
        point={"epsilon": data.epsilon, "iterations": data.iterations},
        nearest=summary.nearest(data.success_rates(), data.epsilon),
        success=data.study["measures"]["success"],
        draws=data.study["measures"]["draws"],
        seed=data.study["seed"],
        margins=data.study["measures"].get("margins", {}),
        **sections,
    )
    templates.write_page(path, page)


def _first(data: ReportData) -> dict[str, Any]:
    """The first screen, by the names in the template."""
    return {
        "headline": headline.headline(data),
        "synthetic": headline.synthetic(data),
        "matrix": conclusions.matrix(data),
        "unfit": conclusions.unfit(data),
        "verdict_counts": headline.verdict_counts(data),
        "failed": int((data.checks["verdict"] == "failed").sum()),
    }


def _findings(data: ReportData) -> dict[str, Any]:
    """The sections about the results, by their names in the template."""
    return {
        "summary": summary.summary(data),
        "conclusions": conclusions.conclusions(data),
        "table1": study_tables.table1(data),
        "class_counts": study_tables.class_counts(data),
        "demographics": study_tables.demographics(data),
        "sensitivity": study_tables.sensitivity(data),
        "by_epsilon": study_tables.success_by_epsilon(data),
        "limitations": limitations.limitations(data, checks="Warnings", conclusions=True),
        "calibrated": "ece" in data.table("table1"),
        "sized": study_tables.training_size(data),
        "worst": study_tables.worst_case(data),
        "abstention": study_tables.abstention(data),
        "every_worst": study_tables.worst_case_by_epsilon(data),
        "doses": study_tables.doses(data),
        "intervals": summary.intervals(data),
        "subgroups": summary.subgroups(data),
        "harm": harm.harm(data),
        "every_subgroup": study_tables.subgroups(data),
        "networks": networks.networks(data),
        "controls": controls.controls(data),
        "defences": defences.defences(data),
        "sections": [groups.section(data, i, group) for i, group in enumerate(data.groups)],
    }


def _figures(data: ReportData) -> dict[str, Any]:
    """The figures, their charts, and the JavaScript that draws these."""
    charts = figures.charts(data)
    return {
        "charts": charts,
        "legend": figures.legend(data.groups),
        "epsilons": figures.epsilons(charts),
        "choices": figures.attacks(charts),
        "figures": figures.printed_figures(data),
        "library": interactive.library() if charts else "",
        "data": interactive.as_json(c for several in charts.values() for c in several),
    }


def _appendix(data: ReportData) -> dict[str, Any]:
    """What the results rest on, and how they were made."""
    return {
        "cohort_warnings": [*cohorts.all_warnings(data), *networks.import_notes(data)],
        "warnings": appendix.warnings(data.checks),
        "verdicts": data.checks["verdict"].value_counts().to_dict(),
        "sources": appendix.sources(data),
        "source_notes": appendix.source_notes(data),
        "rejects": appendix.rejects(data.rejects, "Rejects"),
        "agreement": appendix.agreement(data),
        "settings": appendix.settings(data.study),
        "versions": appendix.pairs("Versions", data.provenance.versions),
        "commit": data.provenance.commit,
        "citation": provenance.citation(data.provenance.versions, data.provenance.commit),
        "machine": appendix.pairs("Machine", data.provenance.machine),
        "devices": appendix.devices(data),
        "benchmarks": appendix.benchmarks(data),
    }
