import pandas as pd
from job import job, settings

from pgdose.analysis import conclusions, doses, evidence, quality, success, tables
from pgdose.tables import parquet, result_csv


def joined(paths):
    """The rows of several CSV files."""
    return pd.concat([result_csv.read_csv(path) for path in paths], ignore_index=True)


def bounded(path):
    """Whether no pixel of an attack's images changes by more than its epsilon."""
    return parquet.read_metadata(path)["bounded"] == "True"


with job(snakemake):
    params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
    runs = settings(params, "runs")  # of each group, with their attacks
    attacks = settings(params, "attacks")  # with their doses
    told = [(g, run, a) for g in runs for run in runs[g] for a in runs[g][run]]

    gathered = {}
    for name in ("asr", "confidence", "storage", "transitions", "doses", "subgroups"):
        gathered[name] = joined(inputs[name])

    worst = []
    images = dict(zip(told, inputs.images, strict=True))
    for group in runs:
        counted = {
            attack: parquet.read_table(images[group, "full", attack])
            for attack in runs[group]["full"]
            if bounded(images[group, "full", attack])
        }
        flipped = doses.worst_case(counted, attacks, params.draws, params.seed)
        flipped.insert(0, "group", group)
        worst.append(flipped)
    gathered["worst_case"] = pd.concat(worst, ignore_index=True)

    sized, accuracies, sizes = params.sized, {}, {}
    if sized:
        members = parquet.read_table(inputs.members)
        n_training = int((members["part"] == "training").sum())
        for run, path in zip(settings(params, "sized_runs"), inputs.clean, strict=True):
            accuracies[run] = quality.accuracy(members, parquet.read_table(path))
            sizes[run] = n_training if run == "full" else int(run[1:].split("-")[0])
    asr = gathered["asr"]
    gathered["training_size"] = tables.training_size(
        success.as_counted(asr[asr["group"] == sized], params.success),
        accuracies,
        sizes.get("full", 0),
        settings(params, "sized_attacks"),
        epsilon=params.epsilon,
        iterations=params.iterations,
    )
    gathered["training_size_summary"] = tables.training_size_summary(gathered["training_size"])

    proof = {key: evidence.read(path) for key, path in zip(told, inputs.evidence, strict=True)}
    found = [
        conclusions.conclude(
            attack,
            {g: proof[g, "full", attack] for g in runs},
            settings(params, "modality"),
            {run: proof[sized, run, attack] for run in sizes if (sized, run, attack) in proof},
            sizes,
            params.epsilon,
        )
        for attack in attacks
    ]
    for place, name in enumerate(("conclusions", "trends")):
        gathered[name] = pd.concat([one[place] for one in found], ignore_index=True)
    for name, table in gathered.items():
        result_csv.write_csv(table, outputs[name])
