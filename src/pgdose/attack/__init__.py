"""Attacks: tensors in, response surface out. Knows no files, groups or Snakemake."""

from pgdose.attack.engine import Surface, surface, trajectory
from pgdose.attack.steps import Attack, make

__all__ = ["Attack", "Surface", "make", "surface", "trajectory"]
