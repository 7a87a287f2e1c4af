from job import job, settings

from pgdose.analysis import result_files, study_tables
from pgdose.analysis.settings import MeasureSettings
from pgdose.study.doses import Doses

with job(snakemake):
    params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
    study = study_tables.StudyRuns(
        runs=settings(params, "runs"),
        doses={attack: Doses(**doses) for attack, doses in settings(params, "doses").items()},
        modality=settings(params, "modality"),
        sized_attacks=settings(params, "sized_attacks"),
        controls=params.controls,
    )
    columns = settings(params, "columns")
    tables = {name: result_files.read_measures(inputs[name]) for name in params.measures}
    if inputs.disagreement:
        paths = [*inputs.abstention, *inputs.disagreement]
        tables["abstention"] = result_files.read_measures(paths)
    tables |= study_tables.findings(
        study,
        study_tables.RunFiles(
            draws=inputs.draws, images=inputs.images, members=inputs.members, clean=inputs.clean
        ),
        tables["asr"],
        MeasureSettings(**settings(params)),
    )
    for name, table in tables.items():
        result_files.write_result_table(table, outputs[name], columns[name])
    result_files.write_version(outputs.format_version)
