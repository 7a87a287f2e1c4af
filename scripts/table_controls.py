from pathlib import Path

from job import job, settings

from pgdose.analysis import control_doses, controls, outcomes, result_files
from pgdose.analysis.settings import MeasureSettings
from pgdose.attack.surface_table import read_surface, surface_shards
from pgdose.study.doses import Doses
from pgdose.tables import clean_logits, parquet


def folder_of(run):
    return (run["group"], run["run"])


def place(path, above=1):
    """The group and the run in whose folder a file lies, or so many folders below."""
    return Path(path).parts[-above - 2 : -above]


def curves(run, how, attacks, members, inputs):
    """The curves of the attacks on a run."""
    network = next(path for path in inputs.networks if folder_of(run) == place(path))
    surfaces = [path for path in inputs.surfaces if folder_of(run) == place(path, above=3)]
    result = []
    for attack, (doses, is_length) in attacks.items():
        surface = read_surface(surface_shards(surfaces, attack), network, Doses(**doses))
        outcome = outcomes.outcomes(
            surface, members["class_index"], members["class_index"].nunique()
        )
        result.append(control_doses.attack_curve(attack, outcome, how, is_length=is_length))
    return result


with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    how, entries = MeasureSettings(**settings(params)), settings(params, "controls")
    members = {
        group: parquet.read_table(path).set_index("member")
        for group, path in zip(settings(params, "groups"), inputs.members, strict=True)
    }
    runs = settings(params, "runs")
    clean = {group: {} for group in members}
    for run, path in zip(runs, inputs.clean, strict=True):
        clean[run["group"]][run["run"]] = clean_logits.read_table(path)
    controlled = [
        controls.ControlledRun(
            run,
            entries,
            parquet.read_tables(
                [path for path in inputs.controlled if place(path) == folder_of(run)]
            ),
            clean[run["group"]],
        )
        for run in runs
    ]
    compared = [
        (one, curves(one.run, how, settings(params, "attacks"), members[one.run["group"]], inputs))
        for one in controlled
    ]
    tables = {
        "controls": controls.controls(controlled, members, how.draws, how.seed),
        "control_doses": control_doses.control_doses(compared, members, how.draws, how.seed),
    }
    for name, columns in settings(params, "columns").items():
        result_files.write_result_table(tables[name], snakemake.output[name], columns)
