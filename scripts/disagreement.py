from job import job, settings

from pgdose.analysis import abstention, network_disagreement, result_files
from pgdose.cohort import image_draws
from pgdose.tables import clean_logits, parquet

with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    group = snakemake.wildcards.group
    members = parquet.read_table(inputs.members).set_index("member")
    validation = members[members["part"] == "validation"].reset_index()
    runs = {run["run"]: run for run in settings(params, "runs")}
    clean = {
        run: abstention.clean_scores(
            clean_logits.read_table(path), members, params.draws, params.seed
        )
        for run, path in zip(runs, inputs.clean, strict=True)
    }
    attacks = [
        network_disagreement.JudgedAttack(
            run=runs[run],
            attack=attack,
            iteration=int(parquet.read_metadata(path)["iteration"]),
            sample=image_draws.attacked(validation, images, params.seed, group)["member"],
            knows_detector=knows_detector,
            target=target,
            table=parquet.read_table(path),
        )
        for (run, attack, images, knows_detector, target), path in zip(
            settings(params, "attacks"), inputs.transfers, strict=True
        )
    ]
    table = network_disagreement.disagreement_of_all(
        list(runs.values()), settings(params, "judges"), clean, attacks
    )
    columns = settings(params, "columns")
    table = result_files.exact_columns(table, columns, "abstention")
    result_files.write_measures(table, snakemake.output[0])
