"""Measures in, figures and the report out. Knows nothing of networks, sources or Snakemake."""
