"""What a study of the paper's size costs: jobs, bytes and hours, from rates measured here.

    .venv/bin/python benchmarks/scale.py [--study STUDY.yaml] [--results results/phantom]

Each rate is that of the code that the jobs run, on made-up films, fields and slides of the study's
sizes, in this process; hours are rates times the study's counts, of one core or, for networks, of
the device (`--threads` CPU threads, or `--device cuda`). Gradient steps per image come from the
diagnostics of a finished study; without it every point of the surface costs its own steps.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, median

import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image
from xray_pixels import HEADERS, write_film

from pgdose import devices
from pgdose.histology.fields import read_field_tiles
from pgdose.histology.slides.tiles import read_slide_tiles
from pgdose.images.fitting import render
from pgdose.networks import architectures, folding
from pgdose.study.image_size import sides
from pgdose.study.parsing import parse
from pgdose.study.sources import FilmScreen
from pgdose.study.study import Study
from pgdose.study.training import Training
from pgdose.tables.private_paths import stat_file
from pgdose.training.state import TrainingState
from pgdose.training.step import Batch, gradients
from pgdose.xray import headers, screening
from pgdose.xray.aorta_window import aorta_window
from pgdose.xray.chest_fit import ChestFit
from pgdose.xray.source_images import ImageSettings, read_source_image
from pgdose_phantom import svs

FILMS = ImageSettings("dicom_archive", "xray")
RECORDS = 1_908_926  # of the paper's archive
FIELDS, SLIDES = 4_000, 500
STATE = 3 * 4 * 21_800_000  # bytes of a training's resume state: weights and Adam's two moments


def seconds(call: Callable[[], object], rounds: int = 5) -> float:
    """The median time of a call, after one that does not count."""
    call()
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def of_pixels(folder: Path) -> dict[str, float]:
    """Seconds per film or tile on one core."""
    film = stat_file(write_film(folder / "film.dcm"))
    pixels = read_source_image(film, FILMS).pixels
    limits = FilmScreen().to_dict()

    def look() -> None:
        found = read_source_image(film, FILMS).pixels
        screening.check_image(found, limits)
        screening.check_view(ChestFit(found), limits)

    rng = np.random.default_rng(1)
    smooth = rng.integers(0, 256, (12, 16, 3), np.uint8)
    field = Image.fromarray(smooth).resize((2048, 1536), Image.Resampling.BICUBIC)
    field.save(folder / "field.tif")
    places = pd.DataFrame([(x, y) for x in range(0, 2048, 256) for y in range(0, 1536, 256)])
    places.columns = ["x", "y"]
    picture = np.asarray(field.resize((2048, 2048)))
    levels = svs.pyramid(picture, [1, 4])
    svs.write_svs(levels, folder / "slide.svs", mpp=0.25, power=40)
    tiles = pd.DataFrame(
        [(x, y, 0, 256.0) for x in range(0, 2048, 256) for y in range(0, 2048, 256)]
    )
    tiles.columns = ["x", "y", "level", "extent"]
    return {
        "header": seconds(lambda: headers.read_header(film.path, HEADERS)),
        "screen": seconds(look),
        "aorta": seconds(lambda: aorta_window(pixels, 0.14)),
        "render": seconds(
            lambda: render(read_source_image(film, FILMS).pixels, 256)
        ),
        "field tile": seconds(
            lambda: list(read_field_tiles(folder / "field.tif", places, 256, bits=16))
        ) / len(places),
        "slide tile": seconds(
            lambda: read_slide_tiles(folder / "slide.svs", tiles, 256, lambda *_: None)
        ) / len(tiles),
    }  # fmt: skip


def of_network(study: Study, sizes: set, device: torch.device) -> dict:
    """Seconds per image of a training step and of an attack's step."""
    batch = 8 if device.type == "cpu" else study.training.batch
    found = {}
    for size in sizes:
        images = np.random.default_rng(0).integers(0, 256, (batch, 3, *sides(size)), np.uint8)
        labels = torch.arange(batch) % 2
        network = architectures.build("inception_v3", 2, size, study.training.width).to(device)
        network.to(memory_format=torch.channels_last)
        settings = Training(epochs=1, batch=batch, lr=1e-3, schedule="constant")
        state = TrainingState(network, settings, 1, device)
        folded, _ = devices.with_precision(folding.fold(network), "fp32", device)
        pixels = devices.scaled(images, device)

        def train(state=state, images=images, labels=labels) -> None:
            state.network.train()
            state.optimiser.zero_grad(set_to_none=True)
            gradients(state, state.network, Batch(torch.from_numpy(images), labels))
            state.step()

        def step(folded=folded, pixels=pixels) -> None:
            images = pixels.detach().requires_grad_()
            torch.autograd.grad(folded(images).sum(), images)[0].sum().item()

        found["training", size] = seconds(train) / batch
        found["attack", size] = seconds(step) / batch
    return found


def members(study: Study, group: str) -> int:
    """Images of a group, copies with them."""
    amounts = (c.augment_to or c.count or c.at_most for c in study.groups[group].classes.values())
    return sum(int(amount or 0) for amount in amounts)


def steps_of(study: Study, attack: str, results: Path) -> tuple[float, bool]:
    """Gradient steps per image, and whether they were measured."""
    settings = study.attacks[attack]
    if settings.kind == "noise":  # one forward pass for each point, a third of a step
        return len(settings.epsilon) * settings.max_iter / 3, True
    tables = [pd.read_parquet(p) for p in results.glob("groups/*/full/diagnostics.parquet")]
    steps = [
        float(table["steps_per_image"][table["attack"] == attack].iloc[0])
        for table in tables
        if (table["attack"] == attack).any()
    ]
    if steps:
        return mean(number for number in steps if number > 0), True
    return len(settings.epsilon) * settings.max_iter, False


def rows(study: Study, rates: dict, results: Path) -> Iterator[tuple[str, float, float, str]]:
    """(what, number of things, hours, bytes on disk) of each stage."""
    films = sum(members(study, g) for g in study.groups if study.modality(g) == "xray")
    pixels = sum(
        members(study, g) * math.prod(sides(known.image.size))
        for g, known in study.groups.items()
        if not study.tiled(g)
    )
    tiles, of_slides = FIELDS * 48, 2 * study.sources["breast"].tiles_per_class
    yield "headers", RECORDS, RECORDS * rates["header"] / 3600, "0.3 GB"
    yield (
        "screen: every film a group could take",
        RECORDS,
        RECORDS * rates["screen"] / 3600,
        "0.2 GB",
    )
    yield "the aorta's window", RECORDS, RECORDS * rates["aorta"] / 3600, ""
    yield "render", films, films * rates["render"] / 3600, f"{pixels / 1e9:.0f} GB"
    yield (
        "tiles of fields",
        tiles,
        tiles * rates["field tile"] / 3600,
        f"{tiles * 196608 / 1e9:.0f} GB",
    )
    yield (
        "tiles of slides",
        of_slides,
        of_slides * rates["slide tile"] / 3600,
        f"{of_slides * 196608 / 1e9:.0f} GB",
    )
    learned = hours = 0.0
    for g, known in study.groups.items():
        of_runs = [members(study, g) * study.split.training]
        of_runs += [run.size for run in study.runs(g).values() if run.role == "sized"]
        looked = study.training.epochs * sum(of_runs)
        learned += looked
        hours += looked * rates["training", sides(known.image.size)] / 3600
    yield (
        f"training, {study.training.epochs} epochs",
        learned,
        hours,
        f"{20 * STATE / 3e9:.1f} GB, {STATE / 1e6:.0f} MB of state while a job runs",
    )
    for attack, known in study.attacks.items():
        steps, measured = steps_of(study, attack, results)
        attacked = hours = size = 0.0
        for g, group in study.groups.items():
            runs = sum(attack in run.attacks for run in study.runs(g).values())
            images = runs * members(study, g) * (1 - study.split.training)
            attacked += images
            hours += images * steps * rates["attack", sides(group.image.size)] / 3600
            size += images * len(known.epsilon) * (known.max_iter + 1) * len(group.classes) * 4
        how = f"{steps:.0f} steps an image" + ("" if measured else ", at most")
        yield f"attack {attack}, {how}", attacked, hours, f"{size / 1e9:.1f} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("resources/studies/paper.yaml"))
    parser.add_argument("--results", type=Path, default=Path("results/phantom"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    study = parse(yaml.safe_load(arguments.study.read_text()))
    device = torch.device(arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        rates: dict = of_pixels(Path(folder))
    rates |= of_network(study, {sides(group.image.size) for group in study.groups.values()}, device)
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{arguments.threads} threads"
    )
    print(f"network stages on {name}; all others on one core\n")
    print("| rate | ms |\n|---|---|")
    for what, rate in rates.items():
        text = what
        if not isinstance(what, str):
            stage, (height, width) = what
            text = f"{stage} step, {height} x {width} px, an image"
        print(f"| {text} | {1000 * rate:.3g} |")
    print("\n| stage | things | hours | bytes |\n|---|---|---|---|")
    for what, number, hours, size in rows(study, rates, arguments.results):
        print(f"| {what} | {number:,.0f} | {hours:,.1f} | {size} |")


if __name__ == "__main__":
    main()
