import contextlib

from job import job, settings

import network_job
import numpy as np
import pyarrow as pa
import torch
from work_folder import work_folder

from pgdose import devices, tensor_files
from pgdose.attack import universal, universal_judging
from pgdose.attack.batching import Execution
from pgdose.checkpoints import Checkpoints
from pgdose.errors import Damaged
from pgdose.progress import Progress
from pgdose.study.controls import UniversalPerturbation
from pgdose.tables import output_files, parquet

PRECISION = "fp32"


def training_images(members, device):
    """The training images of the group; no others are learned on."""
    training = members.select(members.table["part"] == "training")
    classes = torch.from_numpy(training.labels).to(device)
    return universal.TrainingImages(
        len(training),
        lambda rows: (
            devices.scaled(training.read(rows.tolist()), device),
            classes[torch.from_numpy(rows).to(device)],
        ),
    )


def load_state(path):
    """What a killed job left; None without it."""
    with contextlib.suppress(FileNotFoundError, Damaged):
        tensors, metadata = tensor_files.load(path)
        return universal.State(tensors["delta"], tensors["velocity"], metadata["steps"])
    return None


def save_state(path, state):
    tensors = {"delta": state.delta, "velocity": state.velocity}
    tensor_files.save(tensors, path, {"steps": state.steps})


with job(snakemake) as log:
    params, wildcards, inputs = snakemake.params, snakemake.wildcards, snakemake.input
    device = network_job.device_of(snakemake)
    judges = settings(params, "judges")
    networks = {
        run: network_job.load_network(snakemake, path, PRECISION, device, log)[0]
        for run, path in zip(judges, inputs.networks, strict=True)
    }
    network = networks[wildcards.run]
    training = training_images(network_job.load_members(snakemake), device)
    work = work_folder(snakemake, inputs.members, device=device)
    tables, perturbations = [], {}
    for control, fields in settings(params).items():
        entry = UniversalPerturbation.model_validate(fields)
        name = f"{wildcards.group}/{wildcards.run}/{control}"
        members = network_job.attacked_members(snakemake, entry.images)
        samples = network_job.samples(members, params.seed, device)
        batch = network_job.batch_size(snakemake, network, samples.images, device)
        state = work / control / "learned.safetensors"
        delta = universal.learn(
            *(network, training, entry),
            universal.keyed_order(params.seed, name, training.number),
            at_once=batch,
            start=load_state(state),
            keep=lambda learned, path=state: save_state(path, learned),
            progress=Progress(log, f"{name}, learning"),
        )
        checkpoints = Checkpoints(work / control / "judged")
        execution = Execution(
            batch=batch,
            finished=checkpoints.load(),
            keep=checkpoints.save,
            progress=Progress(log, f"{name}, judging"),
        )
        judged = universal_judging.judge([*networks.values()], samples, delta, execution)
        numbers = members.table["member"].to_numpy(np.int32)
        tables.append(
            universal_judging.judged_table(control, entry.epsilon, judges, numbers, judged)
        )
        perturbations[f"{control}/perturbations"] = delta.float().cpu().numpy()
        perturbations[f"{control}/epsilon"] = np.asarray(entry.epsilon)
        log.info(
            "%s: learned on %d images, shown on %d to %s",
            *(name, training.number, len(samples), ", ".join(judges)),
        )
    metadata = {"device": device.type}
    parquet.write_table(pa.concat_tables(tables), snakemake.output.table, metadata=metadata)
    with output_files.atomic(snakemake.output.perturbations) as beside:
        np.savez(beside, **perturbations)
    Checkpoints(work).remove()
