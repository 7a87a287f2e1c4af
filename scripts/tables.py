import numpy as np
import pandas as pd
from job import job, settings

from pgdose import records
from pgdose.analysis import conclusions, success, tables

with job(snakemake):
    params, inputs = snakemake.params, snakemake.input
    point = {"epsilon": params.epsilon, "iterations": params.iterations}
    asr = pd.concat([pd.read_csv(path) for path in inputs.asr], ignore_index=True)
    confidence = pd.concat([pd.read_csv(path) for path in inputs.confidence], ignore_index=True)
    storage = pd.concat([pd.read_csv(path) for path in inputs.storage], ignore_index=True)
    accuracies, n_training = {}, 0
    if params.sized:
        members = records.read_table(inputs.members).set_index("member")
        n_training = int((members["part"] == "training").sum())
        for run, path in zip(settings(params, "runs"), inputs.clean, strict=True):
            clean = records.read_table(path)
            true = members["class_index"].loc[clean["member"]].to_numpy(np.int64)
            logits = np.stack(clean["logits"].to_list())
            accuracies[run] = success.accuracy(logits, true)["accuracy"]
    sizes = tables.training_size(
        asr[asr["group"] == params.sized],
        accuracies,
        n_training,
        settings(params, "sized_attacks"),
        **point,
    )
    modality = settings(params, "modality")
    estimates = conclusions.conclusions(asr, confidence, sizes, modality, **point)
    records.write_csv(asr, snakemake.output.asr)
    records.write_csv(confidence, snakemake.output.confidence)
    records.write_csv(storage, snakemake.output.storage)
    records.write_csv(sizes, snakemake.output.training_size)
    records.write_csv(estimates, snakemake.output.conclusions)
