"""`pgdose.dose_response` beside a study's attack job, on the same images and network.

    .venv/bin/python benchmarks/dose_response.py [--study config.yaml] [--group H-BR] [--pairs 3]

Needs the networks of a finished study. Both are whole calls in this process, without imports: the
job reads members, network and clean logits and writes its surface; `dose_response` gets the pixels
and the same network as a plain torch module, finds keys and batch, and makes the cheap checks of
the attack, which the job leaves to another one. They take turns, the first to go changing; figures
are medians. Both must flip the same images at the same doses.
"""

import argparse
import json
import runpy
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
import yaml

import pgdose
from pgdose.attack.surface_table import SurfaceTable, read_surface
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.study.parsing import parse
from pgdose.study.study import Study

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


class Named(SimpleNamespace):
    """Values by name, as Snakemake's params and wildcards."""

    def items(self) -> Any:
        return vars(self).items()

    def __iter__(self) -> Any:
        return iter(vars(self).values())


class Resources(dict):  # type: ignore[type-arg]
    batch_mb = 3000


def attack_job(study: Study, group: str, attack: str, path: Path) -> None:
    """Run scripts/attack.py as the workflow does, on the CPU."""
    run = Path(study.results, "groups", group)
    entry = study.attacks[attack].settings() | {"target": study.target(group, attack)}
    shape = {"size": study.groups[group].image.size, "channels": study.channels(group)}
    job = SimpleNamespace(
        rule="attack",
        log=[str(path.with_suffix(".log"))],
        input=Named(
            members=str(run / "members.parquet"),
            network=str(run / "full/network.safetensors"),
            clean=str(run / "full/clean.parquet"),
        ),
        output=[str(path)],
        wildcards=Named(group=group, run="full", shard="0"),
        params=Named(
            settings=json.dumps({attack: entry}),
            shape=json.dumps(shape),
            results=study.results,
            seed=study.seed,
            threads=study.attacks[attack].threads,
            shards=1,
            code="",
        ),
        resources=Resources(gpu=0),
    )
    runpy.run_path(str(SCRIPTS / "attack.py"), {"snakemake": job})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.add_argument("--group", default="H-BR")
    parser.add_argument("--attack", default="sign")
    parser.add_argument("--pairs", type=int, default=3)
    given = parser.parse_args()
    study = parse(yaml.safe_load(given.study.read_text()))
    sys.path.insert(0, str(SCRIPTS))
    warnings.simplefilter("ignore", UserWarning)
    entry, run = study.attacks[given.attack], Path(study.results, "groups", given.group)
    members = images.load_members(
        run / "members.parquet",
        study.results,
        study.groups[given.group].image.size,
        study.channels(given.group),
    )
    drawn = image_draws.attacked(
        members.table[members.table["part"] == "validation"], entry.images, study.seed, given.group
    )
    members = members.select(members.table["member"].isin(drawn["member"]))
    network = network_files.load(run / "full/network.safetensors")
    plain = {"mean": network.mean.flatten().tolist(), "std": network.std.flatten().tolist()}
    attack = {k: v for k, v in entry.settings().items() if k not in ("images", "shards", "export")}
    surfaces: dict[str, SurfaceTable] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "surface.parquet")

        def job() -> None:
            path.unlink(missing_ok=True)
            attack_job(study, given.group, given.attack, path)
            surfaces["job"] = read_surface([path], run / "full/network.safetensors")

        def call() -> None:
            result = pgdose.dose_response(
                network.body,
                members.read(range(len(members))),
                members.labels,
                attack=attack,
                preprocessing=plain | {"channels": network.channels},
                keys=image_draws.image_keys(members.table, study.seed),
                progress=False,
            )
            surfaces["call"] = result.surface

        report(job, call, surfaces, members.labels, given.pairs)


def report(
    job: Callable[[], None],
    call: Callable[[], None],
    surfaces: dict[str, SurfaceTable],
    labels: np.ndarray,
    pairs: int,
) -> None:
    """Take turns, and print the times and their ratio."""
    seconds: dict[str, list[float]] = {"job": [], "call": []}
    for pair in range(pairs + 1):  # the first one warms up
        ways = [("job", job), ("call", call)]
        for name, way in ways[:: 1 if pair % 2 else -1]:
            start = time.perf_counter()
            way()
            if pair:
                seconds[name].append(time.perf_counter() - start)
        of_call, of_job = surfaces["call"], surfaces["job"]
        flips = of_call.flipped(labels[of_call.members])
        true = labels[of_call.members]
        assert np.array_equal(flips, of_job.flipped(true)), "they flip other images"
    ratios = [a / b for a, b in zip(seconds["call"], seconds["job"], strict=True)]
    print(f"images {len(labels)}, attacked {len(true)}, flips {int(flips.sum())}, equal in both")
    print(f"attack job:    {median(seconds['job']):.2f} s")
    print(f"dose_response: {median(seconds['call']):.2f} s, {median(ratios):.2f} of the job")
    print(f"ratios of the pairs: {', '.join(f'{ratio:.2f}' for ratio in sorted(ratios))}")


if __name__ == "__main__":
    main()
