"""The runs of a group: each is one network, and the attacks that it meets."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["main", "further", "sized"]
MAIN_RUN = "full"  # the folder of a group's main network
SIZED = r"n\d+-r\d+"  # the folders of networks trained on a part of the training images


@dataclass(frozen=True)
class Run:
    """One network of a group and what is done to it.

    name:    folder below the group's, unique in the group
    role:    main: the group's own network; further: another network on the same images;
             sized: the main architecture trained on a part of the training images
    size:    training images of a sized run; None for all of them
    repeat:  of a sized run, counted from 1; None for others
    attacks: names of the attacks, in the order of the study
    """

    group: str
    name: str
    role: Role
    attacks: tuple[str, ...]
    size: int | None = None
    repeat: int | None = None

    @property
    def path(self) -> str:
        """`group/name`, the run's folder below groups/."""
        return f"{self.group}/{self.name}"
