"""A group's network and images of a study whose networks are trained, ready for an attack."""

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
from pgdose.study.study import Study
from pgdose.study.study_file import read_study_file


def read_study(path: Path) -> Study:
    return parse(read_study_file(path).content)


class GroupUnderAttack:
    """The network of a group's run, and a keyed draw of its training or validation images."""

    def __init__(
        self,
        study: Study,
        group: str,
        part: str,
        number: int | str,
        purpose: str,
        run: str = "full",
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
        path = str(folder / run / "network.safetensors")
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
