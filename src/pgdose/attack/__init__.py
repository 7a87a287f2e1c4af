"""Attacks: tensors in, response surface out. Knows no files, groups or Snakemake."""

from pgdose.attack.engine import Surface, surface, trajectory
from pgdose.attack.steps import Gradient, Noise, make

__all__ = ["Gradient", "Noise", "Surface", "make", "surface", "trajectory"]
