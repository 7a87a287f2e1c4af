from pathlib import Path

from job import job, settings

from pgdose.analysis.success import as_counted
from pgdose.attack.diagnostics.table import read_diagnostics
from pgdose.report import collect, page, provenance
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
    left_out = [
        *named(groups, inputs.left_out, parquet.read_table),
        *named(groups, inputs.unreadable, parquet.read_table),
    ]
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
        rejects=collect.rejects(rejected, left_out),
        agreement=collect.agreement(labelled),
        near_duplicates=collect.near_duplicates(
            named(groups, inputs.near_duplicates, parquet.read_table)
        ),
        provenance=Provenance(
            benchmarks=provenance.benchmarks(params.benchmarks),
            devices=collect.devices(diagnosed),
            versions=provenance.versions(),
            machine=provenance.machine(),
        ),
    )
    page.write_report(snakemake.output[0], data)
