"""A group's network and images of a study whose networks are trained, ready for an attack."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from pgdose import devices
from pgdose.attack.batching import Execution
from pgdose.attack.samples import Samples
from pgdose.attack.settings import make
from pgdose.attack.surface import Surface, surface
from pgdose.cohort import image_draws, images
from pgdose.networks import network_files
from pgdose.study.attacks import GradientAttack
from pgdose.study.doses import Doses
from pgdose.study.parsing import parse
from pgdose.study.runs import MAIN_RUN
from pgdose.study.study import Study
from pgdose.study.study_file import read_study_file


def read_study(path: Path) -> Study:
    return parse(read_study_file(path).content)


def chosen_attacks(
    description: str,
    images: int,
    purpose: str,
    kind: str,
    is_of_kind: Callable[[GradientAttack], bool],
) -> tuple[dict[str, GradientAttack], list["GroupUnderAttack"]]:
    """What the command line asks for: attacks of a study, and its groups with training images.

    Args:
        description: of the script.
        images: how many of each group are drawn, unless --images says another number.
        purpose: keys the draw.
        kind: what the script's attacks are, as in "gradient attacks".
        is_of_kind: whether an attack is one.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--study", type=Path, default=Path("config.yaml"))
    parser.add_argument("--attacks", nargs="+", help=f"names in the study; all {kind}")
    parser.add_argument("--images", type=int, default=images, help="training images of each group")
    arguments = parser.parse_args()
    study = read_study(arguments.study)
    of_kind = {
        name: entry
        for name, entry in study.attacks.items()
        if isinstance(entry, GradientAttack) and is_of_kind(entry)
    }
    names = arguments.attacks or list(of_kind)
    if not names or set(names) - set(of_kind):
        parser.error(f"--attacks takes {kind}: {', '.join(of_kind) or 'there are none'}")

    groups = [
        GroupUnderAttack(study, group, "training", arguments.images, f"{group} {purpose}")
        for group in study.groups
    ]
    return {name: of_kind[name] for name in names}, groups


class GroupUnderAttack:
    """A group's main network, and a keyed draw of its training or validation images."""

    def __init__(
        self, study: Study, group: str, part: str, number: int | str, purpose: str
    ) -> None:
        """`purpose` keys the draw; the study's own attacks draw with the group's name."""
        self.study, self.group = study, group
        self.device = devices.claim_device(1)
        folder = Path(study.results, "groups", group)
        size, channels = study.groups[group].image.size, study.channels(group)
        members = images.load_members(folder / "members.parquet", study.results, size, channels)
        of_part = members.table[members.table["part"] == part]
        drawn = image_draws.attacked(of_part, number, study.seed, purpose)
        members = members.select(members.table["member"].isin(drawn["member"]))
        self.table: pd.DataFrame = members.table
        self.samples = Samples(
            devices.scaled(members.read(range(len(members))), self.device),
            torch.from_numpy(members.labels).to(self.device),
            torch.from_numpy(image_draws.image_keys(members.table, study.seed)),
        )
        path = str(folder / MAIN_RUN / "network.safetensors")
        self.network: nn.Module
        self.network, _ = network_files.load_to_attack(path, "fp32", self.device)

    def attack(self, name: str, settings: GradientAttack, doses: Doses) -> Surface:
        """The response surface of an attack of the study with these settings."""
        made = make(settings, self.study.target(self.group, name))
        return surface(self.network, self.samples, made, doses, Execution(batch=32))

    def flips(self, measured: Surface) -> np.ndarray:
        """bool, attacked images x epsilons: which are wrong at the last iteration."""
        true = self.samples.classes.cpu()[measured.attacked]
        return (measured.logits[:, :, -1].argmax(dim=2) != true[:, None]).numpy()
