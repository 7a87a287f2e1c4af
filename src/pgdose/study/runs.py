"""The runs of a group: each is one network, and the attacks on it."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from pgdose.study.defended_networks import DefendedNetwork, EnsembleNetwork
from pgdose.study.networks import ExistingNetwork
from pgdose.study.training import Training

Role = Literal["main", "repeat", "further", "sized"]
MAIN_RUN = "full"  # the folder of a group's main network
REPEATED = rf"{MAIN_RUN}-r\d+"  # the folders of its further trainings
SIZED = r"n\d+-r\d+"  # the folders of networks trained on a part of the training images
RESERVED = ("images",)  # other folders of a group
FOLDERS_OF_A_RUN = ("measures", "tensorboard")  # besides one for each attack


@dataclass(frozen=True)
class Run:
    """One network of a group and what is done to it.

    name:    folder below the group's, unique in the group
    role:    main: the group's own network; repeat: the same, trained once more with other draws;
             further: another network on the same images; sized: the main architecture trained on a
             part of the training images
    network: how it is trained, the file that it comes from, or the networks that it is made of
    attacks: names of the attacks, in the order of the study
    size:    training images of a sized run; None for all of them
    repeat:  of a sized run, counted from 1; of a repeat of the main run, from 2; None for others
    """

    group: str
    name: str
    role: Role
    network: ExistingNetwork | Training | DefendedNetwork | EnsembleNetwork
    attacks: tuple[str, ...]
    size: int | None = None
    repeat: int | None = None

    @property
    def path(self) -> str:
        """`group/name`, the run's folder below groups/."""
        return f"{self.group}/{self.name}"

    @property
    def is_trained(self) -> bool:
        """Whether the network is trained here."""
        return isinstance(self.network, Training)

    @property
    def is_imported(self) -> bool:
        """Whether the network comes from a file."""
        return isinstance(self.network, ExistingNetwork)

    @property
    def made_of(self) -> tuple[str, ...]:
        """The runs of the same group whose networks it is made of; none for other networks."""
        if isinstance(self.network, DefendedNetwork):
            return (self.network.of,)
        if isinstance(self.network, EnsembleNetwork):
            return tuple(self.network.ensemble)
        return ()

    @property
    def is_defended(self) -> bool:
        """Whether it is a further network that is made to resist attacks."""
        trained_so = isinstance(self.network, Training) and self.network.adversarial is not None
        return self.role == "further" and (trained_so or bool(self.made_of))

    @property
    def field(self) -> str:
        """The place of the run's network in the study file."""
        if self.role == "further":
            return f"groups.{self.group}.networks.{self.name}"
        return "training" if self.is_trained else f"groups.{self.group}.network"

    def identity(self) -> dict[str, Any]:
        """The columns that tell runs apart in result tables, by name."""
        return {
            "group": self.group,
            "run": self.name,
            "role": self.role,
            "size": self.size,
            "repeat": self.repeat,
        }


def may_be_further(name: str) -> bool:
    """Whether a further network may have a name; others are folders of another kind."""
    reserved = name in (MAIN_RUN, *RESERVED)
    return not (reserved or re.fullmatch(f"{REPEATED}|{SIZED}", name))
