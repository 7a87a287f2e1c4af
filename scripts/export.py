from pathlib import Path

from job import job, settings

import network_job
import pandas as pd
import torch
from PIL import Image

from pgdose import devices
from pgdose.analysis import examples
from pgdose.attack import rerun
from pgdose.attack.settings import read_settings
from pgdose.attack.surface_table import read_surface
from pgdose.tables import result_csv

COLUMNS = ["member", "epsilon", "iteration", "class_before", "class_after", "class_after_storage"]
COLUMNS += ["confidence_before", "confidence_after"]
CORNER = ["row", "column"]  # of the picture's upper left pixel in its DICOM file, from 0


def derivation(picture, attack, place, shape):
    """How a picture was made, for its DICOM file."""
    size = f"{shape[0]} x {shape[1]} pixels of 8 bits"
    if picture == "original":
        return f"Copy of an image at the size that a network sees, {size}; framed."
    what = "Image changed" if picture == "adversarial" else "Change made to an image"
    dose = f"epsilon {place['epsilon']:g}, iteration {place['iteration']}"
    return f"{what} by the adversarial attack {attack} of pgdose, {dose}; {size}; framed."


def write_dicom(pictures, record_id, place, number):
    """The pictures of a member as DICOM; the columns CORNER of its row."""
    # Imported here: pydicom, which other exports do not need.
    from pgdose.images import secondary_capture

    names, shape = snakemake.wildcards, pictures["original"].shape
    for step, (picture, pixels) in enumerate(pictures.items()):
        capture = secondary_capture.Capture(
            kind=picture,
            record_id=record_id,
            series=f"{params.study} {names.group} {names.attack}",
            derivation=derivation(picture, names.attack, place, shape),
            number=number * len(pictures) + step + 1,
        )
        file = folder / f"{place['member']}-{picture}.dcm"
        secondary_capture.write(pixels, capture, file, params.seed)
    return dict(zip(CORNER, secondary_capture.place(shape), strict=True))


with job(snakemake) as log:
    params, inputs = snakemake.params, snakemake.input
    study_attack = read_settings(settings(params))
    attack, doses = study_attack.make(), study_attack.doses
    precision = study_attack.entry.precision
    assert attack is not None  # the study refuses `export` of other libraries' attacks
    classes = settings(params, "classes")
    device = network_job.device_of(snakemake)
    members = network_job.load_members(snakemake)
    network, _ = network_job.load_network(snakemake, inputs.network, precision, device, log)
    level, iteration = doses.nearest_level(params.epsilon), min(doses.max_iter, params.iterations)
    epsilon = doses.epsilons[level]
    surface = read_surface(inputs.surfaces, inputs.network, doses)
    class_index = members.table.set_index("member")["class_index"]
    flipped = examples.flipped_members(surface, class_index, level, iteration)
    draw = examples.export_draw(members.table, params.seed, snakemake.wildcards.group)
    chosen = examples.choose(members.table, flipped, surface.members, params.amount, draw)
    # Only in a box does epsilon say how far a pixel can go.
    span = epsilon if attack.clip.is_box else None
    folder, rows = Path(snakemake.output[0]), []
    folder.mkdir(parents=True)
    record_ids = members.table.set_index("member")["record_id"]
    for number, member in enumerate(chosen):
        sample = network_job.sample_of(members, member, params.seed, device)
        version = rerun.rerun(network, sample, attack, doses, level, iteration)
        before, after = (rerun.as_bytes(i) for i in (version.clean, version.adversarial))
        pictures = {
            "original": before,
            "adversarial": after,
            "difference": rerun.difference(before, after, span),
        }
        for name, picture in pictures.items():
            Image.fromarray(picture).save(folder / f"{member}-{name}.png")
        stored = after[None] if after.ndim == 2 else after.transpose(2, 0, 1)
        with torch.no_grad():
            logits = network(devices.scaled(stored[None], device))[0]
        place = {"member": member, "epsilon": epsilon, "iteration": iteration}
        stored_class = {"class_after_storage": classes[int(logits.argmax())]}
        row = place | version.predictions(classes) | stored_class
        if params.dicom:
            row |= write_dicom(pictures, record_ids[member], place, number)
        rows.append(row)
    columns = COLUMNS + CORNER * params.dicom
    result_csv.write_csv(pd.DataFrame(rows, columns=columns), folder / "images.csv")
    log.info(
        "%d of %d attacked images, %d flipped", len(chosen), len(surface.members), len(flipped)
    )
