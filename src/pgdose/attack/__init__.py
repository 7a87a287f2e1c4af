"""Attacks: tensors in, response surface out. Knows no files, groups or Snakemake."""

from pgdose.attack.engine import Surface, iterate, surface, trajectory
from pgdose.attack.steps import Attack, make
from pgdose.attack.transfer import Transfer, transfer

__all__ = ["Attack", "Surface", "Transfer", "iterate", "make", "surface", "trajectory", "transfer"]
