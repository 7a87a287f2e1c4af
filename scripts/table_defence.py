from pathlib import Path

from job import job, settings

from pgdose.analysis import defence, result_files
from pgdose.analysis.defence import ComparedAttack
from pgdose.analysis.defence_verdicts import NOT_TRUSTED
from pgdose.analysis.settings import MeasureSettings
from pgdose.study.doses import Doses
from pgdose.study.evaluation import Margins
from pgdose.tables import parquet


def compared_networks(group, attacks):
    """The networks of a group, the main one first."""
    inputs, entries = snakemake.input, settings(snakemake.params, "networks")
    surfaces = [Path(path) for path in inputs.surfaces]
    for entry, network, clean, checks in zip(
        entries, inputs.networks, inputs.clean, inputs.diagnostics, strict=True
    ):
        if entry["identity"]["group"] == group:
            folder = Path(network).parent
            of_attacks = {
                a.name: [p for p in surfaces if p.parent == folder / a.name / "surface"]
                for a in attacks
            }
            yield defence.read_network(entry, network, clean, checks, of_attacks, attacks)


with job(snakemake) as log:
    params = snakemake.params
    attacks = [
        ComparedAttack(**{**entry, "doses": Doses(**entry["doses"])})
        for entry in settings(params, "attacks")
    ]
    groups = (
        (parquet.read_table(path), list(compared_networks(group, attacks)))
        for group, path in zip(settings(params, "groups"), snakemake.input.members, strict=True)
    )
    table = defence.compare_all(
        groups,
        attacks,
        MeasureSettings(**settings(params)),
        Margins.model_validate(settings(params, "margins")),
    )
    for columns in settings(params, "columns").values():
        result_files.write_result_table(table, snakemake.output[0], columns)
    overall = table[(table["quantity"] == "overall") & (table["verdict"] == NOT_TRUSTED)]
    for row in overall.itertuples():
        log.warning(
            *("%s/%s: %s under %s: %s", row.group, row.run, row.verdict, row.attack, row.reason)
        )
