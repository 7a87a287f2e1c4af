from pathlib import Path

from job import job, settings

import pandas as pd

from pgdose.analysis.success import as_counted
from pgdose.attack.diagnostics.table import read_diagnostics
from pgdose.cohort.rejects_by_class import read_eligible
from pgdose.manifest.files import sha256_of
from pgdose.report import collect, evidence_page, page, provenance
from pgdose.report.captions import PICTURES
from pgdose.report.data import PAGE_TABLES, Provenance, ReportData
from pgdose.tables import parquet, result_csv


def named(names, paths, read):
    """Each name with what its file holds."""
    return [(name, read(path)) for name, path in zip(names, paths, strict=True)]


with job(snakemake):
    inputs, params = snakemake.input, snakemake.params
    study, groups = settings(params, "study"), settings(params, "groups")
    tables = {Path(path).stem: result_csv.read_csv(path) for path in inputs.tables}
    for name in ("asr", "confidence"):
        tables[name] = as_counted(tables[name], study["measures"]["success"])
    diagnosed = named(settings(params, "diagnosed"), inputs.diagnostics, read_diagnostics)
    rejected = named(settings(params, "sources"), inputs.rejects, parquet.read_table)
    left_out = named(groups, inputs.left_out, parquet.read_table)
    unreadable = named(groups, inputs.unreadable, parquet.read_table)
    fit = [read_eligible(path) for path in inputs.left_out]
    labelled = named(settings(params, "hand_labelled"), inputs.agreement, result_csv.read_csv)
    data = ReportData(
        study=study,
        groups=settings(params, "modality"),
        checks=collect.checks(diagnosed, tables["network_checks"]),
        tables={name: table for name, table in tables.items() if name in PAGE_TABLES},
        figures={Path(path).stem: path for path in inputs.figures},
        pictures={
            group: {name: inputs[name][place] for name in PICTURES}
            for place, group in enumerate(groups)
        },
        classes=settings(params, "classes"),
        synthetic=settings(params, "synthetic"),
        rejects=collect.rejects(rejected, [*left_out, *unreadable]),
        chosen=collect.chosen(
            (group, of_classes, lost, unread)
            for (group, lost), (_, unread), of_classes in zip(
                left_out, unreadable, fit, strict=True
            )
        ),
        agreement=collect.agreement(labelled),
        near_duplicates=collect.near_duplicates(
            named(groups, inputs.near_duplicates, parquet.read_table)
        ),
        provenance=Provenance(
            benchmarks=provenance.benchmarks(params.benchmarks),
            devices=collect.devices(diagnosed),
            versions=provenance.versions(),
            machine=provenance.machine(),
            commit=provenance.commit(),
            training_seconds=provenance.training_seconds(
                params.benchmarks, [tuple(place) for place in settings(params, "trained")]
            ),
        ),
    )
    page.write_report(snakemake.output.page, data)
    results = Path(snakemake.output.page).parent
    digests = {
        str(Path(path).relative_to(results)): sha256_of(Path(path))[1] for path in inputs.tables
    }
    limits = tables.get("acceptance", pd.DataFrame())
    evidence = evidence_page.EvidenceData(data, limits, digests)
    evidence_page.write_evidence(snakemake.output.evidence, evidence)
