"""Surfaces in, measures with confidence intervals out. Knows no networks."""
