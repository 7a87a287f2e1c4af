"""Microscope fields and whole slides: tissue, outlines, masks, tiles."""
